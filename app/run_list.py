"""A short list of runs, each of which can be opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid
from gtrack._app.run_columns import RunColumn
from gtrack._app.safe import cell, markdown
from gtrack._app.steps import go_to_run
from gtrack.display.words import plural
from gtrack.model.state import RunState

__all__ = ["button_text", "cells_of", "open_column", "run_list", "shape_of"]

_ROWS = 11


def run_list(key: str, runs: Sequence[RunState], columns: Sequence[RunColumn], marks: Sequence[str] = ()) -> None:
    """Show runs.

    Args:
        key: What tells this list from others of the page.
        runs: The runs.
        columns: What is said of them.
        marks: What stands before each name.
    """
    before = marks or [""] * len(runs)
    names = [f"{mark}{button_text(run.name)}" for mark, run in zip(before, runs, strict=True)]
    table: dict[str, Any] = {" run": pa.array(names, pa.string())}
    shape: dict[str, Any] = {" run": open_column("run", f"{key}.open", [run.id for run in runs])}
    for column in columns:
        table[column.name], shape[column.name] = cells_of(column), shape_of(column)
    grid(pa.table(table), plain=False, alt=plural(len(runs), "run"), config=shape, rows=_ROWS)


def open_column(label: str, key: str, ids: Sequence[str], *, width: int = 200, pinned: bool = True) -> Any:
    """Return the column of the names of runs, which opens the one that is clicked.

    Args:
        label: Its heading.
        key: What tells it from others of the page.
        ids: The runs, a row each.
        width: In pixels.
        pinned: It stays in sight when the table is scrolled sideways.
    """

    def clicked() -> None:
        click = st.session_state.get(key)
        if click is not None and 0 <= int(click["row"]) < len(ids):
            go_to_run(ids[int(click["row"])])

    return st.column_config.ButtonColumn(
        label, width=width, pinned=pinned, type="tertiary", alignment="left", key=key, on_click=clicked
    )


def button_text(text: object) -> str:
    """Return a text as a button in a table shows it, which takes ``:material/...:`` for an icon."""
    return cell(text, 120).replace(":", "\u2236")


def cells_of(column: RunColumn) -> Any:
    """Return a column's values as Arrow."""
    if column.kind == "time":
        return pa.array(column.values, pa.timestamp("us", tz="UTC"))
    if column.kind in ("number", "duration"):
        return pa.array(column.values, pa.float64())
    return pa.array(["—" if value is None else value for value in column.values], pa.string())


def shape_of(column: RunColumn) -> Any:
    """Return how Streamlit shows a column."""
    if column.kind == "number":
        return st.column_config.NumberColumn(column.label, help=markdown(column.name, 200), format="%.5g")
    if column.kind == "duration":
        return st.column_config.NumberColumn(column.label, format="%.1f s")
    if column.kind == "time":
        return st.column_config.DatetimeColumn(column.label, format="distance")
    return st.column_config.TextColumn(column.label, help=markdown(column.name, 200))
