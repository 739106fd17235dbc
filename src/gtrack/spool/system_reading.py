"""Reading how a machine did during a run: averages that grow longer as the run does, and totals.

A run of a month has half a million samples. Kept for ever are all of the first 64, then means of 2, of 4, of 8, ...:
half as dense whenever the number of samples has doubled, so that at any time of a run the points are about as far apart
as the curve, drawn whole, can show. Which samples make a point follows from their numbers alone: whether a run is
sealed at once or in parts, the points are the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gtrack.spool import records
from gtrack.spool.following import parse
from gtrack.spool.reading import JournalData, Points, checked

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["FULL", "SystemPoints", "Total", "read_system", "window_of"]

FULL = 64
"""How many samples are kept as they are."""
_SPACE = 1 << 14
"""More than there are windows: of 2**63 samples there are about 7,300."""
_CHUNK = 1 << 16
"""Records that are read at once, so that a journal of gigabytes takes little memory."""
_MOST_KEYS = 2_000
_TICK = 100_000
"""Times are kept to a tenth of a second, in microseconds: a steady rhythm then takes no room."""
_BITS = 10
"""How many binary digits of a mean are kept, a thousandth of it: of more than noise, and a third of the bytes."""


@dataclass(slots=True)
class Total:
    """What all values of one metric come to.

    Attributes:
        count: How many there are.
        sum: Their sum.
        max: The largest.
    """

    count: int = 0
    sum: float = 0.0
    max: float = float("-inf")

    @property
    def mean(self) -> float:
        """Their mean; NaN of nothing."""
        return self.sum / self.count if self.count else float("nan")

    def add(self, other: Total) -> None:
        """Count other values as well."""
        self.count += other.count
        self.sum += other.sum
        self.max = max(self.max, other.max)


@dataclass(slots=True)
class _Window:
    """Values of one key that become one point."""

    step: int
    time: int
    rank: int
    total: Total
    end: int


@dataclass(slots=True)
class SystemPoints:
    """What a journal holds from some record on.

    Attributes:
        records: How many records there are in the whole journal.
        totals: What all values of each metric come to, those before the first record included.
    """

    records: int = 0
    totals: dict[str, Total] = field(default_factory=dict)
    _keys: list[str] = field(default_factory=list)
    _windows: dict[tuple[int, int], _Window] = field(default_factory=dict)

    def windows(self) -> list[int]:
        """Return the numbers of the windows that have points, in order."""
        return sorted({window for window, _ in self._windows})

    def ends(self) -> dict[int, int]:
        """Return the number of the record after the last one of each window."""
        out: dict[int, int] = {}
        for (window, _), found in self._windows.items():
            out[window] = max(out.get(window, 0), found.end)
        return out

    def counts(self) -> dict[int, int]:
        """Return how many points each window has."""
        out: dict[int, int] = {}
        for window, _ in self._windows:
            out[window] = out.get(window, 0) + 1
        return out

    def points(self, first: int = 0, last: int = _SPACE) -> Points:
        """Return the means of the windows ``first`` to ``last``, the latter excluded."""
        import numpy as np

        rows = [(key, w) for (number, key), w in sorted(self._windows.items()) if first <= number < last]
        value = np.array([w.total.mean for _, w in rows], np.float64)
        return Points(
            list(self._keys),
            np.array([key for key, _ in rows], np.int64),
            np.array([w.step for _, w in rows], np.int64),
            np.array([w.time // _TICK * _TICK for _, w in rows], np.int64),
            _shortened(value),
            np.array([w.rank for _, w in rows], np.int32),
        )


def window_of(step: Array) -> Array:
    """Return the number of the window that each sample is in.

    Args:
        step: Numbers of samples, from 0.

    Example:
        >>> window_of(np.array([0, 63, 64, 65, 66, 128])).tolist()
        [0, 63, 64, 64, 65, 96]
    """
    import numpy as np

    doubled = np.zeros(len(step), np.int64)
    rest = step // FULL
    while (more := rest > 0).any():
        doubled += more
        rest = rest >> 1
    # From FULL * 2**(n-1) samples on, windows are 2**n long, and FULL / 2 of them reach to the next doubling.
    begins = FULL + (doubled - 1) * (FULL // 2)
    inside = (step - (FULL << np.maximum(doubled - 1, 0))) >> doubled
    return np.where(doubled == 0, step, begins + inside)


def read_system(path: str, first: int = 0) -> SystemPoints:
    """Read a journal of the machine, a piece at a time.

    Args:
        path: The journal.
        first: The first record that is wanted as a point; totals are of all of them.

    Raises:
        DamageError: The file is not a journal.
        FormatError: A newer gtrack wrote it.
        OSError: It cannot be read.
    """
    out = SystemPoints()
    places: dict[str, int] = {}
    for data in _pieces(path):
        out.records = data.records
        _take(out, data, first, places)
    out._keys = list(places)
    return out


def _pieces(path: str) -> Iterator[JournalData]:
    """Yield a journal's records by and by; pieces begin at the same records whoever reads."""
    import numpy as np

    definitions = b""
    with open(path, "rb") as file:
        whole = os.fstat(file.fileno()).st_size // records.SIZE
        start = 0
        while start < whole:
            new = file.read(min(_CHUNK, whole - start) * records.SIZE)
            new = new[: len(new) // records.SIZE * records.SIZE]
            if not new:
                return
            known = len(definitions) // records.SIZE
            raw = checked(path, definitions + new)
            yield parse(raw, known, start)
            table = np.frombuffer(new, np.uint8).reshape(-1, records.SIZE)
            kept = np.isin(table[:, 0], (records.HEADER, records.KEY, records.CONTINUATION))
            definitions += table[kept].tobytes()
            if len(definitions) > _MOST_KEYS * records.SIZE * 20:
                return  # no machine has so many GPUs
            start += len(table)


def _take(out: SystemPoints, data: JournalData, first: int, places: dict[str, int]) -> None:
    """Add the values of a piece to the windows and totals."""
    import numpy as np

    points = data.points
    ours = np.array([_place(places, name) for name in points.keys] or [-1], np.int64)
    key = ours[points.key] if len(points) else points.key
    sound = (key >= 0) & (points.step >= 0) & np.isfinite(points.value)
    points, position, key = points.select(sound), data.position[sound], key[sound]
    names = list(places)
    for number in np.flatnonzero(np.bincount(key, minlength=1)).tolist():
        out.totals.setdefault(names[number], Total()).add(_total(points.value[key == number]))
    fresh = position >= first
    points, position, key = points.select(fresh), position[fresh], key[fresh]
    # Values that share a window and a key, next to each other; a stable sort leaves them in their order.
    code = window_of(points.step) * _MOST_KEYS + key
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(code[order]) != 0]) if len(order) else order
    for begin, end in zip(starts.tolist(), [*starts.tolist()[1:], len(order)], strict=True):
        rows = order[begin:end]
        window, number = divmod(int(code[rows[0]]), _MOST_KEYS)
        at = rows[0]
        found = out._windows.get((window, number))
        if found is None:
            found = _Window(int(points.step[at]), int(points.time[at]), int(points.rank[at]), Total(), 0)
            out._windows[window, number] = found
        found.total.add(_total(points.value[rows]))
        found.end = int(position[rows[-1]]) + 1


def _place(places: dict[str, int], name: str) -> int:
    """Return where a key stands among all that were met, or -1 where there are too many."""
    if name not in places and len(places) >= _MOST_KEYS:
        return -1
    return places.setdefault(name, len(places))


def _total(values: Array) -> Total:
    return Total(len(values), float(values.sum()), float(values.max()))


def _shortened(value: Array) -> Array:
    """Return values to some binary digits: the bytes that are zero then take no room in Parquet."""
    import numpy as np

    part, power = np.frexp(value)
    short: Array = np.ldexp(np.round(part * (1 << _BITS)), power - _BITS)
    return short
