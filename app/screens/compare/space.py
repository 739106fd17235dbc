"""Runs as points of a space of params and metrics: their table, and which of them pass a brush."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from gtrack._app.charts.figure import Figure
from gtrack.display.words import value_text
from gtrack.index.columns import Line
from gtrack.index.fields import Field, Type

__all__ = ["brushed", "facts_table", "picked", "read_brush", "with_brush", "with_picks"]

Brush = Mapping[str, Sequence[Sequence[float]]]
_MOST_LABELS, _MOST_RANGES = 64, 32


def facts_table(lines: Iterable[Line], fields: Sequence[Field]) -> pa.Table:
    """Return what is known of many runs as a table like theirs, with no more columns than are asked for.

    Args:
        lines: A line for each run with the cells of the name and of the fields; see :mod:`gtrack.index.columns`.
        fields: The fields.
    """
    rows = list(lines)
    table: dict[str, Any] = {
        "id": pa.array([row[1] for row in rows], pa.string()),
        "name": pa.array([row[2] for row in rows], pa.string()),
    }
    for at, each in enumerate(fields, 3):
        if str(each) not in table:
            table[str(each)] = _column([row[at] for row in rows], each)
    return pa.table(table)


def read_brush(value: object) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return a brush as an address has it: by the label of an axis, the ranges that pass; what is none is left out."""
    found: dict[str, tuple[tuple[float, float], ...]] = {}
    if not isinstance(value, Mapping):
        return found
    for label, spans in list(value.items())[:_MOST_LABELS]:
        ranges = (
            [span for one in spans[:_MOST_RANGES] if (span := _span(one))] if isinstance(spans, list | tuple) else []
        )
        if isinstance(label, str) and ranges:
            found[label] = tuple(ranges)
    return found


def with_brush(figure: Figure, brush: Brush) -> Figure:
    """Return parallel coordinates with ranges brushed on their axes."""
    traces = []
    for trace in figure.traces:
        dimensions = [
            {**one, "constraintrange": _constraint(brush[one["label"]])} if one["label"] in brush else one
            for one in trace.get("dimensions", [])
        ]
        traces.append({**trace, "dimensions": dimensions})
    return replace(figure, traces=tuple(traces))


def brushed(figure: Figure, brush: Brush) -> tuple[str, ...]:
    """Return the ids of the runs whose lines pass all ranges of a brush; all of them without any."""
    if not figure.traces:
        return ()
    trace = figure.traces[0]
    ids: list[str] = list(trace["meta"]["ids"])
    passing = np.ones(len(ids), bool)
    for dimension in trace["dimensions"]:
        spans = brush.get(dimension["label"])
        if spans:
            values = np.asarray(dimension["values"], np.float64)
            passing &= np.logical_or.reduce([(values >= low) & (values <= high) for low, high in spans])
    return tuple(run_id for run_id, passes in zip(ids, passing, strict=True) if passes)


def with_picks(figure: Figure, ids: Iterable[str]) -> Figure:
    """Return a scatter matrix with some runs picked out."""
    wanted = set(ids)
    if not wanted:
        return figure
    traces = []
    for trace in figure.traces:
        places = [at for at, run_id in enumerate(trace["customdata"]) if run_id in wanted]
        traces.append({**trace, "selectedpoints": places, "unselected": {"marker": {"opacity": 0.12}}})
    return replace(figure, traces=tuple(traces))


def picked(figure: Figure, ids: Iterable[str]) -> tuple[str, ...]:
    """Return those of some ids that are in a figure: what was picked out may be of other runs than are shown now."""
    there = {run_id for trace in figure.traces for run_id in trace["customdata"]}
    return tuple(run_id for run_id in dict.fromkeys(ids) if run_id in there)


def _constraint(spans: Sequence[Sequence[float]]) -> list[Any]:
    ranges = [list(span) for span in spans]
    return ranges[0] if len(ranges) == 1 else ranges


def _span(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = value
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) and abs(end) < 1e300 for end in value)
    return (float(min(low, high)), float(max(low, high))) if numbers else None


def _column(values: Sequence[object], of: Field) -> pa.Array:
    """Return an array of the one type of the values; numbers and texts together as texts."""
    if of.type is Type.TIME:
        return pa.array(values, pa.timestamp("us", tz="UTC"))
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return pa.array([_number(value) for value in values], pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else value_text(value) for value in values], pa.string())


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:  # an integer of hundreds of digits
        return None
