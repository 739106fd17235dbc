"""The tables of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app import grids
from gtrack._app.run_list import button_text, open_column
from gtrack._app.safe import cell, markdown
from gtrack.display.words import value_text
from gtrack.ids import SHORT, is_run_id
from gtrack.report.results import Cell, Grid

__all__ = ["grid_table", "marked_table", "show_grid", "show_marked"]

_NAMES = ("name", "run", "best run")
_COLOURS = {"good": "green", "bad": "red", "warn": "orange", "busy": "blue", "faint": "gray"}
_LONGEST = 200
_MOST_ROWS = 16


def grid_table(grid: Grid) -> tuple[pa.Table, int]:
    """Return a table of runs, and the number of the column that names them: one is put in front where none does.

    Numbers stay numbers, so that a column can be sorted by them. Columns are called by their numbers, since two may
    have the same heading.
    """
    headings = [heading.text for heading in grid.headings]
    named = next((at for at, text in enumerate(headings) if text in _NAMES), -1)
    columns: dict[str, Any] = {}
    if named < 0:
        columns["run"] = pa.array([run[:SHORT] for run in grid.runs], pa.string())
    for at in range(len(headings)):
        cells = [row[at] for row in grid.rows]
        columns[str(at)] = (
            pa.array([button_text(each.text) for each in cells], pa.string()) if at == named else _values(cells)
        )
    return pa.table(columns), named


def show_grid(grid: Grid, key: str) -> None:
    """Show a table of runs, of which a click opens one.

    Args:
        grid: The table.
        key: What tells it from others of the page.
    """
    table, named = grid_table(grid)
    shape: dict[str, Any] = {}
    for at, heading in enumerate(grid.headings):
        label = cell(heading.text, 80)
        if at == named:
            shape[str(at)] = open_column(label, f"{key}.open", grid.runs)
        elif pa.types.is_floating(table.schema.field(str(at)).type):
            shape[str(at)] = st.column_config.NumberColumn(label, format="%.6g")
        else:
            shape[str(at)] = st.column_config.TextColumn(label, alignment="right" if heading.right else None)
    if named < 0:
        shape["run"] = open_column("run", f"{key}.open", grid.runs, width=90)
    alt = f"{grid.title}: {table.num_rows} rows"
    grids.grid(table, plain=False, alt=alt, config=shape, rows=_MOST_ROWS)


def marked_table(grid: Grid) -> pa.Table:
    """Return a table as Markdown in which nothing but our own colours and links means anything.

    A run leads to its page, a commit to its host.
    """
    heads: list[str] = []
    for heading in grid.headings:
        head = markdown(heading.text, 80)
        heads.append(head if head not in heads else head + "\u200b" * (len(heads) + 1))
    rows = [[_marked(each, bold=number == grid.baseline) for each in row] for number, row in enumerate(grid.rows)]
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in heads]
    return pa.table({head: pa.array(list(column), pa.string()) for head, column in zip(heads, columns, strict=True)})


def show_marked(grid: Grid) -> None:
    """Show a small table whose cells have colours and lead somewhere."""
    st.table(marked_table(grid), border="horizontal", hide_index=True, alt=cell(grid.title) or "Table")


def _values(cells: Sequence[Cell]) -> Any:
    known = [each.value for each in cells if each.value is not None]
    if known and all(
        _is_number(each.value) and each.text == value_text(each.value) for each in cells if each.value is not None
    ):
        return pa.array([None if each.value is None else float(str(each.value)) for each in cells], pa.float64())
    return pa.array([cell(each.text, _LONGEST) for each in cells], pa.string())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)


def _marked(each: Cell, *, bold: bool) -> str:
    text = markdown(each.text, _LONGEST)
    if not text:
        return ""
    if isinstance(each.value, str) and is_run_id(each.value):
        text = f"[{text}](run?id={each.value})"
    elif each.link:
        text = f"[{text}](<{each.link}>)"
    elif colour := _COLOURS.get(each.tone):
        text = f":{colour}[{text}]"
    return f"**{text}**" if bold or each.tone == "best" else text
