"""A table of few cells that have colours and signs: an HTML table, which screen readers read too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import streamlit as st

from gtrack._app.safe import cell, markdown
from gtrack.ids import SHORT, is_run_id
from gtrack.model.state import RunState

__all__ = ["LONGEST", "MOST_CELLS", "Cell", "Grid", "heads_of", "marked", "plain", "show_grid"]

LONGEST = 160
"""The most characters of a cell."""
MOST_CELLS = 1_500
"""Cells of which each is drawn by itself; a browser draws no more of them at once."""
_COLOURS = {"better": "green", "worse": "red", "faint": "gray"}
_HEAD = 48


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell.

    Attributes:
        text: What stands in it; hostile or not.
        note: What stands behind that, in the colour of the tone; it says by itself what the colour says.
        tone: ``better``, ``worse``, ``faint``, ``title``, or nothing.
    """

    text: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: what a line is about, then a cell for each run.

    Attributes:
        heads: The columns' heads.
        rows: The lines.
        ids: The run that each column after the first is of, whose page its head leads to; empty for none.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]] = ()
    ids: Sequence[str] = ()


def heads_of(runs: Iterable[RunState], reference: str = "") -> list[str]:
    """Return a head for each run, its name and the beginning of its id; no two are the same.

    Args:
        runs: The runs.
        reference: The id of the one that the others are compared with, which is marked.
    """
    found: list[str] = []
    for run in runs:
        head = f"{cell(run.name, _HEAD)} · {run.id[:SHORT]}" + (" (reference)" if run.id == reference else "")
        found.append(head if head not in found else f"{head} ({len(found)})")
    return found


def marked(grid: Grid) -> pa.Table:
    """Return the table as Markdown, in which nothing but our own colours means anything."""
    heads = _apart(_head(grid, at) for at in range(len(grid.heads)))
    return _table(heads, [[_markdown(one) for one in row] for row in grid.rows])


def plain(grid: Grid) -> pa.Table:
    """Return the table as text of one line a cell."""
    heads = _apart(cell(head, LONGEST) for head in grid.heads)
    rows = [[cell(" ".join(filter(None, (one.text, one.note))), LONGEST) for one in row] for row in grid.rows]
    return _table(heads, rows)


def show_grid(grid: Grid, alt: str) -> None:
    """Show a table: each cell in its colour where there are few, else as one that scrolls and can be searched.

    Args:
        grid: The table.
        alt: What it is, for who does not see it.
    """
    if len(grid.rows) * len(grid.heads) <= MOST_CELLS:
        st.table(marked(grid), border="horizontal", hide_index=True, alt=alt)
    else:
        st.dataframe(plain(grid), hide_index=True, height=600, alt=alt)


def _head(grid: Grid, at: int) -> str:
    text = markdown(grid.heads[at], LONGEST)
    run_id = grid.ids[at - 1] if 0 < at <= len(grid.ids) else ""
    return f"[{text}](run?id={run_id})" if is_run_id(run_id) else text


def _markdown(one: Cell) -> str:
    text, note = markdown(one.text, LONGEST), markdown(one.note, LONGEST)
    if one.tone == "title":
        return f"**{text}**"
    colour = _COLOURS.get(one.tone)
    if colour is None:
        return " ".join(filter(None, (text, note)))
    if not note:
        return f":{colour}[{text}]" if text else ""
    return f"{text} :{colour}[{note}]".strip()


def _apart(heads: Iterable[str]) -> list[str]:
    """Return heads of which no two are the same: a table's columns have names."""
    found: list[str] = []
    for head in heads:
        found.append(head if head not in found else head + "\u200b" * (len(found) + 1))
    return found


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in heads]
    return pa.table({head: pa.array(list(column), pa.string()) for head, column in zip(heads, columns, strict=True)})
