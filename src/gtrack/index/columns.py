"""What is asked of many runs at once, a column of values each, without their documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

from gtrack.index.configuration import configuration
from gtrack.index.fields import Field, Value
from gtrack.index.rows import moment_of
from gtrack.model.goal import Goal, headline
from gtrack.model.state import RunState

__all__ = ["CONFIGURATION", "Cell", "Column", "Headline", "Line", "line_of", "newest_first", "one_of", "read_column"]

CONFIGURATION: Literal["configuration"] = "configuration"
"""The column of what :func:`gtrack.index.configuration.configuration` returns."""

Cell = Value | bytes | None
Line = tuple[Cell, ...]
"""One run: what it is sorted by, its id, and its cell of every column."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The column of the values that stand for runs: the best where a goal was declared, else the last.

    Attributes:
        key: The metric.
        goal: Which way it is better, where known.
    """

    key: str
    goal: Goal | None = None


Column = Field | Headline | Literal["configuration"]


def read_column(column: Column, run: RunState) -> Cell:
    """Return a run's cell; None where it has no value. Several datasets are one cell, a list as JSON."""
    if column == CONFIGURATION:
        return configuration(run)
    if isinstance(column, Headline):
        summary = run.metrics.get(column.key)
        if summary is None:
            return None
        value = headline(summary, column.goal)
        return summary.last if value is None else value  # of nothing but NaN, NaN
    assert isinstance(column, Field)
    return one_of(column.values(run))


def one_of(values: Sequence[Value]) -> Value | None:
    """Return a field's values as one."""
    return values[0] if len(values) == 1 else json.dumps(values) if values else None


def line_of(run: RunState, columns: Sequence[Column]) -> Line:
    """Return a run's line."""
    return (moment_of(run), run.id, *(read_column(column, run) for column in columns))


def newest_first(lines: Iterable[Line]) -> list[Line]:
    """Return lines in the order of runs for which no other was asked."""
    # Twice by one thing is quicker than once by both: most often they are in order already.
    by_id = sorted(lines, key=itemgetter(1), reverse=True)
    by_id.sort(key=itemgetter(0), reverse=True)
    return by_id
