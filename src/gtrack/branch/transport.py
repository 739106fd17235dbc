"""What gtrack says to a remote: list, fetch, push. Nothing else talks to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from gtrack.branch.transport_process import Limits
from gtrack.branch.transport_push import ABSENT, Outcome, Status, Update, check_ref
from gtrack.branch.transport_url import check_remote_name
from gtrack.errors import UsageError

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository

__all__ = ["ABSENT", "STALL", "TIMEOUT", "Outcome", "Status", "Transport", "Update"]

STALL = 120.0
"""Seconds without a sign of life after which a remote is given up: a server's hook may be silent for a while."""
TIMEOUT = 3600.0
"""Seconds after which it is given up in any case: a large transfer over a slow line is not cut before."""


class _Means(Protocol):
    """How a remote is reached."""

    def list(self, patterns: Sequence[str]) -> dict[str, str]: ...

    def fetch(self, refspecs: Mapping[str, str]) -> dict[str, str | None]: ...

    def push(self, updates: Mapping[str, Update]) -> dict[str, Outcome]: ...

    def set_copies(self, copies: Mapping[str, str | None]) -> None: ...


class Transport:
    """A remote of a repository.

    Beside the references that are named here, nothing of the user's changes: no HEAD, FETCH_HEAD, tag, other
    reference or setting; a shallow or partial clone stays as it is, and a full one stays full. Hooks of this clone do
    not run; those of the server do.

    Args:
        repo: The repository.
        remote: The name of the remote.
        interactive: Let git and ssh ask for passwords on the terminal; then only Ctrl-C ends a wait.
        timeout: Seconds after which any one command is given up.
        stall: Seconds without a sign of life from the remote after which it is given up.

    Raises:
        UsageError: The name is malformed.

    Example:
        >>> transport = Transport(repo, "origin")
        >>> transport.fetch({"refs/heads/gtrack": "refs/remotes/origin/gtrack"})
        {'refs/heads/gtrack': '15f61e33bf1661ce39993257ecb61b83070001e9'}
    """

    def __init__(
        self,
        repo: Repository,
        remote: str,
        *,
        interactive: bool = False,
        timeout: float = TIMEOUT,
        stall: float = STALL,
    ) -> None:
        self._means: _Means = _means(repo, check_remote_name(remote), interactive, Limits(stall, timeout))

    def list(self, *patterns: str) -> dict[str, str]:
        """Return references of the remote and their object ids.

        All references travel to be listed: fetch is cheaper where it will do.

        Args:
            patterns: Full names, each with at most one ``*``, which matches slashes too; none means all.

        Raises:
            NotFoundError: There is no such remote.
            NetworkError: It cannot be reached, or broke off; the message says why.
            AuthenticationError: It does not let us in.
        """
        for pattern in patterns:
            check_ref(pattern, pattern=True)
        found = self._means.list(patterns)
        return {name: oid for name, oid in found.items() if not patterns or _matches(name, patterns)}

    def fetch(self, refspecs: Mapping[str, str]) -> dict[str, str | None]:
        """Make our copies of references what the remote has.

        Copies are overwritten, and deleted where the remote has no such reference any more.

        Args:
            refspecs: Name at the remote to name of our copy, each with at most one ``*``.

        Returns:
            Object id by name at the remote, for every match of a pattern; None for a name that is not there.

        Raises:
            NotFoundError: There is no such remote.
            NetworkError: It cannot be reached, or broke off; the message says why.
            AuthenticationError: It does not let us in.
            DamageError: What it sent is damaged.
            ConflictError: Another process keeps a copy locked.
        """
        for there, here in refspecs.items():
            check_ref(there, pattern=True)
            check_ref(here, pattern=True)
            if there.count("*") != here.count("*"):
                raise UsageError(f"{there} and {here} do not go together: one has a * and one has none")
        return self._means.fetch(refspecs) if refspecs else {}

    def push(self, updates: Sequence[Update]) -> dict[str, Outcome]:
        """Create, move and delete references at the remote, never by force.

        Each reference has its own outcome: the server may take one and not another.

        Args:
            updates: What to do, at most once for each reference.

        Returns:
            Outcome by name at the remote, for every update.

        Raises:
            NotFoundError: There is no such remote.
            NetworkError: It cannot be reached, its disk is full, or the connection broke off, in which case what
                became of the updates is not known before the next fetch.
            AuthenticationError: It does not let us in.
        """
        asked = {update.ref: update for update in updates}
        if len(asked) < len(updates):
            raise UsageError("a push names each reference once")
        found = self._means.push(asked) if asked else {}
        copies = {
            update.local: update.new
            for ref, update in asked.items()
            if update.local is not None and found[ref].status in (Status.DONE, Status.UNCHANGED)
        }
        if copies:
            self._means.set_copies(copies)
        return found


def _matches(name: str, patterns: Sequence[str]) -> bool:
    for pattern in patterns:
        before, star, after = pattern.partition("*")
        if name == pattern:
            return True
        if star and name.startswith(before) and name.endswith(after) and len(name) >= len(before + after):
            return True
    return False


def _means(repo: Repository, remote: str, interactive: bool, limits: Limits) -> _Means:
    if repo.git is None:
        from gtrack.branch.transport_dulwich import DulwichTransport

        return DulwichTransport(repo, remote, limits=limits)
    from gtrack.branch.transport_git import GitTransport

    return GitTransport(repo, repo.git, remote, interactive=interactive, limits=limits)
