"""Which documents count, when some hold the same journal records: each record once.

Two commands that did not see each other's commit may seal the same records in different cuts. As each went on from
where its own last cut ended, the cuts can nearly always be laid end to end again; where they cannot, what overlaps is
taken all the same and called doubtful.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

__all__ = ["Intervals", "Range", "choose"]

Range = tuple[str, int, int]
"""A stream of records, the first record and the one after the last."""


class Intervals:
    """A set of whole numbers, as intervals."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._end: list[int] = []

    def add(self, first: int, end: int) -> None:
        """Add the numbers from ``first`` to ``end``, the latter excluded."""
        if first >= end:
            return
        low, high = bisect_left(self._end, first), bisect_right(self._first, end)
        if low < high:
            first, end = min(first, self._first[low]), max(end, self._end[high - 1])
        self._first[low:high], self._end[low:high] = [first], [end]

    def meets(self, first: int, end: int) -> bool:
        """Tell whether one of the numbers from ``first`` to ``end`` is here."""
        at = bisect_right(self._end, first)
        return first < end and at < len(self._first) and self._first[at] < end

    def holds(self, first: int, end: int) -> bool:
        """Tell whether all of them are."""
        at = bisect_right(self._first, first) - 1
        return first >= end or (at >= 0 and self._end[at] >= end)


def choose(parts: Sequence[tuple[str, Sequence[Range]]]) -> list[tuple[int, bool]]:
    """Choose the parts that together hold every record, once if that can be.

    Args:
        parts: A name that tells the part from the others, and the ranges of records it holds. A part without records
            is always chosen.

    Returns:
        The places of the chosen parts in ``parts``, in their order, and whether the part is doubtful: some of its
        records are in another chosen part too. The choice depends on the parts alone and not on their order.

    Example:
        >>> choose([("a", [("w", 0, 10)]), ("b", [("w", 5, 15)]), ("c", [("w", 0, 5)])])
        [(1, False), (2, False)]
    """
    # From the end backwards: what begins where another chosen part's cut begins was itself preceded by a cut there.
    order = sorted(range(len(parts)), key=lambda at: (-_reach(parts[at][1]), -_extent(parts[at][1]), parts[at][0]))
    taken: dict[str, Intervals] = {}
    chosen: dict[int, bool] = {}
    left = []
    for at in order:
        if any(name in taken and taken[name].meets(first, end) for name, first, end in parts[at][1]):
            left.append(at)
        else:
            _take(taken, parts[at][1])
            chosen[at] = False
    for at in left:
        if not all(name in taken and taken[name].holds(first, end) for name, first, end in parts[at][1]):
            _take(taken, parts[at][1])
            chosen[at] = True
    return sorted(chosen.items())


def _take(taken: dict[str, Intervals], ranges: Sequence[Range]) -> None:
    for name, first, end in ranges:
        taken.setdefault(name, Intervals()).add(first, end)


def _reach(ranges: Sequence[Range]) -> int:
    return sum(end for _, _, end in ranges)


def _extent(ranges: Sequence[Range]) -> int:
    return sum(end - first for _, first, end in ranges)
