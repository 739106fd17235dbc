"""A matrix of scatter plots: each column against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gtrack._app.charts.axes import axes_of
from gtrack._app.charts.colours import Ink
from gtrack._app.charts.columns import Column, axis_of, column_of, ids_of, names_of
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.markers import Part, colouring
from gtrack._app.charts.text import escaped, figure_id, short

__all__ = ["MOST_COLUMNS", "matrix_figure"]

MOST_COLUMNS = 6
_CELL, _AROUND = 130, 110


def matrix_figure(
    table: pa.Table,
    columns: Sequence[str],
    *,
    colour: str | None = None,
    title: str = "",
    run_inks: Mapping[str, Ink] | None = None,
) -> Figure:
    """Return columns against each other; numbers that span decades on logarithmic axes.

    Args:
        table: The runs.
        columns: The columns; at most six are drawn.
        colour: The column of the colours; each run has its own without one.
        title: Shown above it.
        run_inks: The runs' own colours.

    Raises:
        UsageError: There is no such column.
    """
    axes = axes_of(table, columns, MOST_COLUMNS, "column", "columns")
    kept = axes.columns
    by = column_of(table, colour) if colour else None
    ids, names = ids_of(table), names_of(table)
    # A run is in those cells of which it has both values.
    some = np.logical_or.reduce([column.known for column in kept]) if kept else np.zeros(len(ids), bool)
    parts = colouring(ids, some, by, run_inks or {})
    layout: dict[str, Any] = {"hovermode": "closest", "dragmode": "select", "showlegend": parts.legend}
    for number, column in enumerate(kept, 1):
        suffix = "" if number == 1 else str(number)
        layout |= {f"xaxis{suffix}": _axis(column), f"yaxis{suffix}": _axis(column)}
    return Figure(
        id=figure_id("matrix", *columns, colour or "", title),
        title=short(title or "scatter matrix", 120),
        traces=tuple(_trace(part, kept, ids, names) for part in parts.parts) if kept else (),
        layout=layout,
        note="; ".join(filter(None, [axes.note, parts.note])),
        wide=True,
        height=_AROUND + _CELL * max(len(kept), 2),
    )


def _axis(column: Column) -> dict[str, Any]:
    """Return the axis of a column, ranged by its data: plotly.js (3.x) gives the axes behind one with a range none."""
    axis = axis_of(column, log=column.spans_decades) | {"title": {"text": escaped(column.title, 18)}}
    axis.pop("range", None)
    return axis


def _trace(part: Part, columns: Sequence[Column], ids: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    places = part.places.tolist()
    return {
        "type": "splom",
        "name": escaped(part.name) if part.name else "runs",
        "dimensions": [
            {
                "label": escaped(column.title, 18),
                "values": column.values[part.places],
                "axis": {"type": _axis(column)["type"]},
            }
            for column in columns
        ],
        "marker": {"size": 6, "opacity": 0.8, **part.marker},
        "diagonal": {"visible": False},
        "showupperhalf": False,
        "text": [names[at] for at in places],
        "customdata": [ids[at] for at in places],
        "hovertemplate": "<b>%{text}</b><br>%{xaxis.title.text}: %{x}<br>%{yaxis.title.text}: %{y}<extra></extra>",
        "meta": {"role": "runs"},
    }
