"""How runs are distributed over the values of a column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gtrack._app.charts.colours import COLOURS, inks
from gtrack._app.charts.columns import Column, Floats, as_categories, axis_of, column_of, ids_of, marks_of, without
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import Trace

__all__ = ["bin_edges", "histogram_figure"]

_MOST_BINS = 60
_FEWEST_BINS = 5


def histogram_figure(
    table: pa.Table, x: str, *, colour: str | None = None, log_x: bool = False, title: str = ""
) -> Figure:
    """Return how many runs have which values.

    Args:
        table: The runs.
        x: The column.
        colour: Parts of the bars for each value of this column.
        log_x: Intervals of equal quotients on a logarithmic axis, of numbers above 0.
        title: Shown above it.

    Raises:
        UsageError: There is no such column.
    """
    along = column_of(table, x)
    by = as_categories(column_of(table, colour)) if colour else None
    log = log_x and along.kind == "number"
    shown = along.known & (by.known if by is not None else True)
    if log:
        shown = shown & (np.nan_to_num(along.values, nan=-1.0) > 0)
    placed, layout, names = _intervals(along, shown, log)
    parts = (
        [(by.categories[at], shown & (by.values == at)) for at in range(len(by.categories))] if by else [("", shown)]
    )
    colours = inks(by.categories) if by else {}
    ids = np.array(ids_of(table), object)
    traces = [
        _bars(ids, placed, mask, names, name, colours[name].colour if name else COLOURS[0]) for name, mask in parts
    ]
    needed = [along] if by is None else [along, by]
    return Figure(
        id=figure_id("histogram", x, colour or "", title),
        title=short(title or along.title, 120),
        traces=tuple(trace for trace in traces if trace is not None),
        layout={
            "xaxis": layout,
            "yaxis": {"title": {"text": "runs"}, "rangemode": "tozero", "tickformat": ",d"},
            "barmode": "stack",
            "hovermode": "closest",
            "showlegend": by is not None,
        },
        note=without(needed, log=[along] if log else []),
    )


def bin_edges(values: Floats) -> Floats:
    """Return the limits of intervals for values: by Freedman and Diaconis' rule, 5 to 60 of them.

    Source: D. Freedman and P. Diaconis, 1981, https://doi.org/10.1007/BF01025868

    Args:
        values: One value or more, as columns have them.
    """
    low, high = float(values.min()), float(values.max())
    span = high - low
    if not low < high:
        return np.array([low - (abs(low) * 0.05 or 0.5), high + (abs(high) * 0.05 or 0.5)])
    quarter, three = np.percentile(values, [25, 75])
    width = 2 * float(three - quarter) / len(values) ** (1 / 3)
    if (values == np.round(values)).all() and span <= _MOST_BINS:  # whole numbers have a bar each
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 1)
    bins = int(min(max(span / width, _FEWEST_BINS), _MOST_BINS)) if width > 0 else _FEWEST_BINS * 4
    share = np.linspace(0.0, 1.0, bins + 1)
    edges = low * (1 - share) + high * share
    return edges if (np.diff(edges) > 0).all() else np.array([low, high])


def _intervals(
    along: Column, shown: NDArray[np.bool_], log: bool
) -> tuple[tuple[NDArray[np.int64], Floats, Floats], dict[str, Any], list[str]]:
    """Return each run's interval, the intervals' middles and widths, the axis, and what each interval is called."""
    values = along.values
    if along.kind == "category":
        count = len(along.categories)
        middles = np.arange(count, dtype=np.float64)
        which = np.where(shown, np.nan_to_num(values), 0).astype(np.int64)
        return (which, middles, np.full(count, 0.8)), axis_of(along), [escaped(name) for name in along.categories]
    if not shown.any():
        nothing = np.empty(0)
        return (np.zeros(len(values), np.int64), nothing, nothing), axis_of(along, log=log), []
    scaled = np.log10(np.where(shown, values, 1.0)) if log else np.where(shown, values, 0.0)
    edges = bin_edges(scaled[shown])
    which = np.clip(np.searchsorted(edges, scaled, "right") - 1, 0, len(edges) - 2)
    limits = 10.0**edges if log else edges
    names = [f"{_limit(one, along)} to {_limit(other, along)}" for one, other in pairwise(limits.tolist())]
    # Plotly marks a few bars at their middles, and widens bars on logarithmic axes: marks and logarithms are our own.
    marks = marks_of(along, float(limits[0]), float(limits[-1]), log=log)
    axis = {**axis_of(along), "type": "linear", **marks, "zeroline": False}
    return (which, (edges[1:] + edges[:-1]) / 2, np.diff(edges)), axis, names


def _limit(value: float, along: Column) -> str:
    if along.kind == "time":
        return str(np.datetime64(int(value), "ms")).replace("T", " ")[:16]
    return f"{value:.4g}"


def _bars(
    ids: NDArray[np.object_],
    placed: tuple[NDArray[np.int64], Floats, Floats],
    mask: NDArray[np.bool_],
    names: Sequence[str],
    name: str,
    colour: str,
) -> Trace | None:
    which, middles, widths = placed
    if not mask.any() or not len(middles):
        return None
    counts = np.bincount(which[mask], minlength=len(middles))
    used = np.flatnonzero(counts).tolist()
    return {
        "type": "bar",
        "name": escaped(name) if name else "runs",
        "x": middles[used],
        "width": widths[used],
        "y": counts[used].tolist(),
        "customdata": [ids[mask & (which == at)].tolist() for at in used],
        "hovertext": [f"{names[at]}: {counted(int(counts[at]), 'run')}" for at in used],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {"color": colour, "opacity": 0.85},
        "meta": {"role": "groups"},
    }
