"""Lines as Plotly's traces, and what is told of values that no line can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gtrack._app.charts.lines import Floats, Line
from gtrack._app.charts.text import escaped, short
from gtrack.plot.thinning import extremes, means

__all__ = ["HOVER", "Trace", "compact", "marks_of", "polygon", "traces_of"]

Trace = dict[str, Any]

HOVER = "%{y:.6~g}<extra>%{fullData.name}</extra>"
_FAINT, _BAND = 0.25, 0.16
_MOST_MARKS = 200
_PER_BUCKET = 5
_KINDS = (
    ("NaN", "x", 0.0, np.isnan),
    ("+∞", "triangle-up", 1.0, np.isposinf),
    ("-∞", "triangle-down", 0.0, np.isneginf),
)
"""What is not finite: how it is called, its mark, where that stands, and what finds it."""


def traces_of(line: Line, points: int, *, whole: bool = False, log_y: bool = False) -> list[Trace]:
    """Return a line's traces: its band, the values as they were logged, and the line above them.

    Args:
        line: The line.
        points: The most points of each.
        whole: The places are whole numbers, which take half the space.
        log_y: The axis of values is logarithmic: a band ends above 0.
    """
    return [*_band(line, points, log_y), *_behind(line, points, whole), _drawn(line, points, whole)]


def marks_of(lines: Sequence[Line]) -> tuple[list[Trace], str]:
    """Return marks of the values that are not finite, along the ends of a second axis, and how many there are.

    Args:
        lines: The lines of single runs.

    Returns:
        At most one trace on ``y2``, which goes from 0 to 1; and what to say of it.
    """
    found: list[tuple[int, int, str, str, float]] = []
    said = []
    for name, symbol, height, is_such in _KINDS:
        places = [np.flatnonzero(is_such(line.logged)) for line in lines]
        number = sum(map(len, places))
        if number:
            said.append(f"{number:,} {name}")
            stride = number // _MOST_MARKS + 1
            every = [(at, int(place), name, symbol, height) for at, each in enumerate(places) for place in each]
            found += every[::stride]
    if not found:
        return [], ""
    trace: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "not finite",
        "x": [float(lines[at].x[place]) for at, place, *_ in found],
        "y": [height for *_, height in found],
        "yaxis": "y2",
        "text": [f"{escaped(lines[at].name)}: {name}" for at, _, name, *_ in found],
        "customdata": [lines[at].meta["run"] for at, *_ in found],
        "meta": {"role": "marks"},
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
        "cliponaxis": False,
        "marker": {
            "symbol": [symbol for *_, symbol, _ in found],
            "color": [lines[at].colour for at, *_ in found],
            "size": 7,
        },
    }
    return [trace], " and ".join(said) + " marked along the edge"


def polygon(x: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the outline of a band as a closed line for each stretch in which it is known, with gaps between."""
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.r_[False, known, False].astype(np.int8)))
    xs: list[Floats] = []
    ys: list[Floats] = []
    gap = np.array([np.nan])
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        xs += [x[first:last], x[first:last][::-1], gap]
        ys += [high[first:last], low[first:last][::-1], gap]
    if not xs:
        return np.empty(0), np.empty(0)
    return np.concatenate(xs[:-1]), np.concatenate(ys[:-1])


def _drawn(line: Line, points: int, whole: bool) -> Trace:
    keep = extremes(line.x, line.y, max(points // _PER_BUCKET, 1))
    single = len(line.y) == 1 or not _has_line(line.y)
    trace = _trace(line, line.x[keep], line.y[keep], whole)
    trace |= {
        "mode": "lines+markers" if single else "lines",
        "line": {
            "color": line.colour,
            "dash": line.dash,
            "width": 2.75 if line.emphasis else 1.5,
            "shape": "hv" if line.steps else "linear",
        },
        "hovertemplate": HOVER,
        "meta": {**line.meta, "name": short(line.name), "points": len(line.y)},
    }
    if single:
        trace["marker"] = {"color": line.colour, "size": 6}
    if line.count is not None:
        trace["customdata"] = line.count[keep].astype(np.int32)
        trace["hovertemplate"] = "%{y:.6~g} (mean of %{customdata})<extra>%{fullData.name}</extra>"
    return trace


def _has_line(values: Floats) -> bool:
    """Tell whether any two values beside each other are known, so that there is a line between them."""
    known = np.isfinite(values)
    return bool((known[1:] & known[:-1]).any())


def _behind(line: Line, points: int, whole: bool) -> list[Trace]:
    if line.raw is None:
        return []
    keep = extremes(line.x, line.raw, max(points // _PER_BUCKET, 1))
    trace = _trace(line, line.x[keep], line.raw[keep], whole)
    trace |= {
        "mode": "lines",
        "line": {"color": line.colour, "width": 1},
        "opacity": _FAINT,
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {**line.meta, "role": "raw"},
    }
    return [trace]


def _band(line: Line, points: int, log_y: bool) -> list[Trace]:
    if line.low is None or line.high is None:
        return []
    few = means(line.x, line.y, line.low, line.high, max(points // 2, 1))
    low, high = few.low, few.high
    if log_y:
        least = np.nanmin(np.where(few.y > 0, few.y, np.nan)) if (few.y > 0).any() else np.nan
        low = np.where(low > 0, low, least / 10)
        high = np.where(high > 0, high, np.nan)
    x, y = polygon(few.x, low, high)
    if not len(x):
        return []
    trace = _trace(line, x, y, whole=False)
    trace |= {
        "mode": "lines",
        "line": {"width": 0, "color": line.colour},
        "fill": "toself",
        "fillcolor": line.colour,
        "opacity": _BAND,
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {**line.meta, "role": "band"},
    }
    return [trace]


def _trace(line: Line, x: Floats, y: Floats, whole: bool) -> Trace:
    values = y if np.isfinite(y).all() else np.where(np.isfinite(y), y, np.nan)
    return {
        "type": "scatter",
        "name": escaped(line.name),
        "legendgroup": line.meta.get("run") or escaped(line.meta["group"]),
        "x": compact(x) if whole else x,
        "y": values,
        "connectgaps": False,
    }


def compact(x: Floats) -> NDArray[Any]:
    """Return whole numbers of 32 bits as such: half the bytes."""
    if len(x) and np.isfinite(x).all() and float(np.abs(x).max()) < 1 << 31:
        narrow = x.astype(np.int32)
        if (narrow == x).all():
            return narrow
    return x
