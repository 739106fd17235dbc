"""Which version has which number, by the claims on the branch: a number names one version for ever, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.model.fold import Document

__all__ = ["Claim", "Numbers", "fold_numbers"]

Claim = tuple[int, str]
"""A number, and the uid of the version that it was claimed for."""

_MOST = 10**9


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the claims come to.

    Attributes:
        by_uid: The number of each version that has one.
        by_number: The other way round.
        contested: The versions that claim a number which nobody has settled, by the number: it names none of them.
        claimed: All numbers that were claimed for each version.
        next: The lowest number that no claim was ever made for, and above all that were.
    """

    by_uid: Mapping[str, int] = field(default_factory=dict)
    by_number: Mapping[int, str] = field(default_factory=dict)
    contested: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    claimed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    next: int = 1


def fold_numbers(claims: Iterable[Claim], events: Sequence[Document] = ()) -> Numbers:
    """Tell which version has which number. The order of the claims does not matter.

    A version with several claims keeps the lowest, the others are void. A number that several versions claim names
    none of them until an event of the kind ``number`` says which one it stands for; of several such events the first
    counts, so that what it says is never changed.

    Args:
        claims: All that were made.
        events: The model's sound events in the order of their stamps.

    Example:
        >>> fold_numbers([(1, "a" * 32), (2, "b" * 32)]).next
        3
    """
    claimants: dict[int, set[str]] = {}
    for number, uid in claims:
        claimants.setdefault(number, set()).add(uid)
    settled: dict[int, str] = {}
    for doc in events:
        if doc.body.get("kind") == "number":
            disputed, stands = doc.body["instead_of"], doc.body["stands"]
            if isinstance(disputed, int) and isinstance(stands, str) and stands in claimants.get(disputed, ()):
                settled.setdefault(disputed, stands)
    by_uid: dict[str, int] = {}
    by_number: dict[int, str] = {}
    contested: dict[int, tuple[str, ...]] = {}
    for number in sorted(claimants):
        free = {uid for uid in claimants[number] if uid not in by_uid}
        holders = free & {settled[number]} if number in settled else free
        if len(holders) == 1:
            (uid,) = holders
            by_uid[uid], by_number[number] = number, uid
        elif holders:
            contested[number] = tuple(sorted(holders))
    claimed: dict[str, list[int]] = {}
    for number in sorted(claimants):
        for uid in claimants[number]:
            claimed.setdefault(uid, []).append(number)
    return Numbers(
        by_uid, by_number, contested, {uid: tuple(found) for uid, found in claimed.items()}, _next(claimants)
    )


def _next(used: Iterable[int]) -> int:
    taken = set(used)
    above = max(taken, default=0) + 1
    if above < _MOST:
        return above
    return next(number for number in range(1, len(taken) + 2) if number not in taken)
