"""A column of the table of runs, made ready for an axis or a colour."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gtrack._app.charts.text import counted, escaped, short
from gtrack.errors import UsageError
from gtrack.index.fields import Field, read_field
from gtrack.index.literals import number_of
from gtrack.index.query import rank
from gtrack.model.goal import Goal, goal_of
from gtrack.plot.scales import Scale

__all__ = [
    "Column",
    "as_categories",
    "axis_of",
    "column_of",
    "goal_of_column",
    "ids_of",
    "names_of",
    "ticks_of",
    "without",
]

Floats = NDArray[np.float64]
_MOST_CATEGORIES = 30
_MOST_TICKS = 12
_HUGE = 1e150
"""The square of what is below is a number, and so are its distances."""
_KEYED = ("params", "metrics", "tags")


@dataclass(frozen=True)
class Column:
    """A column, one value a run.

    Attributes:
        field: What it is of.
        kind: ``number``, ``time`` (milliseconds since the epoch) or ``category``.
        values: The numbers; of a category its place among :attr:`categories`; NaN where there is no finite one.
        categories: The categories in order, as they were logged.
    """

    field: Field
    kind: str
    values: Floats
    categories: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is called where everybody knows the scope: ``lr``, ``val_auc``, ``duration``."""
        key = self.field.key
        return short(key if self.field.aggregate == "last" else f"{self.field.aggregate} {key}")

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Where there is a value."""
        return ~np.isnan(self.values)

    @cached_property
    def spans_decades(self) -> bool:
        """Whether its numbers are above 0 and most lie in the lowest tenth, as learning rates do.

        Then equal factors show them better than equal steps. How often each was tried does not matter.
        """
        numbers = np.unique(self.values[self.known])
        if self.kind != "number" or len(numbers) < 2 or numbers[0] <= 0:
            return False
        with np.errstate(over="ignore"):
            return bool(numbers[-1] / numbers[0] >= 100 and numbers[-1] / np.median(numbers) >= 10)

    def shown(self, place: int) -> str:
        """Return one run's value as text."""
        value = float(self.values[place])
        if math.isnan(value):
            return "none"
        if self.kind == "category":
            return short(self.categories[int(value)], 40)
        if self.kind == "time":
            return str(np.datetime64(int(value), "ms")).replace("T", " ")[:16]
        return f"{value:.6g}"


def column_of(table: pa.Table, name: str) -> Column:
    """Return a column of the table of runs.

    A column of numbers stays one where they were written as texts, as the filter language has it. Of categories the
    most frequent thirty are kept apart, the others are one.

    Args:
        table: The runs; see :meth:`gtrack.runs.Runs.to_arrow`.
        name: As in a filter: ``params.lr``, ``metrics.val_auc``, ``tags.team``, ``duration``.

    Raises:
        UsageError: There is no such field, or the table has no such column.
    """
    try:
        field = read_field(name)
    except ValueError as error:
        raise UsageError(f"cannot draw {short(name)!r}: {error}") from None
    column = next((each for each in (str(field), _plain_name(field)) if each in table.column_names), None)
    if column is None:
        if field.scope not in _KEYED or field.aggregate != "last":
            raise UsageError(f"cannot draw {short(name)!r}: the table of runs has no such column")
        return Column(field, "category" if field.scope == "tags" else "number", np.full(len(table), np.nan))
    return _read(field, table[column])


def goal_of_column(column: Column) -> Goal | None:
    """Return which way a column is better, where it is a metric's and its name tells."""
    return goal_of(column.field.key) if column.field.scope == "metrics" else None


def as_categories(column: Column) -> Column:
    """Return a column with each of its values as a category; of more than thirty the rarest are one."""
    if column.kind == "category":
        return column
    texts = [column.shown(at) if known else None for at, known in enumerate(column.known.tolist())]
    return _categories(column.field, texts)


def ids_of(table: pa.Table) -> list[str]:
    """Return the ids of the runs."""
    ids: list[str] = table["id"].to_pylist()
    return ids


def names_of(table: pa.Table) -> list[str]:
    """Return the names of the runs, escaped for Plotly."""
    return [escaped(name or "") for name in table["name"].to_pylist()]


