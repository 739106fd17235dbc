"""The columns that figures with an axis for each of several columns have: those that some run has a value of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from gtrack._app.charts.columns import Column, column_of
from gtrack._app.charts.text import counted

__all__ = ["Axes", "axes_of"]


@dataclass(frozen=True, slots=True)
class Axes:
    """The columns of a figure.

    Attributes:
        columns: They, in order.
        note: What is to be said of those that it has not.
    """

    columns: tuple[Column, ...] = ()
    note: str = ""


def axes_of(table: pa.Table, names: Sequence[str], most: int, one: str = "axis", many: str = "axes") -> Axes:
    """Return the columns to draw.

    Args:
        table: The runs.
        names: The columns that are asked for.
        most: How many the figure has room for.
        one: What an axis is called in the note.
        many: What several are.

    Raises:
        UsageError: There is no such column.

    Example:
        >>> axes_of(found.to_arrow(), ["params.lr", "params.none"], 6).note
        'no run has none'
    """
    found = [column_of(table, name) for name in names]
    known = [column for column in found if column.known.any()]
    empty = [column.title for column in found if not column.known.any()]
    left = len(known) - most
    notes = [
        f"{counted(left, f'further {one}', f'further {many}')} left out" if left > 0 else "",
        f"no run has {', '.join(empty)}" if empty else "",
    ]
    return Axes(tuple(known[:most]), "; ".join(filter(None, notes)))
