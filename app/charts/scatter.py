"""Runs as points: one thing against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gtrack._app.charts.colours import FOREGROUND, Ink, inks
from gtrack._app.charts.columns import Column, as_categories, axis_of, column_of, ids_of, names_of, without
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.intervals import interval_of
from gtrack._app.charts.markers import Part, colouring
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import Trace

__all__ = ["scatter_figure"]

Mask = NDArray[np.bool_]


def scatter_figure(
    table: pa.Table,
    x: str,
    y: str,
    *,
    colour: str | None = None,
    group: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    title: str = "",
    run_inks: Mapping[str, Ink] | None = None,
) -> Figure:
    """Return runs as points.

    Args:
        table: The runs.
        x: The column along; see :func:`gtrack._app.charts.columns.column_of`.
        y: The column up.
        colour: The column of the colours; each run has its own without one.
        group: The column whose values have a point each, the mean of their runs with its 95 % intervals; single runs
            stay faint behind.
        log_x: A logarithmic axis.
        log_y: Likewise.
        title: Shown above it.
        run_inks: The runs' own colours.

    Raises:
        UsageError: There is no such column.

    Example:
        >>> scatter_figure(found.to_arrow(), "params.lr", "metrics.val_auc", log_x=True).title
        'val_auc by lr'
    """
    along, up = column_of(table, x), column_of(table, y)
    among = as_categories(column_of(table, group)) if group else None
    by = column_of(table, colour) if colour else among
    ids, names = ids_of(table), names_of(table)
    logs = [column for column, log in ((along, log_x), (up, log_y)) if log and column.kind == "number"]
    shown = _drawable([along, up], logs)
    found = colouring(ids, shown, by, run_inks or {})
    texts = [_text(name, at, along, up, by) for at, name in enumerate(names)]
    traces = [_points(part, ids, texts, along, up, faint=among is not None) for part in found.parts]
    if among is not None:
        traces.append(_means(ids, shown, along, up, among))
    notes = [without([along, up], log=logs), found.note]
    return Figure(
        id=figure_id("scatter", x, y, colour or "", group or "", title),
        title=short(title or f"{up.title} by {along.title}", 120),
        traces=tuple(traces),
        layout={
            "xaxis": axis_of(along, log=log_x),
            "yaxis": axis_of(up, log=log_y),
            "hovermode": "closest",
            "showlegend": found.legend,
        },
        note="; ".join(note for note in notes if note),
    )


def _drawable(columns: Sequence[Column], logs: Sequence[Column]) -> Mask:
    """Return which runs have a value of all columns, above 0 on those with a logarithmic axis."""
    shown: Mask = np.logical_and.reduce([column.known for column in columns])
    for column in logs:
        shown = shown & (np.nan_to_num(column.values, nan=-1.0) > 0)
    return shown


def _points(part: Part, ids: Sequence[str], texts: Sequence[str], along: Column, up: Column, *, faint: bool) -> Trace:
    """Return the runs of a part as points; faint where they stand behind the means of their groups."""
    places = part.places.tolist()
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escaped(part.name) if part.name else "runs",
        "x": along.values[part.places],
        "y": up.values[part.places],
        "text": [texts[at] for at in places],
        "customdata": [ids[at] for at in places],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 9, "opacity": 0.3 if faint else 0.85, **part.marker},
        "meta": {"role": "runs"},
    }


def _means(ids: Sequence[str], shown: Mask, along: Column, up: Column, among: Column) -> Trace:
    """Return the mean of each group's runs, with its intervals in both directions."""
    colours = inks(among.categories)
    members = [(name, np.flatnonzero(shown & (among.values == at))) for at, name in enumerate(among.categories)]
    members = [(name, places) for name, places in members if len(places)]
    x, y = ([interval_of(column.values[places]) for _, places in members] for column in (along, up))
    hover = [
        f"<b>{escaped(name)}</b> ({counted(len(places), 'run')})<br>{escaped(up.title)}: {one[0]:.6g} ± {one[1]:.3g}"
        for (name, places), one in zip(members, y, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "means",
        "x": [mean for mean, _ in x],
        "y": [mean for mean, _ in y],
        "error_x": _bars([half for _, half in x]),
        "error_y": _bars([half for _, half in y]),
        "text": hover,
        "customdata": [[ids[at] for at in places.tolist()] for _, places in members],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
        "marker": {
            "size": 12,
            "color": [colours[name].colour for name, _ in members],
            "line": {"width": 1, "color": FOREGROUND},
        },
        "meta": {"role": "groups"},
    }


def _bars(halves: Sequence[float]) -> dict[str, Any]:
    return {"type": "data", "array": list(halves), "color": FOREGROUND, "thickness": 1, "width": 3}


def _text(name: str, at: int, *columns: Column | None) -> str:
    """Return what a point says of its run: a line for each column."""
    lines = [f"{escaped(column.title)}: {escaped(column.shown(at))}" for column in columns if column is not None]
    return "<br>".join([f"<b>{name}</b>", *lines])