def axis_of(column: Column, *, log: bool = False) -> dict[str, Any]:
    """Return Plotly's axis for a column."""
    axis: dict[str, Any] = {"title": {"text": escaped(column.title)}}
    if column.kind == "time":
        return axis | {"type": "date"}
    if column.kind == "category":
        count = max(len(column.categories), 1)
        return axis | {"type": "linear", **ticks_of(column), "range": [-0.5, count - 0.5], "zeroline": False}
    return axis | {"type": "log" if log else "linear"}


def ticks_of(column: Column) -> dict[str, Any]:
    """Return the marks of a column of categories; as numbers, lest Plotly takes ``2026`` or ``1e3`` for more."""
    stride = math.ceil(len(column.categories) / _MOST_TICKS) if len(column.categories) > _MOST_CATEGORIES else 1
    places = list(range(0, len(column.categories), stride))
    return {"tickvals": places, "ticktext": [escaped(column.categories[place], 24) for place in places]}


def marks_of(column: Column, low: float, high: float, *, log: bool = False, count: int = 5) -> dict[str, Any]:
    """Return round marks between two values of a column of numbers or times, for an axis that has none of its own.

    Args:
        column: The column.
        low: The lowest value.
        high: The highest.
        log: The axis has the logarithms of the numbers.
        count: About how many.
    """
    if column.kind == "time":
        ticks = [(value * 1e3, text) for value, text in Scale.over(low / 1e3, high / 1e3, time=True).ticks(count)]
    else:
        found = Scale.over(low, high, log=log).ticks(count)
        ticks = [(float(np.log10(value)) if log else value, text) for value, text in found]
    return {"tickvals": [value for value, _ in ticks], "ticktext": [text for _, text in ticks]}


def without(columns: Sequence[Column], *, log: Sequence[Column] = ()) -> str:
    """Return a note of runs that cannot be drawn, for want of a value or of one above 0.

    Args:
        columns: The columns that a run needs.
        log: Those of them on logarithmic axes.
    """
    notes = []
    if columns:
        missing = int((~np.logical_and.reduce([column.known for column in columns])).sum())
        if missing:
            names = " or ".join(dict.fromkeys(column.title for column in columns if not column.known.all()))
            notes.append(f"{counted(missing, 'run')} without {names}")
    for column in log:
        with np.errstate(invalid="ignore"):
            low = int((column.values <= 0).sum()) if column.kind == "number" else 0
        if low:
            notes.append(f"{counted(low, 'run')} with {column.title} at 0 or below, not on a logarithmic axis")
    return "; ".join(notes)


def _plain_name(field: Field) -> str:
    if field.aggregate != "last":
        return str(field)
    return field.key if field.scope == "attributes" else f"{field.scope}.{field.key}"


def _read(field: Field, column: pa.ChunkedArray) -> Column:
    kind = column.type
    if pa.types.is_timestamp(kind):
        times = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
        return Column(field, "time", np.array([np.nan if t is None else t / 1e3 for t in times], np.float64))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return Column(field, "number", _finite(np.array(numbers, np.float64)))
    values = column.to_pylist()
    if pa.types.is_boolean(kind):
        values = [None if value is None else str(value).lower() for value in values]
    found = {value: number_of(value) for value in set(values) if value is not None}
    if found and None not in found.values():
        return Column(field, "number", _finite(np.array([_float(found.get(value)) for value in values], np.float64)))
    return _categories(field, [None if value is None else str(value) for value in values])


def _float(number: float | None) -> float:
    try:
        return math.nan if number is None else float(number)
    except OverflowError:  # an integer of hundreds of digits
        return math.nan


def _finite(values: Floats) -> Floats:
    """Return values that can be drawn: those beyond measure are none, and those next to 0 are 0."""
    with np.errstate(invalid="ignore"):
        known = np.where(np.abs(values) < _HUGE, values, np.nan)
        return np.where(np.abs(known) < 1 / _HUGE, 0.0, known)


def _categories(field: Field, values: Sequence[str | None]) -> Column:
    counts = Counter(value for value in values if value is not None)
    kept = [value for value, _ in counts.most_common(_MOST_CATEGORIES)]
    names = sorted(kept, key=lambda value: rank(value) or (2, value))
    others = len(counts) - len(kept)
    place = {name: float(at) for at, name in enumerate(names)}
    other = float(len(names)) if others else math.nan
    numbers = [math.nan if value is None else place.get(value, other) for value in values]
    shown = (*names, f"{counted(others, 'other')}") if others else tuple(names)
    return Column(field, "category", np.array(numbers, np.float64), shown)
