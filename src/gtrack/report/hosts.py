"""Where a commit and a file are to be seen in a browser: the web hosts whose addresses are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from gtrack.capture.command import strip_credentials
from gtrack.ids import is_object_id

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Host", "host_of", "host_of_remote"]

_HOSTS = {
    "github.com": ("commit", "blob"),
    "gitlab.com": ("-/commit", "-/blob"),
    "bitbucket.org": ("commits", "src"),
    "codeberg.org": ("commit", "src/commit"),
}
"""What stands before a commit's id in the address of the commit, and in that of a file in it."""
_PART = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9._~-]*\Z")
_MOST_PARTS = 10


@dataclass(frozen=True, slots=True)
class Host:
    """A repository on a web host.

    Attributes:
        base: Its address, ``https://github.com/acme/churn``.
        of_commit: What stands before a commit's id.
        of_file: What stands before a commit's id in the address of a file.
    """

    base: str
    of_commit: str
    of_file: str

    def commit(self, oid: object) -> str:
        """Return the address of a commit; empty for what is no commit's id."""
        return f"{self.base}/{self.of_commit}/{oid}" if isinstance(oid, str) and is_object_id(oid) else ""

    def file(self, oid: str, path: str) -> str:
        """Return the address of a file at a commit.

        Args:
            oid: The commit's id.
            path: The path from the top of the repository.
        """
        return f"{self.base}/{self.of_file}/{oid}/{quote(path, errors='replace')}" if is_object_id(oid) else ""


def host_of(name: str) -> Host | None:
    """Return the host of a remote's name or URL; None where no address is known for it.

    Example:
        >>> host_of("git@github.com:acme/churn.git").commit("3f2a9c1d7b6e4a508c2f9e0d1a7b3c55aabbccdd")
        'https://github.com/acme/churn/commit/3f2a9c1d7b6e4a508c2f9e0d1a7b3c55aabbccdd'
    """
    host, *path = strip_credentials(name).split("/")
    known = _HOSTS.get(host.lower())
    if known is None or not 2 <= len(path) <= _MOST_PARTS or not all(map(_PART.match, path)):
        return None
    return Host(f"https://{host.lower()}/{'/'.join(path)}", *known)


def host_of_remote(repo: Repo) -> Host | None:
    """Return the host of the remote that the code is pushed to: ``origin``, else the one that the team shares.

    What a run says of its remote does not count: it could lead anywhere.
    """
    repository = repo.repository
    names = repository.config.subsections("remote")
    name = "origin" if "origin" in names else repository.remote
    url = repository.config.get(f"remote.{name}.url") if name else None
    return host_of(url) if url else None
