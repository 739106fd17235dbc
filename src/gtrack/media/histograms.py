"""Histograms of values: how many lie in each of a number of intervals, as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gtrack.errors import DamageError, UsageError
from gtrack.format.scalars import depth
from gtrack.media.arrays import as_array, as_numbers
from gtrack.media.medium import Medium

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["MAX_BINS", "Histogram", "histogram_medium", "histogram_of", "read_histogram"]

MAX_BINS = 4096
"""The most intervals of one histogram."""

_TYPE = "application/json"
_MAX_BYTES = 1 << 20
_SCALARS = ("count", "min", "max", "nan", "infinite")


@dataclass(frozen=True, slots=True)
class Histogram:
    """How values are distributed.

    Attributes:
        counts: How many values lie in each interval; ``edges`` has one more, rising. Both are empty without values.
        edges: The limits of the intervals; a value on a limit is of the upper one, but for the last.
        count: How many values there are, those that are no numbers or infinite included.
        min: The smallest finite value, or of given counts the first edge; None without one.
        max: Likewise the largest.
        nan: How many are not a number.
        infinite: How many are infinite.
    """

    counts: tuple[float, ...]
    edges: tuple[float, ...]
    count: float
    min: float | None
    max: float | None
    nan: int = 0
    infinite: int = 0


def histogram_medium(values: object, bins: object = 64) -> Medium:
    """Return a histogram as a medium.

    Args:
        values: Numbers of any shape; or counts and edges, as ``numpy.histogram`` returns them.
        bins: How many intervals, 1 to 4,096.

    Raises:
        UsageError: They are none.
    """
    found = histogram_of(values, bins)
    data = json.dumps(asdict(found), separators=(",", ":"), allow_nan=False).encode()
    details = {"count": found.count, "bins": len(found.counts), "min": found.min, "max": found.max, "nan": found.nan}
    return Medium("histogram", data, ".json", _TYPE, details)


def histogram_of(values: object, bins: object = 64) -> Histogram:
    """Return the histogram of values; see :func:`histogram_medium`."""
    if isinstance(bins, bool) or not isinstance(bins, int) or not 1 <= bins <= MAX_BINS:
        raise UsageError(f"bins is {bins!r:.40}, not a number from 1 to {MAX_BINS}")
    given = _given(values)
    return _counted(as_numbers(values), bins) if given is None else _checked(*given)


def _given(values: object) -> tuple[Array, Array] | None:
    """Return counts and edges, where that is what the values are: a pair of which the second has one more."""
    if not isinstance(values, tuple) or len(values) != 2:
        return None
    counts, edges = as_array(values[0]), as_array(values[1])
    is_pair = counts.ndim == edges.ndim == 1 and len(edges) == len(counts) + 1
    return (as_numbers(counts), as_numbers(edges)) if is_pair else None


def _checked(counts: Array, edges: Array) -> Histogram:
    import numpy as np

    if not 1 <= len(counts) <= MAX_BINS:
        raise UsageError(f"a histogram has 1 to {MAX_BINS} intervals, not {len(counts)}")
    edges = edges.astype(np.float64)
    if not np.isfinite(edges).all() or (edges[1:] < edges[:-1]).any():
        raise UsageError("the edges of a histogram are finite, and rise")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise UsageError("the counts of a histogram are finite, and not negative")
    numbers = counts.astype(np.int64) if counts.dtype.kind in "biu" else counts.astype(np.float64)
    return Histogram(
        tuple(numbers.tolist()), tuple(edges.tolist()), numbers.sum().item(), float(edges[0]), float(edges[-1])
    )


def _counted(values: Array, bins: int) -> Histogram:
    import numpy as np

    flat = values.ravel()
    total, nan = flat.size, 0
    if flat.dtype.kind == "f":
        finite = np.isfinite(flat)
        nan = int(np.isnan(flat).sum())
        flat = flat if finite.all() else flat[finite]
    flat = flat.astype(np.float64, copy=False)
    if not flat.size:
        return Histogram((), (), total, None, None, nan, total - nan)
    low, high = float(flat.min()), float(flat.max())
    counts, edges = _intervals(flat, low, high, bins)
    return Histogram(counts, edges, total, low, high, nan, total - nan - flat.size)


def _intervals(flat: Array, low: float, high: float, bins: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return counts and edges; a single interval where the values are too close together, or too far apart."""
    import numpy as np

    step = (high - low) / bins
    # Beyond half of what a float holds numpy's own arithmetic overflows.
    if math.isfinite(2 * (high - low)) and low < low + step and high - step < high:
        counts, edges = np.histogram(flat, bins, (low, high))
        return tuple(counts.tolist()), tuple(edges.tolist())
    return (flat.size,), (low, high)


def read_histogram(data: bytes) -> Histogram:
    """Return a histogram that was recorded.

    Args:
        data: What was recorded; hostile bytes are refused.

    Raises:
        DamageError: It is no histogram, or beyond a limit.
    """
    try:
        text = data.decode() if len(data) <= _MAX_BYTES else ""
        found: dict[str, Any] = json.loads(text) if depth(text) <= 2 else {}
        parts = Histogram(tuple(found["counts"]), tuple(found["edges"]), **{name: found[name] for name in _SCALARS})
        sound = _is_sound(parts)
    except (ValueError, TypeError, LookupError, OverflowError):
        raise DamageError("the histogram is damaged") from None
    if not sound:
        raise DamageError("the histogram is damaged")
    return parts


def _is_sound(found: Histogram) -> bool:
    """Tell whether everything is a number where one belongs, and the intervals rise."""
    amounts = [*found.counts, found.count, found.nan, found.infinite]
    limits = [*found.edges, *(end for end in (found.min, found.max) if end is not None)]
    if not all(type(number) in (int, float) and math.isfinite(number) for number in [*amounts, *limits]):
        return False
    fits = len(found.counts) <= MAX_BINS and len(found.edges) == (len(found.counts) + 1 if found.counts else 0)
    return fits and min(amounts) >= 0 and all(one <= other for one, other in pairwise(found.edges))
