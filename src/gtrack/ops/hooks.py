"""What the hook ``pre-push`` does: stop accidents with gtrack's references, and send runs along with code."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gtrack.branch.commit_objects import is_ancestor
from gtrack.branch.repository import Repository
from gtrack.capture.command import strip_credentials
from gtrack.capture.files import read_bytes, read_text
from gtrack.config import truthy
from gtrack.errors import ConflictError, GitError
from gtrack.ids import is_object_id

__all__ = ["PushOptions", "PushedRef", "parse_pushed", "pre_push", "push_options"]

_OWN = "refs/gtrack/"
_ALLOW = "GTRACK_ALLOW_REWRITE"
_ON_PURPOSE = f"on purpose: {_ALLOW}=1 git push ..."
_SHORT_DRY_RUN = re.compile(rb"-[46dfquv]*n")
_ANCESTORS = 8
"""How many processes above a hook git is looked for: the hook's shell, a framework, its interpreter."""


@dataclass(frozen=True, slots=True)
class PushedRef:
    """A reference that ``git push`` is about to set.

    Attributes:
        ref: Its full name at the remote.
        new: The object id it is to have, or None when it is to be deleted.
        old: The object id it has there, or None.
    """

    ref: str
    new: str | None
    old: str | None


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What ``git push`` was asked for.

    Attributes:
        dry_run: It only shows what it would do.
        mirror: It makes the remote's references those that are here, and deletes the others.
    """

    dry_run: bool = False
    mirror: bool = False


def parse_pushed(lines: Iterable[str]) -> Iterator[PushedRef]:
    """Yield the references that git names to ``pre-push``, a line each: local ref, its id, remote ref, its id.

    A local ref may be an expression with spaces, as in ``HEAD^{/fix it}``. See `githooks(5)
    <https://git-scm.com/docs/githooks#_pre_push>`_.

    Example:
        >>> list(parse_pushed(["refs/heads/main 15f6... refs/heads/main 0000..."]))[0].old is None
        True
    """
    for line in lines:
        parts = line.rstrip("\n").rsplit(" ", 3)
        if len(parts) == 4 and is_object_id(parts[1]) and is_object_id(parts[3]):
            yield PushedRef(parts[2], _id(parts[1]), _id(parts[3]))


def pre_push(
    repo: Repository, remote: str, url: str, lines: Iterable[str], *, tell: Callable[[str], None]
) -> ConflictError | None:
    """Look at a push that git is about to make: refuse accidents with gtrack's references, else send runs along.

    Runs go along with a push of code to the tracking remote alone, and never with one of gtrack's own references.

    Args:
        repo: The repository.
        remote: The remote's name, or its URL where it has none.
        url: Its URL.
        lines: What git says of the references.
        tell: Called with a sentence for the user.

    Returns:
        Why the push must not be made, or None when git may go on.
    """
    pushed = list(parse_pushed(lines))
    tracked = _is_tracking(repo, remote, url)
    shown = remote if remote in repo.config.subsections("remote") else strip_credentials(remote)
    ours = [entry for entry in pushed if entry.ref == repo.branch or entry.ref.startswith(_OWN)]
    for entry in ours:
        refusal = _accident(repo, shown, entry, tracked=tracked)
        if refusal is not None:
            return refusal
    options = push_options()
    if tracked and (options.mirror or _looks_like_a_mirror(repo, remote, pushed)):
        return _mirror(repo, shown)
    only_deletes = bool(pushed) and all(entry.new is None for entry in pushed)
    if tracked and not ours and not only_deletes and not options.dry_run:
        from gtrack.ops.share import push_along

        done = push_along(repo, tell=tell)
        if done is not None and done.runs:
            tell(f"sent {done.runs} run{'s' if done.runs > 1 else ''} along to {done.remote}")
    return None


def push_options(root: str = "/") -> PushOptions:
    """Return what the ``git push`` that called this hook was asked for, where the system shows it (Linux).

    Git tells its hook neither that it only shows what it would do, nor what a mirror is about to delete; so the
    arguments of its own process are looked at.

    Args:
        root: The directory that stands for ``/``.
    """
    words = _push_arguments(root)
    words = words[: words.index(b"--")] if b"--" in words else words
    return PushOptions(
        dry_run=any(word.startswith(b"--dr") or _SHORT_DRY_RUN.match(word) for word in words),
        mirror=any(word.startswith(b"--m") for word in words),
    )


def _push_arguments(root: str) -> Sequence[bytes]:
    """Return the words after ``git push`` in the nearest process above this one that is one."""
    pid = os.getppid()
    for _ in range(_ANCESTORS):
        words = (read_bytes(root, f"proc/{pid}/cmdline") or b"").rstrip(b"\0").split(b"\0")
        if os.path.basename(words[0]).startswith(b"git") and b"push" in words:
            return words[words.index(b"push") + 1 :]
        status = read_text(root, f"proc/{pid}/status") or ""
        parent = re.search(r"^PPid:\s*([1-9]\d*)$", status, re.MULTILINE)
        if parent is None:
            break
        pid = int(parent[1])
    return ()


def _id(oid: str) -> str | None:
    return None if set(oid) == {"0"} else oid


def _is_tracking(repo: Repository, remote: str, url: str) -> bool:
    """Tell whether a push goes to the tracking remote, named or by its URL."""
    name = repo.remote
    if name is None or name == remote:
        return name is not None
    urls = {*repo.config.get_all(f"remote.{name}.url"), *repo.config.get_all(f"remote.{name}.pushurl")}
    return url in urls


def _accident(repo: Repository, remote: str, entry: PushedRef, *, tracked: bool) -> ConflictError | None:
    """Return what would go wrong with one of gtrack's references, or None."""
    branch = repo.branch.removeprefix("refs/heads/")
    allowed = truthy(repo.env.get(_ALLOW))
    if entry.ref.startswith(_OWN):
        what = f"delete {entry.ref} at" if entry.new is None else f"publish {entry.ref} to"
        return (
            None
            if allowed
            else ConflictError(
                f"this push would {what} {remote}: it is gtrack's own, and may hold code that nobody agreed to publish",
                hint=f"push branches by name, not with --mirror; {_ON_PURPOSE}",
            )
        )
    if not tracked:
        mine = f"they are shared through {repo.remote}" if repo.remote else "no remote is chosen for them"
        return ConflictError(
            f"this push would publish the runs of the branch {branch} to {remote}, but {mine}",
            hint="name what to push: git push REMOTE main; on purpose: git push --no-verify ...",
        )
    if entry.new is None and not allowed:
        return ConflictError(
            f"this push would delete the branch {branch} at {remote}, and with it the team's runs",
            hint=f"gtrack rm deletes single runs; {_ON_PURPOSE}",
        )
    if not allowed and not _is_forward(repo, entry):
        return ConflictError(
            f"this push would overwrite the branch {branch} at {remote}, and runs that others pushed would be lost",
            hint=f"gtrack push adds yours to theirs; {_ON_PURPOSE}",
        )
    return None


def _looks_like_a_mirror(repo: Repository, remote: str, pushed: Iterable[PushedRef]) -> bool:
    """Tell a mirror by its configuration, or by the tracking references that nobody pushes otherwise."""
    if repo.config.flag(f"remote.{remote}.mirror"):
        return True
    return any(entry.ref.startswith("refs/remotes/") for entry in pushed)


def _mirror(repo: Repository, remote: str) -> ConflictError | None:
    if truthy(repo.env.get(_ALLOW)):
        return None
    return ConflictError(
        f"this push would make {remote} a mirror of this clone, and delete there what other clones sent of their runs",
        hint=f"push branches by name: git push {remote} main; {_ON_PURPOSE}",
    )


def _is_forward(repo: Repository, entry: PushedRef) -> bool:
    try:
        return is_ancestor(repo, entry.old, entry.new)
    except GitError:
        return False  # what the remote has is not even here, and git asks hooks of such a push only when it is forced
