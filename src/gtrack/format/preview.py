"""Previews: series thinned to a bounded size so that a chart of them looks the same, as a Parquet file.

A series is divided into buckets of equally many points. Of each bucket the first, the last, the smallest and the
largest value stay, and a NaN where there is one. So every summary of a preview's points (last, min, max, where they
are, the first step) is that of the whole series, but for the number of values. The points that stay are the series'
own: nothing is averaged, no step or time is moved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtrack.errors import DamageError
from gtrack.format.parquet import encode_metrics

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["MARK", "Mark", "encode_preview", "kept", "order_of", "read_mark"]

MARK = "gtrack.preview"
"""The key of the Parquet metadata that says that a file is a preview."""

_PER_BUCKET = 4
"""A series of at most so many points a bucket is kept whole: thinning it would save next to nothing."""
_LADDER = (1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256, 362, 512)
"""Numbers of buckets to choose from; the last is finer than a chart is wide."""
_LEADING = 8
_LEADING_SHARE = 1024
"""Bytes of room for each bucket that a leading metric has at least."""
_MAX_FIELD = 4096
_MAX_POINTS = 1 << 53


@dataclass(frozen=True, slots=True)
class Mark:
    """What a preview says of itself.

    Attributes:
        buckets: How many buckets each series has; those of leading metrics may have more.
        points: How many points the whole series have together.
        keys: How many metrics there are; those without a single point here did not fit.
    """

    buckets: int
    points: int
    keys: int

    def to_text(self) -> str:
        """Return the mark as it stands in the metadata."""
        return json.dumps({"buckets": self.buckets, "points": self.points, "keys": self.keys})


def read_mark(metadata: Mapping[str, str]) -> Mark:
    """Read the mark in the metadata of a Parquet file.

    Args:
        metadata: As :func:`gtrack.format.parquet.metrics_metadata` returns it.

    Raises:
        DamageError: There is none, or it is not of that form.
    """
    text = metadata.get(MARK)
    if text is None:
        raise DamageError("it does not say that it is a preview")
    try:
        body = json.loads(text) if len(text) <= _MAX_FIELD else None
        numbers = [body[name] for name in ("buckets", "points", "keys")]  # type: ignore[index]  # None raises
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamageError("what it says of itself as a preview cannot be read") from None
    if any(type(number) is not int or not 0 <= number <= _MAX_POINTS for number in numbers):
        raise DamageError("what it says of itself as a preview cannot be")
    return Mark(*numbers)


def encode_preview(
    key_index: Array,
    keys: Sequence[str],
    step: Array,
    time_us: Array,
    value: Array,
    rank: Array,
    *,
    room: int,
    leading: Sequence[str] = (),
) -> bytes:
    """Return series as a preview of at most ``room`` bytes, with as many buckets as fit.

    With so many metrics that one bucket each is too much, some are left out: the leading ones stay, then those of few
    parts in their name (``loss`` before ``grad/layer.0/weight``), then by name. The bytes are a function of the points
    (and of the version of pyarrow).

    Args:
        key_index: For each point, where its key stands in ``keys``.
        keys: The names of metrics.
        step: int64.
        time_us: Microseconds since the epoch, int64.
        value: float64.
        rank: int32, -1 for none. Each rank of a metric is a series of its own.
        room: Bytes; at least 1,024.
        leading: Metrics that people look at first. The first eight of them have no fewer buckets than a share of the
            room, however many other metrics there are.

    Raises:
        UsageError: The arrays differ in length, or hold what cannot be written.
    """
    import numpy as np

    key_index = np.asarray(key_index, np.int64)
    order = order_of(key_index, step, time_us, value, rank)
    step, time_us, value, rank = (np.asarray(column)[order] for column in (step, time_us, value, rank))
    code = key_index[order]
    present = np.flatnonzero(np.bincount(code, minlength=len(keys))).tolist()
    ranked = _by_importance([(keys[at], at) for at in present], leading)
    series = _starts(code, rank)
    floor = room // _LEADING_SHARE

    def encoded(plan: int) -> bytes:
        count, buckets = min(plan, len(ranked)), _LADDER[max(0, plan - len(ranked))]
        wanted = np.zeros(len(keys), np.int64)
        wanted[ranked[:count]] = buckets
        favoured = [at for at in ranked[: min(count, _LEADING)] if keys[at] in leading]
        wanted[favoured] = max(buckets, floor)
        at = kept(series, value, wanted[code[series]])
        mark = {MARK: Mark(buckets, len(code), len(ranked)).to_text()}
        return encode_metrics(code[at], keys, step[at], time_us[at], value[at], rank[at], metadata=mark)

    return _largest(encoded, len(ranked) + len(_LADDER), room)


def _largest(encoded: Callable[[int], bytes], count: int, room: int) -> bytes:
    """Return the file of the highest plan that fits; plan 0, which holds no points, always does."""
    low, high = 0, count - 1
    best = encoded(0)
    while low < high:
        middle = (low + high + 1) // 2
        data = encoded(middle)
        if len(data) <= room:
            low, best = middle, data
        else:
            high = middle - 1
    return best


def order_of(key_index: Array, step: Array, time_us: Array, value: Array, rank: Array) -> Array:
    """Return the places of points in the order of key, rank, step, time and value, NaN before other values.

    It is the order in which the last point is a metric's last value; see :func:`gtrack.spool.reading.summarise`.
    """
    import numpy as np

    return np.lexsort((value, ~np.isnan(value), time_us, step, rank, key_index))


def kept(series: Array, value: Array, buckets: Array) -> Array:
    """Return the places of the points that stay, in their order.

    Args:
        series: Where each series begins.
        value: The values of all series, each in the order of its steps.
        buckets: For each series, how many buckets it has; of one without any, nothing stays.

    Example:
        >>> value = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 4.5])
        >>> kept(np.array([0]), value, np.array([1])).tolist()
        [0, 1, 3, 5]
    """
    import numpy as np

    if not len(value):
        return np.zeros(0, np.int64)
    sizes = np.diff(series, append=len(value))
    place = np.arange(len(value)) - np.repeat(series, sizes)
    size, count = np.repeat(sizes, sizes), np.repeat(buckets, sizes)
    stays = size <= _PER_BUCKET * count
    # The bucket of each point; places are below 2**31 and buckets below 2**10, so nothing overflows.
    bucket = place * count // size
    starts = np.flatnonzero(np.r_[True, (place[1:] == 0) | (bucket[1:] != bucket[:-1])])
    number = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(value)))
    known = ~np.isnan(value)
    stays[starts] = True
    stays[np.r_[starts[1:], len(value)] - 1] = True
    for filler, extreme in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        best = extreme.reduceat(np.where(known, value, filler), starts)
        stays[_first_in_each(known & (value == best[number]), number)] = True
    stays[_first_in_each(~known, number)] = True
    return np.flatnonzero(stays & (count > 0))


def _first_in_each(mask: Array, number: Array) -> Array:
    """Return the first marked place in each bucket that has one: of equals the one with the smallest step."""
    import numpy as np

    places = np.flatnonzero(mask)
    buckets = number[places]
    return places[np.r_[True, buckets[1:] != buckets[:-1]]] if len(places) else places


def _starts(code: Array, rank: Array) -> Array:
    """Return where each series begins: another metric, or another rank of one."""
    import numpy as np

    if not len(code):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.r_[True, (code[1:] != code[:-1]) | (rank[1:] != rank[:-1])])


def _by_importance(present: Sequence[tuple[str, int]], leading: Sequence[str]) -> list[int]:
    """Return the indexes of metrics: leading ones in their order, then by the number of parts of their names."""
    place = {key: at for at, key in reversed(list(enumerate(leading)))}
    last = len(place)
    return [
        index
        for key, index in sorted(
            present, key=lambda item: (place.get(item[0], last), item[0].count("/") + item[0].count("."), item[0])
        )
    ]
