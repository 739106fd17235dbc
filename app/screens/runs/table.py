"""The table of runs as Streamlit shows it: cells, headings, and what a click on one of them means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import streamlit as st

from gtrack._app.run_columns import RunColumn
from gtrack._app.run_list import cells_of, shape_of
from gtrack._app.safe import cell
from gtrack._app.screens.runs.rows import Row

__all__ = ["TableEvents", "arrow_table", "dot", "show_table"]

_KEY = "runs.table"
_INDENT = "\u2003"
_OUTSIDE = " (baseline, outside the filter)"


def dot(colour: str, *, shown: bool) -> str:
    """Return an image of a run's colour: a disc where its curves are drawn, a ring where they are hidden."""
    fill = f"fill='{colour}'" if shown else f"fill='none' stroke='{colour}' stroke-width='2'"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'><circle cx='8' cy='8' r='6' {fill}/></svg>"
    return f"data:image/svg+xml,{quote(svg)}"


def arrow_table(
    rows: Sequence[Row],
    columns: Sequence[RunColumn],
    *,
    colours: Mapping[str, str],
    hidden: Iterable[str],
    sparks: Mapping[str, list[float]],
) -> pa.Table:
    """Return the table: the eye, the name, what unfolds, then the columns, and a curve beside the metrics.

    Args:
        rows: The rows.
        columns: The columns that were chosen.
        colours: The colour of each run, by its id.
        hidden: The ids of runs whose curves are not drawn.
        sparks: The values of a curve for each run, by its id; none for no such column.
    """
    away = set(hidden)
    table: dict[str, Any] = {
        " eye": pa.array([dot(colours[row.run.id], shown=row.run.id not in away) for row in rows], pa.string()),
        " name": pa.array([_name(row) for row in rows], pa.string()),
    }
    if any(row.children for row in rows):
        table[" unfold"] = pa.array([_fold(row) for row in rows], pa.string())
    last = max((number for number, column in enumerate(columns) if "metrics." in column.name), default=0)
    for number, column in enumerate(columns):
        table[column.name] = cells_of(column)
        if number == last and sparks:
            table[" spark"] = pa.array([sparks.get(row.run.id) for row in rows], pa.list_(pa.float64()))
    return pa.table(table)


class TableEvents:
    """What somebody does in the table, as functions of the row's number."""

    def __init__(
        self, on_open: Callable[[int], None], on_unfold: Callable[[int], None], on_eye: Callable[[int], None]
    ) -> None:
        self.on_open, self.on_unfold, self.on_eye = on_open, on_unfold, on_eye


def show_table(
    table: pa.Table,
    columns: Sequence[RunColumn],
    *,
    selected: Sequence[int],
    on_select: Callable[[list[int]], None],
    events: TableEvents,
    spark: str,
) -> None:
    """Show the table.

    Args:
        table: What :func:`arrow_table` returned.
        columns: The same columns.
        selected: The numbers of the selected rows.
        on_select: Is told which rows are selected.
        events: What a click does.
        spark: The metric whose curve is shown.
    """
    st.session_state[_KEY] = {"selection": {"rows": list(selected), "columns": [], "cells": []}}

    def chosen() -> None:
        found = st.session_state[_KEY]["selection"]
        eyes = [row for row, name in found["cells"] if name == " eye"]
        for row in eyes[:1]:
            events.on_eye(row)
        if not found["cells"]:
            on_select(list(found["rows"]))

    wide = any(name.endswith(_OUTSIDE) for name in table[" name"].to_pylist())
    shape = {**_own_shape(events, spark, wide=wide), **{column.name: shape_of(column) for column in columns}}
    present = set(table.column_names)
    st.dataframe(
        table,
        hide_index=True,
        column_config={name: shown for name, shown in shape.items() if name in present},
        key=_KEY,
        on_select=chosen,
        selection_mode=["multi-row", "single-cell"],
        height=min(680, 38 + 35 * max(1, table.num_rows)),
        row_height=35,
        placeholder="",
        alt=f"{table.num_rows} runs",
    )


def _own_shape(events: TableEvents, spark: str, *, wide: bool) -> dict[str, Any]:
    """Return how the columns are shown that every table has."""
    return {
        " eye": st.column_config.ImageColumn("", width=36, pinned=True, help="Click to hide a run's curves in charts"),
        " name": _buttons("name", "open", events.on_open, 400 if wide else 220, alignment="left"),
        " unfold": _buttons("children", "unfold", events.on_unfold, 80),
        " spark": st.column_config.LineChartColumn(cell(spark, 40), width=120),
    }


def _buttons(label: str, name: str, act: Callable[[int], None], width: int, **more: Any) -> Any:
    """Return a column whose cells are buttons, which act on their row."""
    key = f"{_KEY}.{name}"

    def clicked() -> None:
        click = st.session_state.get(key)
        if click is not None:
            act(int(click["row"]))

    return st.column_config.ButtonColumn(
        label, width=width, pinned=True, type="tertiary", key=key, on_click=clicked, **more
    )


def _name(row: Row) -> str:
    mark = "⚑ " if row.baseline else ""
    name = cell(row.run.name, 120).replace(":", "\u2236")  # else :material/...: would become an icon
    return f"{_INDENT * row.depth}{'└ ' if row.depth else ''}{mark}{name}{_OUTSIDE if row.outside else ''}"


def _fold(row: Row) -> str:
    return f"{'▾' if row.open else '▸'} {row.children:,}" if row.children else ""
