"""The mean of each group of lines, and a band around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gtrack._app.charts.colours import Ink, inks
from gtrack._app.charts.lines import Floats, Line
from gtrack._app.charts.text import counted, short
from gtrack.model.statistics import CONFIDENCE, t_quantile

__all__ = ["Band", "band_of", "grouped"]


@dataclass(frozen=True, slots=True)
class Band:
    """A mean over lines at places that they have in common: arrays of equal length.

    Attributes:
        x: The places.
        mean: The mean of the lines that have a value there.
        low: The lower end of the band; NaN where it cannot be told.
        high: The upper end.
        count: How many lines have a value.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    count: Floats


def grouped(lines: Sequence[Line], kind: str, points: int, *, log_x: bool = False) -> list[Line]:
    """Return a line for each group: the mean of its runs, with a band.

    Args:
        lines: The lines of single runs; one without a group stays as it is.
        kind: ``std``, ``minmax`` or ``interval``.
        points: The most points of a mean.
        log_x: The axis is logarithmic, and so are the distances of these points.
    """
    groups: dict[str | None, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    alone = groups.pop(None, [])
    colours = inks(name for name in groups if name is not None)
    means = [
        _mean(name, group, colours[name], kind, points, log_x) for name, group in groups.items() if name is not None
    ]
    return [*alone, *means]


def band_of(curves: Sequence[tuple[Floats, Floats]], kind: str, points: int, *, log_x: bool = False) -> Band:
    """Return the mean of curves, and a band around it.

    Curves stand at different places, so each is interpolated between its own points, and counts nowhere else: neither
    before its first point nor behind its last, nor beside a value that is not finite.

    Args:
        curves: The places and values of each.
        kind: ``std`` (plus and minus one), ``minmax``, or ``interval``: the 95 % confidence interval of the mean. Of a
            single curve the first and the last are unknown.
        points: The most places.
        log_x: Choose places with equal quotients, where there are too many.
    """
    ordered = [_ascending(x, y) for x, y in curves]
    grid = _grid([x for x, _ in ordered], points, log_x)
    values = np.full((max(len(ordered), 1), len(grid)), np.nan)
    for row, (x, y) in enumerate(ordered):
        if len(x):
            values[row] = np.interp(grid, x, np.where(np.isfinite(y), y, np.nan), left=np.nan, right=np.nan)
    known = ~np.isnan(values)
    count = known.sum(axis=0).astype(np.float64)
    lowest, highest = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # Shares rather than a sum: that of huge values is infinite. Rounding must not leave the values' range.
        mean = np.clip(np.where(known, values / count, 0.0).sum(axis=0), lowest, highest)
        mean = np.where(count > 0, mean, np.nan)
        if kind == "minmax":
            return Band(grid, mean, lowest, highest, count)
        squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
        width = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)
        if kind == "interval":
            width = width / np.sqrt(count) * _quantiles(count)
        width = np.where(np.isfinite(width), width, np.nan)
        return Band(grid, mean, mean - width, mean + width, count)


def _mean(name: str, lines: Sequence[Line], ink: Ink, kind: str, points: int, log_x: bool) -> Line:
    band = band_of([(line.x, line.y) for line in lines], kind, points, log_x=log_x)
    ids = list(dict.fromkeys(line.meta["run"] for line in lines))
    return Line(
        name=f"{name} ({counted(len(ids), 'run')})",
        colour=ink.colour,
        dash=ink.dash,
        emphasis=any(line.emphasis for line in lines),
        x=band.x,
        y=band.mean,
        meta={"group": short(name), "runs": ids},
        group=name,
        low=band.low,
        high=band.high,
        count=band.count,
    )


def _ascending(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return a curve in the order of its places, of each place the last value."""
    if len(x) and not (x[1:] > x[:-1]).all():
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        last = np.r_[x[1:] != x[:-1], True]
        x, y = x[last], y[last]
    known = np.isfinite(x)
    return (x, y) if known.all() else (x[known], y[known])


def _grid(places: Sequence[Floats], points: int, log_x: bool) -> Floats:
    """Return all places of all curves; where these are too many, as many at equal distances."""
    every = np.unique(np.concatenate([np.empty(0), *places]))
    if len(every) <= points:
        return every
    positive = every[every > 0]
    if log_x and len(positive):
        return np.geomspace(positive[0], positive[-1], points)
    return np.linspace(every[0], every[-1], points)


def _quantiles(count: Floats) -> Floats:
    """Return Student's t of each number of values; NaN for fewer than two."""
    numbers, place = np.unique(count, return_inverse=True)
    known = [t_quantile(0.5 + CONFIDENCE / 2, n - 1) if n > 1 else np.nan for n in numbers.tolist()]
    return np.array(known)[place.reshape(-1)] if len(numbers) else count
