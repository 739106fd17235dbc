"""The tracking remote as this clone knows it: what its references are called, there and here.

=====================================  =====================================================
at the remote                          here, as of the last fetch
=====================================  =====================================================
``refs/heads/gtrack``                  ``refs/remotes/<remote>/gtrack``, as git itself does it
``refs/gtrack/code``                   ``refs/gtrack/remotes/<remote>/code``
``refs/gtrack/inbox/<clone>/runs``     ``refs/gtrack/remotes/<remote>/inbox/<clone>/runs``
``refs/gtrack/inbox/<clone>/code``     ``refs/gtrack/remotes/<remote>/inbox/<clone>/code``
=====================================  =====================================================

An inbox is a clone's own place at the remote, where nobody races it: what could not be pushed to the branch waits
there until a push that wins takes it in.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from gtrack.branch.chain import CODE_REF
from gtrack.branch.repository import Repository
from gtrack.errors import UsageError

__all__ = ["INBOX", "Tracking", "clone_id", "is_shallow", "tracking"]

INBOX = "refs/gtrack/inbox/"
"""Where the inboxes are at the remote."""

_CLONE = re.compile(r"[0-9a-f]{16}\Z")
_REMOTE = re.compile(r"(?!-)[\w.+-]+(?:/[\w.+-]+)*\Z")


@dataclass(frozen=True, slots=True)
class Tracking:
    """The names of a remote's references.

    Attributes:
        remote: The remote's name.
        branch: The branch that holds the runs, ``refs/heads/gtrack``.
    """

    remote: str
    branch: str

    @property
    def tip_ref(self) -> str:
        """The remote's branch, here."""
        return f"refs/remotes/{self.remote}/{self.branch.removeprefix('refs/heads/')}"

    @property
    def code_ref(self) -> str:
        """The remote's chain of snapshots, here."""
        return f"refs/gtrack/remotes/{self.remote}/code"

    @property
    def inbox_prefix(self) -> str:
        """The folder of the remote's inboxes, here."""
        return f"refs/gtrack/remotes/{self.remote}/inbox/"

    def refspecs(self, *, code: bool = True) -> dict[str, str]:
        """Return what a fetch brings: the references here by those at the remote.

        Args:
            code: Snapshots as well. Their chain leads to commits of the code, whose history a shallow clone lacks and
                would get with it.
        """
        runs = {self.branch: self.tip_ref, f"{INBOX}*/runs": f"{self.inbox_prefix}*/runs"}
        more = {CODE_REF: self.code_ref, f"{INBOX}*/code": f"{self.inbox_prefix}*/code"}
        return {**runs, **more} if code else runs

    def inboxes(self, repo: Repository, kind: str) -> dict[str, str]:
        """Return the tips of the inboxes as of the last fetch, by their names at the remote.

        Args:
            repo: The repository.
            kind: ``runs`` or ``code``.
        """
        found = {}
        for name in repo.refs.names(self.inbox_prefix):
            clone, _, what = name.removeprefix(self.inbox_prefix).partition("/")
            oid = repo.refs.read(name) if what == kind and _CLONE.match(clone) else None
            if oid is not None:
                found[f"{INBOX}{clone}/{kind}"] = oid
        return found


def tracking(repo: Repository, remote: str | None = None) -> Tracking:
    """Return the names for the tracking remote, or for another one.

    Args:
        repo: The repository.
        remote: A remote's name; the tracking remote by default.

    Raises:
        UsageError: There is no such remote, or no tracking remote is chosen.
    """
    names = repo.config.subsections("remote")
    name = remote or repo.remote
    if name is None:
        raise UsageError(
            f"which remote holds the team's runs? There are {', '.join(names)}"
            if names
            else "this repository has no remote to share runs with",
            hint=f"gtrack init --remote {names[0]}" if names else "git remote add origin URL",
        )
    if name not in names or not _REMOTE.match(name) or ".." in name:
        known = f"git remote lists {', '.join(names)}" if names else "there are none"
        raise UsageError(f"there is no remote {name!r:.80}: {known}", hint=f"git remote add {name:.80} URL")
    return Tracking(name, repo.branch)


def is_shallow(repo: Repository) -> bool:
    """Tell whether the clone lacks old commits of the code."""
    try:
        return os.stat(os.path.join(repo.paths.common_dir, "shallow")).st_size > 0
    except FileNotFoundError:
        return False


def clone_id(repo: Repository) -> str:
    """Return this clone's own id, 16 random hex digits that are made when first asked for.

    Raises:
        OSError: The repository cannot be written.
    """
    path = os.path.join(repo.paths.home, "clone")
    for _ in range(2):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                text = file.read(64).strip()
            if _CLONE.match(text):
                return text
            os.unlink(path)  # torn by a full disk or a power loss: a new one does
        except FileNotFoundError:
            pass
        os.makedirs(repo.paths.home, mode=0o700, exist_ok=True)
        draft = f"{path}.{os.getpid()}.new"
        with open(draft, "w", encoding="ascii") as file:
            file.write(os.urandom(8).hex() + "\n")
        try:
            os.link(draft, path)  # whoever is first decides: two processes must not have two ids
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    with open(path, encoding="ascii") as file:
        return file.read(64).strip()
