"""What a push asks of a remote, reference by reference, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from gtrack.errors import UsageError
from gtrack.ids import is_object_id
from gtrack.text import clean

__all__ = ["ABSENT", "Outcome", "Status", "Update", "check_ref", "outcome_of", "parse_porcelain"]

ABSENT = ""
"""As the expected value: the reference must not exist."""

# https://git-scm.com/docs/git-check-ref-format, and at least two slashes: nothing of ours is a HEAD.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?\[\\\ud800-\udfff]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|[./]\Z")
_PORCELAIN = re.compile(
    r"(?P<flag>[-+*=! ])\t[^\t:]*:(?P<ref>[^\t]+)\t(?P<kind>\[[^\]]*\]|\S+)(?: \((?P<why>.*)\))?\s*\Z"
)
_OVERTAKEN = re.compile(
    r"fetch first|non-fast-forward|stale info|already exists|failed to update ref|failed to lock|cannot lock ref"
    r"|incorrect old value|but expected|unable to resolve reference|Unable to create .*\.lock|reference conflict",
    re.IGNORECASE,
)
_POLICY = "non-fast-forward"
"""Of a replacement with an expected value, only a server's ``receive.denyNonFastForwards`` says this."""


class Status(Enum):
    """What became of one reference of a push."""

    DONE = "done"
    UNCHANGED = "unchanged"
    RACED = "raced"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one reference of a push, and why.

    Attributes:
        status: ``DONE``; ``UNCHANGED``: the remote had that value; ``RACED``: it has another than was expected, so
            fetch and try again; ``REFUSED``: the server does not want it, and will not want it the next time.
        reason: The server's or git's reason in its own words, safe to print.
        said: What the server printed besides, line by line, safe to print.
    """

    status: Status
    reason: str = ""
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """One reference that a push creates, moves or deletes.

    Attributes:
        ref: Its full name at the remote.
        new: The object id it shall have; None deletes it.
        expected: The value it must have at the remote when it is replaced or deleted, or :data:`ABSENT`. None, the
            default, asks for a plain fast-forward or a creation, and the server arbitrates.
        local: Our copy of the reference, which follows when the push is done; None where git's own is enough.
        negotiate: Ask first which commits the remote has, which takes a connection more: for code, of which it may
            have more than was fetched. Measured, 458 bytes instead of 2.3 MB where its main had moved on.

    Raises:
        UsageError: A name or an object id is malformed, or a deletion names no expected value.

    Example:
        >>> Update("refs/heads/gtrack", "15f61e33bf1661ce39993257ecb61b83070001e9").expected is None
        True
    """

    ref: str
    new: str | None
    expected: str | None = None
    local: str | None = None
    negotiate: bool = False

    def __post_init__(self) -> None:
        check_ref(self.ref)
        if self.local is not None:
            check_ref(self.local)
        for oid in (self.new, self.expected or None):
            if oid is not None and not is_object_id(oid):
                raise UsageError(f"{oid!r:.80} is not an object id")
        if self.new is None and not self.expected:
            raise UsageError(f"{self.ref} is deleted only with the value it is expected to have")

    @property
    def refspec(self) -> str:
        """The refspec for ``git push``, never with a ``+``."""
        return f"{self.new or ''}:{self.ref}"

    @property
    def lease(self) -> str | None:
        """The option that makes the server compare before it sets, or None for a plain update."""
        return None if self.expected is None else f"--force-with-lease={self.ref}:{self.expected}"


def check_ref(name: str, *, pattern: bool = False) -> str:
    """Return the full name of a reference, once it is known to be well-formed.

    Args:
        name: Such as ``refs/heads/gtrack``.
        pattern: Allow one ``*``.

    Raises:
        UsageError: It is not.
    """
    stars = name.count("*")
    if not name.startswith("refs/") or name.count("/") < 2 or _FORBIDDEN.search(name) or stars > pattern:
        raise UsageError(f"{name!r:.200} is not the full name of a reference")
    return name


def parse_porcelain(text: str, said: tuple[str, ...], updates: Mapping[str, Update]) -> dict[str, Outcome]:
    """Read what ``git push --porcelain`` printed: outcome by reference.

    Where the remote has several push URLs, the first decides; it is the one that is fetched from.

    Args:
        text: Its standard output (git-push, section "Output").
        said: What the server printed.
        updates: What was asked for, by reference.
    """
    found: dict[str, Outcome] = {}
    for line in text.split("\n"):
        match = _PORCELAIN.match(line)
        if match and match["ref"] in updates and match["ref"] not in found:
            found[match["ref"]] = _outcome(match, said, updates[match["ref"]])
    return found


def _outcome(match: re.Match[str], said: tuple[str, ...], update: Update) -> Outcome:
    if match["flag"] == "=":
        return Outcome(Status.UNCHANGED)
    if match["flag"] != "!":
        return Outcome(Status.DONE)
    remotely = match["kind"].startswith("[remote")
    return outcome_of(clean(match["why"] or match["kind"].strip("[]")), said, update, remotely=remotely)


def outcome_of(reason: str, said: tuple[str, ...], update: Update, *, remotely: bool) -> Outcome:
    """Tell a lost race from a refusal.

    Args:
        reason: Why the reference was not set, in the words of git or the server.
        said: What the server printed.
        update: What was asked for.
        remotely: The server said so, not our git.
    """
    policy = remotely and update.expected is not None and reason == _POLICY
    raced = _OVERTAKEN.search(reason) is not None and not policy
    return Outcome(Status.RACED if raced else Status.REFUSED, reason, said)
