"""What is kept of the rows of a table: enough to tell how many of them are in another one, exactly or about.

- *Distinct* rows: only whether a row is there counts, not how often.
- The 256 *least* hashes are a fair sample of the rows, and the same sample of a row wherever it is: the share of them
  that two tables have in common estimates the share of all rows (a bottom-k sketch, Broder 1997).
- *Cells* hold sums of hashes. The difference of two tables' cells gives away the very rows that only one of them has,
  when these are few (an invertible Bloom lookup table, https://arxiv.org/abs/1101.2245).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gtrack.fingerprint.rows import mix

if TYPE_CHECKING:
    import numpy as np

    from gtrack.fingerprint.rows import Hashes

__all__ = ["KEPT", "LEAST", "RowChange", "Rows", "read_sketch", "row_change"]

KEPT = 4_000_000
"""How many distinct hashes of a table are kept in the process: 32 MB."""
LEAST = 256
"""How many of them are recorded."""
_BITS = 48
"""How many bits of each of them."""
_PARTS, _CELLS = 3, 32
_CELL = 12
"""Bytes of a cell: a count of 16 bits, a sum of 64, a sum of checks of 16."""
_MOST_PEELED = 4 * _PARTS * _CELLS


@dataclass(frozen=True)
class Rows:
    """The distinct rows of a table, by their hashes.

    Attributes:
        rows: How many rows there are.
        distinct: How many different ones.
        least: The smallest hashes, in order.
        bits: How many bits a hash has.
        total: The sum of the hashes of all rows, by which the same rows in another order are known.
        cells: The cells, as recorded; None where they are not known.
    """

    rows: int
    distinct: int
    least: Hashes
    bits: int = 64
    total: int | None = None
    cells: bytes | None = None

    @classmethod
    def of(cls, hashes: Hashes, *, cells: bool = False) -> Rows:
        """Gather the rows of a table.

        Args:
            hashes: A hash for each row.
            cells: Also make the cells.
        """
        import numpy as np

        ordered = np.sort(hashes)
        if len(ordered):
            ordered = ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]
        total = int(hashes.sum(dtype="<u8"))
        made = _cells(ordered) if cells else None
        return cls(len(hashes), len(ordered), ordered[:KEPT].copy(), 64, total, made)

    @property
    def repeated(self) -> float:
        """The share of the rows that are there a second time."""
        return 1 - self.distinct / self.rows if self.rows else 0.0

    @property
    def bound(self) -> int:
        """Below which all hashes are known."""
        return 1 << self.bits if len(self.least) >= self.distinct else int(self.least[-1]) + 1

    def shared(self, other: Rows) -> tuple[int, bool]:
        """Return how many distinct rows are in both, and whether that is exact or an estimate."""
        import numpy as np

        bits = min(self.bits, other.bits)
        one, two = (side.least >> np.uint64(side.bits - bits) for side in (self, other))
        both = np.intersect1d(one, two, assume_unique=True)
        bound = min(side.bound >> (side.bits - bits) for side in (self, other))
        if bound >= 1 << bits:
            return len(both), True
        found = int((both < bound).sum())
        return min(round(found * (1 << bits) / max(bound, 1)), self.distinct, other.distinct), False

    def to_dict(self) -> dict[str, object]:
        """Return what is recorded."""
        import numpy as np

        high = (self.least[:LEAST] >> np.uint64(64 - _BITS)).astype("<u8")
        packed = high.view(np.uint8).reshape(-1, 8)[:, : _BITS // 8].tobytes()
        out: dict[str, object] = {"distinct": self.distinct, "least": _text(packed)}
        if self.total is not None:
            out["sum"] = f"{self.total:016x}"
        if self.cells is not None:
            out["cells"] = _text(self.cells)
        return out

    @cached_property
    def _table(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        return _read_cells(self.cells or b"")

    def only_in_either(self, other: Rows) -> tuple[int, int] | None:
        """Return how many distinct rows only this table has, and only the other; None where they are too many."""
        if self.cells is None or other.cells is None:
            return None
        return _peel(self._table, other._table)


@dataclass(frozen=True, slots=True)
class RowChange:
    """How the distinct rows of a table differ from those of another.

    Attributes:
        removed: How many only the first has.
        added: How many only the second has.
        how: ``exact``, ``estimate``, or ``fewer``: in the sample nothing differs, and there are fewer than these (with
            95 % confidence).
    """

    removed: int
    added: int
    how: str


def read_sketch(record: Mapping[str, object], rows: object) -> Rows | None:
    """Return the rows of a recorded sketch; None when it is not one.

    Args:
        record: What :meth:`Rows.to_dict` returned, from anywhere.
        rows: How many rows the record says there are.
    """
    import numpy as np

    distinct, least, cells, total = (record.get(name) for name in ("distinct", "least", "cells", "sum"))
    if not isinstance(rows, int) or not isinstance(distinct, int) or not 0 <= distinct <= rows < 1 << 62:
        return None
    packed, table = _bytes(least, LEAST * _BITS // 8), _bytes(cells, _PARTS * _CELLS * _CELL)
    if packed is None or len(packed) % (_BITS // 8):
        return None
    raw = np.zeros((len(packed) // (_BITS // 8), 8), np.uint8)
    raw[:, : _BITS // 8] = np.frombuffer(packed, np.uint8).reshape(-1, _BITS // 8)
    hashes = np.unique(raw.view("<u8").reshape(-1))
    if not len(hashes) and distinct:
        return None
    summed = int(total, 16) if isinstance(total, str) and _is_hex(total) else None
    whole = table if table is not None and len(table) == _PARTS * _CELLS * _CELL else None
    return Rows(rows, distinct, hashes, _BITS, summed, whole)


def row_change(a: Rows, b: Rows) -> RowChange:
    """Return how the rows of ``b`` differ from those of ``a``, exactly where the sketches say it."""
    exact = a.only_in_either(b)
    if exact is not None:
        return RowChange(*exact, "exact")
    shared, is_exact = a.shared(b)
    if is_exact:
        return RowChange(a.distinct - shared, b.distinct - shared, "exact")
    common, sampled = _sample(a, b)
    if common == sampled > 0 and a.distinct == b.distinct:
        most = -(-3 * a.distinct // sampled)  # the rule of three
        return RowChange(most, most, "fewer")
    # Of the least hashes of both together, the share that is in both is the share of all rows that is (Jaccard).
    jaccard = common / sampled if sampled else 0.0
    shared = round((a.distinct + b.distinct) * jaccard / (1 + jaccard))
    return RowChange(max(a.distinct - shared, 0), max(b.distinct - shared, 0), "estimate")


def _sample(a: Rows, b: Rows) -> tuple[int, int]:
    """Return how many of the least hashes of two tables together are in both, and how many these are."""
    import numpy as np

    bound = min(a.bound, b.bound)
    one, two = a.least[a.least < bound], b.least[b.least < bound]
    union = np.union1d(one, two)[:LEAST]
    return len(np.intersect1d(np.intersect1d(one, two), union)), len(union)


def _cells(keys: Hashes) -> bytes:
    import numpy as np

    out = np.zeros((_PARTS * _CELLS, _CELL), np.uint8)
    checks = _checks(keys)
    for part in range(_PARTS):
        places = _place(keys, part)
        count = np.bincount(places, minlength=_CELLS).astype("<u2")
        sums, tests = np.zeros(_CELLS, "<u8"), np.zeros(_CELLS, "<u2")
        np.add.at(sums, places, keys)
        np.add.at(tests, places, checks)
        rows = out[part * _CELLS : (part + 1) * _CELLS]
        rows[:, :2], rows[:, 2:10], rows[:, 10:] = (n.view(np.uint8).reshape(_CELLS, -1) for n in (count, sums, tests))
    return out.tobytes()


def _place(keys: Any, part: int) -> Any:
    import numpy as np

    return ((keys >> np.uint64(8 + 5 * part)) & np.uint64(_CELLS - 1)).astype(np.intp)


def _checks(keys: Hashes) -> Any:
    """Return what tells a key from a sum of keys: nothing that is linear does."""
    import numpy as np

    return (mix(keys ^ np.uint64(0x94D049BB133111EB)) >> np.uint64(48)).astype("<u2")


def _read_cells(data: bytes) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    import numpy as np

    raw = np.frombuffer(data, np.uint8).reshape(-1, _CELL)
    return tuple(  # type: ignore[return-value]  # three of them
        np.ascontiguousarray(raw[:, start:end]).view(kind).reshape(-1)
        for start, end, kind in ((0, 2, "<u2"), (2, 10, "<u8"), (10, 12, "<u2"))
    )


def _peel(a: Any, b: Any) -> tuple[int, int] | None:
    """Take single rows out of the difference of two tables' cells until none is left; None when that cannot be done."""
    import numpy as np

    count, sums, tests = (one - two for one, two in zip(a, b, strict=True))
    only_a = only_b = 0
    for _ in range(_MOST_PEELED):
        ones, others = count == 1, count == 0xFFFF
        keys = np.where(ones, sums, -sums)
        checks = np.where(ones, tests, -tests)
        places = np.concatenate([_place(keys[p * _CELLS : (p + 1) * _CELLS], p) for p in range(_PARTS)])
        fits = (ones | others) & (_checks(keys) == checks) & (places == np.tile(np.arange(_CELLS), _PARTS))
        found = np.flatnonzero(fits)
        if not len(found):
            break
        one, key, check = found[:1], keys[found[:1]], checks[found[:1]]
        is_of_a = bool(ones[one][0])
        only_a, only_b = only_a + is_of_a, only_b + (not is_of_a)
        for part in range(_PARTS):
            at = part * _CELLS + _place(key, part)
            for table, value in ((count, np.ones(1, "<u2")), (sums, key), (tests, check)):
                table[at] = table[at] - value if is_of_a else table[at] + value
    return None if count.any() or sums.any() or tests.any() else (only_a, only_b)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: object, most: int) -> bytes | None:
    if not isinstance(text, str) or len(text) > most * 4 // 3 + 4:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_hex(text: str) -> bool:
    return len(text) == 16 and all(char in "0123456789abcdef" for char in text)
