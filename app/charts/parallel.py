"""Parallel coordinates: each run a line through its values, an axis for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gtrack._app.charts.axes import axes_of
from gtrack._app.charts.colours import MISSING, SCALE, Ink, inks
from gtrack._app.charts.columns import Column, Floats, column_of, ids_of, marks_of, ticks_of
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.markers import scale_of
from gtrack._app.charts.text import counted, escaped, figure_id, short

__all__ = ["MOST_DIMENSIONS", "parallel_figure"]

MOST_DIMENSIONS = 16
_MOST_OWN_COLOURS = 60
_NONE = "none"
_BELOW = 0.12
_BESIDE = 0.06


def parallel_figure(
    table: pa.Table,
    columns: Sequence[str],
    *,
    colour: str | None = None,
    title: str = "",
    run_inks: Mapping[str, Ink] | None = None,
) -> Figure:
    """Return runs as lines through their values.

    Numbers that span decades have a logarithmic axis. A run without a value passes below the axis, at ``none``. The
    trace's ``meta`` has the runs' ids, in the order of its lines.

    Args:
        table: The runs.
        columns: The axes, from left to right.
        colour: The column of the colours; each run has its own without one.
        title: Shown above it.
        run_inks: The runs' own colours.

    Raises:
        UsageError: There is no such column.
    """
    axes = axes_of(table, columns, MOST_DIMENSIONS)
    by = column_of(table, colour) if colour else None
    ids = ids_of(table)
    trace = {
        "type": "parcoords",
        "name": "runs",
        "dimensions": [_dimension(column) for column in axes.columns],
        "line": _colours(ids, by, run_inks or {}),
        "meta": {"ids": ids, "role": "runs"},
        "customdata": ids,
        "unselected": {"line": {"color": MISSING, "opacity": 0.12}},
    }
    grey = int((~by.known).sum()) if by is not None else 0
    uncoloured = f"{counted(grey, 'run')} without {by.title} in grey" if grey and by is not None else ""
    return Figure(
        id=figure_id("parallel", *columns, colour or "", title),
        title=short(title or "parallel coordinates", 120),
        traces=(trace,) if ids and axes.columns else (),
        # The axes' names stand above them, and half of the first and last beside them.
        layout={"margin": {"t": 44, "l": 72, "r": 72, "b": 20}},
        note="; ".join(filter(None, [axes.note, uncoloured])),
        wide=True,
        height=420,
    )


def _dimension(column: Column) -> dict[str, Any]:
    """Return an axis: its values, its range and its marks."""
    if column.kind == "category":
        marks = {**ticks_of(column), "ticktext": [short(name, 24) for name in column.categories]}
        values, low, high = column.values, 0.0, max(len(column.categories) - 1.0, 0.0)
        end = -1.0
    else:
        log = column.spans_decades
        numbers = column.values[column.known]
        marks = marks_of(column, float(numbers.min()), float(numbers.max()), log=log)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.log10(column.values) if log else column.values
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if low < high:
            marks = _to_the_ends(marks, column, values)
        else:  # equal numbers stand in the middle
            low, high = low - (abs(low) or 1.0), high + (abs(high) or 1.0)
        end = low - (high - low) * _BELOW
    if not column.known.all():
        marks = {"tickvals": [end, *marks["tickvals"]], "ticktext": [_NONE, *marks["ticktext"]]}
        low = end
    return {
        "label": escaped(column.title, 28),
        "values": np.where(column.known, values, end),
        "range": [low, high] if low < high else [low - 0.5, high + 0.5],
        **marks,
    }


def _to_the_ends(marks: dict[str, Any], column: Column, values: Floats) -> dict[str, Any]:
    """Return marks with one at either end: plotly.js draws an axis from its first mark to its last."""
    ends = [
        (float(values[place]), column.shown(place)) for place in (int(np.nanargmin(values)), int(np.nanargmax(values)))
    ]
    (low, _), (high, _) = ends
    near = (high - low) * _BESIDE
    round_ones = zip(marks["tickvals"], marks["ticktext"], strict=True)
    inner = [(value, text) for value, text in round_ones if low + near <= value <= high - near]
    every = [ends[0], *inner, ends[1]]
    return {"tickvals": [value for value, _ in every], "ticktext": [text for _, text in every]}


def _colours(ids: Sequence[str], by: Column | None, run_inks: Mapping[str, Ink]) -> dict[str, Any]:
    if by is None:
        own = inks(reversed(ids))
        return _stepped([run_inks.get(run, own[run]).colour for run in ids[:_MOST_OWN_COLOURS]], len(ids))
    if by.kind == "category":
        colours = [ink.colour for ink in inks(by.categories).values()]
        return _of_categories(colours, by)
    if not by.known.any():
        return {"color": MISSING}
    line = scale_of(by, by.values[by.known])
    low, high = line["cmin"], line["cmax"]
    numbers = np.full(len(ids), low - (high - low) / 10)  # below all others, where the scale is grey
    numbers[by.known] = line["color"]
    if not by.known.all():
        grey = [[0.0, MISSING], [0.05, MISSING]]
        line |= {
            "cmin": low - (high - low) / 10,
            "colorscale": [*grey, *([(1 + 10 * at) / 11, ink] for at, ink in SCALE)],
        }
    return {**line, "color": numbers}


def _stepped(colours: Sequence[str], count: int) -> dict[str, Any]:
    """Return a colour for each of few runs; of many, none could be told from another."""
    if count > len(colours) or count < 2:
        return {"color": colours[0] if colours and count == 1 else "#0072B2"}
    return {
        "color": np.arange(count, dtype=np.float64),
        "colorscale": _steps(colours),
        "cmin": -0.5,
        "cmax": count - 0.5,
    }


def _of_categories(colours: Sequence[str], by: Column) -> dict[str, Any]:
    every = [*colours, MISSING]
    numbers = np.where(by.known, by.values, float(len(colours)))
    return {"color": numbers, "colorscale": _steps(every), "cmin": -0.5, "cmax": len(every) - 0.5}


def _steps(colours: Sequence[str]) -> list[list[Any]]:
    count = len(colours)
    return [[end / count, colour] for at, colour in enumerate(colours) for end in (at, at + 1)]
