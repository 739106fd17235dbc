"""The columns of runs as a tree, with lines that lead from parents to children."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.cli.output import Column
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.tree import Row
from gtrack.model.state import RunState

__all__ = ["place_columns", "tree_columns"]


def tree_columns(columns: Sequence[Column[RunState]], terminal: Terminal) -> list[Column[Row]]:
    """Return the columns of a tree: the name, or else the first column, with lines; what was not asked for is dim."""
    at = next((i for i, column in enumerate(columns) if column.name == "name"), 0)
    return [_of_row(column, terminal, lines=i == at) for i, column in enumerate(columns)]


def place_columns() -> list[Column[Row]]:
    """Return what CSV says of a row's place."""
    return [
        Column("depth", Heading("depth"), lambda row: row.depth),
        Column("matched", Heading("matched"), lambda row: row.matched),
    ]


def _of_row(column: Column[RunState], terminal: Terminal, *, lines: bool) -> Column[Row]:
    def text(row: Row) -> str:
        return (_lines(row, terminal) if lines else "") + column.cell(row.run)

    def style(row: Row) -> Sequence[str]:
        return ("dim",) if not row.matched else column.style(row.run) if column.style else ()

    return Column(column.name, column.heading, lambda row: column.value(row.run), text, style)


def _lines(row: Row, terminal: Terminal) -> str:
    """Return the lines that lead to a run, as wide as they are deep."""
    if not row.lasts:
        return ""
    through, gap, corner, tee = ("│  ", "   ", "└─ ", "├─ ") if terminal.unicode else ("|  ", "   ", "`- ", "|- ")
    *above, last = row.lasts
    return "".join(gap if each else through for each in above) + (corner if last else tee)
