"""Fewer points that draw the same line: what no screen could show is left out, and spikes and gaps are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

__all__ = ["Means", "extremes", "means"]


def extremes(x: Floats, y: Floats, buckets: int) -> Places:
    """Return the places of the points that draw the same line as all do.

    Of each bucket they are the first, the lowest, the highest and the last point, and one that is not finite, where the
    line has a gap: at as many buckets as the picture has columns, the picture is the same (M4, Jugel et al., VLDB 2014,
    https://www.vldb.org/pvldb/vol7/p797-jugel.pdf).

    Args:
        x: Where the points stand. Ascending, as steps and times are, it is cut into buckets of equal width; otherwise
            buckets have equal numbers of points.
        y: Their values.
        buckets: How many; at most five times as many points are returned.

    Returns:
        Places in ascending order; all of them where that is not more.
    """
    import numpy as np

    if len(y) <= 4 * buckets:
        return np.arange(len(y))
    starts, bucket = _buckets(x, buckets)
    ends = np.r_[starts[1:], len(y)] - 1
    finite = np.isfinite(y)
    low, high = np.where(finite, y, np.inf), np.where(finite, y, -np.inf)
    lowest = _first(low == np.minimum.reduceat(low, starts)[bucket], bucket)
    highest = _first(high == np.maximum.reduceat(high, starts)[bucket], bucket)
    return np.unique(np.concatenate([starts, ends, lowest, highest, _first(~finite, bucket)]))


@dataclass(frozen=True, slots=True)
class Means:
    """A curve in few points, each the mean of those it stands for.

    Attributes:
        x: Where they stand.
        y: The means of the values, those that are not finite apart; NaN where no other is.
        low: The lowest of ``low`` among the points each stands for.
        high: The highest of ``high``.
        per: How many points each stands for, in the mean.
    """

    x: Floats
    y: Floats
    low: Floats
    high: Floats
    per: float


def means(x: Floats, y: Floats, low: Floats, high: Floats, buckets: int) -> Means:
    """Return a curve in at most so many points, of equal numbers of its own.

    Args:
        x: Where the points stand.
        y: Their values.
        low: The lower end of a band around them; the values themselves where there is none.
        high: The upper end, likewise.
        buckets: How many points to return; all of them where there are no more.
    """
    import numpy as np

    if len(y) <= buckets:
        return Means(x, y, low, high, 1.0)
    starts = np.arange(buckets) * len(y) // buckets
    finite = np.isfinite(y)
    count = np.add.reduceat(finite.astype(np.float64), starts)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.add.reduceat(np.where(finite, y, 0.0), starts) / count
        place = np.add.reduceat(x, starts) / np.diff(np.r_[starts, len(y)])
    return Means(place, mean, np.fmin.reduceat(low, starts), np.fmax.reduceat(high, starts), len(y) / buckets)


def _buckets(x: Floats, buckets: int) -> tuple[Places, Places]:
    """Return where each bucket that has points begins, and the number of each point's bucket among those."""
    import numpy as np

    span = float(x[-1] - x[0])
    if np.isfinite(x).all() and (np.diff(x) >= 0).all() and 0 < span < np.inf:
        number = np.minimum(((x - x[0]) / span * buckets).astype(np.int64), buckets - 1)
    else:
        number = np.arange(len(x)) * buckets // len(x)
    fresh = np.r_[True, number[1:] != number[:-1]]
    return np.flatnonzero(fresh), np.cumsum(fresh) - 1


def _first(wanted: NDArray[np.bool_], bucket: Places) -> Places:
    """Return the first place in each bucket that is wanted; none of a bucket where nothing is."""
    import numpy as np

    places = np.flatnonzero(wanted)
    of = bucket[places]
    return places[np.r_[True, of[1:] != of[:-1]]] if len(places) else places
