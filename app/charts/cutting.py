"""What of a line a screen shows: the points of a range, as many as there are columns, in a range of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gtrack._app.charts.lines import Floats, Line

__all__ = ["Clip", "clip_of", "within"]

Mask = NDArray[np.bool_]
_BULK = (5.0, 95.0)
_BESIDE = 0.25
_MOST_LOOKED_AT = 100_000


@dataclass(frozen=True, slots=True)
class Clip:
    """A range of values that shows the bulk of them.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        below: How many finite values lie below it.
        above: How many lie above it.
    """

    low: float
    high: float
    below: int
    above: int


def within(line: Line, ends: tuple[float, float]) -> Line:
    """Return the points of a line in a range, and the next one on each side, so that it leaves the picture.

    Args:
        line: The line.
        ends: Both ends of the range, in the axis's unit.
    """
    low, high = ends
    x = line.x
    if (x[1:] >= x[:-1]).all():
        first, last = np.searchsorted(x, low, "left"), np.searchsorted(x, high, "right")
        return _part(line, slice(max(int(first) - 1, 0), int(last) + 1))
    inside = _widened((x >= low) & (x <= high))
    with_gaps = _widened(inside)
    gap = ~inside[with_gaps]  # a line that leaves the range and comes back is not joined through it
    part = _part(line, with_gaps)
    return replace(
        part, y=np.where(gap, np.nan, part.y), raw=None if part.raw is None else np.where(gap, np.nan, part.raw)
    )


def clip_of(values: Sequence[Floats], *, log: bool = False) -> Clip | None:
    """Return a range of values that outliers do not stretch; None where they do not anyway.

    It is that of nine tenths of the values, and a quarter of it on either side; so more than a tenth is never left out.

    Args:
        values: The values of all lines.
        log: The axis is logarithmic: only values above 0 count, by their logarithms.
    """
    every = np.concatenate([np.empty(0), *values])
    every = every[np.isfinite(every) & (every > 0)] if log else every[np.isfinite(every)]
    if not len(every):
        return None
    scaled = np.log10(every) if log else every
    some = scaled[:: len(scaled) // _MOST_LOOKED_AT + 1]
    with np.errstate(over="ignore", invalid="ignore"):
        bulk = np.percentile(some, _BULK)
        beside = (bulk[1] - bulk[0]) * _BESIDE
        low, high = max(float(bulk[0] - beside), float(scaled.min())), min(float(bulk[1] + beside), float(scaled.max()))
    below, above = int((scaled < low).sum()), int((scaled > high).sum())
    if not below + above or not np.isfinite([low, high, high - low]).all() or high <= low:
        return None
    return Clip(low, high, below, above) if not log else Clip(float(10.0**low), float(10.0**high), below, above)


def _part(line: Line, places: slice | Mask) -> Line:
    cut = {
        name: values[places]
        for name in ("x", "y", "raw", "low", "high", "count")
        if (values := getattr(line, name)) is not None
    }
    return replace(line, **cut)


def _widened(mask: Mask) -> Mask:
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    return out
