"""Reading a journal: whole records as arrays, and the summaries of their metrics."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtrack.errors import DamageError, FormatError
from gtrack.model.summary import MetricSummary, merge
from gtrack.spool import records

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["JournalData", "Points", "checked", "keys_of", "read_journal", "summarise"]


@dataclass(frozen=True, slots=True)
class Points:
    """Metric values as parallel arrays; ``key`` indexes ``keys``, ``time`` is in microseconds, rank -1 is none."""

    keys: list[str]
    key: Array
    step: Array
    time: Array
    value: Array
    rank: Array

    def __len__(self) -> int:
        return len(self.value)

    def select(self, mask: Array) -> Points:
        """Return the points for which ``mask`` is true, with the same keys."""
        return Points(self.keys, self.key[mask], self.step[mask], self.time[mask], self.value[mask], self.rank[mask])


@dataclass(frozen=True, slots=True)
class JournalData:
    """What a journal holds.

    Attributes:
        records: How many whole records there are, a zeroed tail excluded.
        points: The values.
        position: The record number of each value.
        refusals: The record number of each refused value, and its key.
        last_time: The time of the last value or refusal, microseconds since the epoch, or None.
    """

    records: int
    points: Points
    position: Array
    refusals: tuple[Array, list[str]]
    last_time: int | None

    @property
    def rejected(self) -> dict[str, int]:
        """How many values were refused, by key."""
        return self.rejected_since(0)

    def rejected_since(self, first: int) -> dict[str, int]:
        """Return how many values were refused from the record number ``first`` on, by key."""
        position, keys = self.refusals
        return dict(Counter(keys[int(position.searchsorted(first)) :]))


def read_journal(path: str) -> JournalData:
    """Read the whole records of a journal; a torn last record and a tail of zeros are left out.

    Raises:
        DamageError: The file is not a journal.
        FormatError: A newer gtrack wrote it.
        OSError: It cannot be read.
    """
    import numpy as np

    layout = np.dtype([("word", "<u4"), ("rank", "<i4"), ("step", "<i8"), ("time", "<i8"), ("value", "<f8")])
    with open(path, "rb") as file:
        raw = file.read(os.fstat(file.fileno()).st_size // records.SIZE * records.SIZE)
    raw = checked(path, raw)
    table = np.frombuffer(raw, layout)
    kind = table["word"] & 0xFF
    keys, ids = keys_of(raw, table, kind, np)
    wanted = kind == records.VALUE
    position = np.flatnonzero(wanted)
    chosen = table[position]
    ident = (chosen["word"] >> 8).astype(np.int64)
    lookup = np.full(int(max(ids, default=-1)) + 2, -1, np.int64)
    for number, at in ids.items():
        lookup[number] = at
    key = lookup[np.minimum(ident, len(lookup) - 1)]
    known = key >= 0
    points = Points(
        keys, key, chosen["step"].copy(), chosen["time"] // 1000, chosen["value"].copy(), chosen["rank"].copy()
    )
    refused = np.flatnonzero(kind == records.REJECTED)
    numbers = (table["word"][refused] >> 8).tolist()
    refusals = (refused, [keys[ids[number]] if number in ids else "?" for number in numbers])
    timed = table["time"][(kind == records.VALUE) | (kind == records.REJECTED)]
    last = int(timed.max() // 1000) if len(timed) else None
    if not known.all():
        points, position = points.select(known), position[known]
    return JournalData(len(table), points, position, refusals, last)


def checked(path: str, raw: bytes) -> bytes:
    """Return the records without a tail of zeros, after a look at the header."""
    import numpy as np

    words = np.frombuffer(raw, "<u4")[:: records.SIZE // 4]
    alive = np.flatnonzero(words & 0xFF)
    raw = raw[: (int(alive[-1]) + 1) * records.SIZE] if len(alive) else b""
    if raw:
        word, _, _, version, _ = records.RECORD.unpack_from(raw)
        if word & 0xFF != records.HEADER or raw[8:16] != records.MAGIC:
            raise DamageError(f"{path} is not a journal of gtrack")
        if version > records.VERSION:
            raise FormatError(f"{path} was written by a newer gtrack (journal version {version})")
    return raw


def keys_of(raw: bytes, table: Any, kind: Array, np: Any) -> tuple[list[str], dict[int, int]]:
    """Return the keys that a journal defines, and the place of each among them by its id."""
    places: dict[str, int] = {}
    ids: dict[int, int] = {}
    for at in np.flatnonzero(kind == records.KEY).tolist():
        length = int(table["rank"][at])
        if not 1 <= length <= records.MAX_KEY_BYTES:
            continue
        more = -(-max(0, length - 24) // 28)
        start = at * records.SIZE
        if start + (1 + more) * records.SIZE > len(raw):
            continue  # torn: no value of this key can follow
        parts = [raw[start + 8 : start + 32]]
        parts += [raw[start + n * 32 + 4 : start + n * 32 + 32] for n in range(1, more + 1)]
        name = b"".join(parts)[:length].decode("utf-8", "replace")
        # One place a name: damage can make one name of two.
        ids[int(table["word"][at]) >> 8] = places.setdefault(name, len(places))
    return list(places), ids


def summarise(points: Points) -> dict[str, MetricSummary]:
    """Return the summary of each key among ``points``.

    The last value is the maximum by (step, time, value) over all ranks, as MLflow defines it; NaN sorts lowest and
    takes no part in min and max; ties take the smallest step.
    """
    import numpy as np

    if not len(points):
        return {}
    # lexsort puts NaN last; ranking it lowest needs a flag in front of the value.
    known = ~np.isnan(points.value)
    order = np.lexsort((points.value, known, points.time, points.step, points.key))
    key = points.key[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    ends = np.r_[starts[1:], len(key)]
    out = {}
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        rows = order[start:end]
        out[points.keys[int(key[start])]] = _summary(points, rows)
    return out


def _summary(points: Points, rows: Array) -> MetricSummary:
    import numpy as np

    last = int(rows[-1])
    value, step = points.value[rows], points.step[rows]
    known = np.flatnonzero(~np.isnan(value))
    ranks = None
    rank = points.rank[rows]
    if (rank >= 0).any():
        ranks = {r: int(step[rank == r].min()) for r in sorted(set(rank.tolist())) if r >= 0}
    low = high = None
    if len(known):
        # Rows are in the order of step, so the first of equals has the smallest step.
        low, high = known[np.argmin(value[known])], known[np.argmax(value[known])]
    return MetricSummary(
        last=float(points.value[last]),
        step=int(points.step[last]),
        time=int(points.time[last]),
        first_step=int(step[0]),
        min=None if low is None else float(value[low]),
        argmin=None if low is None else int(step[low]),
        max=None if high is None else float(value[high]),
        argmax=None if high is None else int(step[high]),
        count=len(rows),
        nan=len(rows) - len(known),
        ranks=ranks,
    )


def merge_summaries(parts: list[dict[str, MetricSummary]]) -> dict[str, MetricSummary]:
    """Merge the summaries of several journals by key."""
    grouped: dict[str, list[MetricSummary]] = {}
    for part in parts:
        for key, summary in part.items():
            grouped.setdefault(key, []).append(summary)
    return {key: merge(grouped[key]) for key in sorted(grouped)}
