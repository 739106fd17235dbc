"""The columns of a listing of runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gtrack.cli.output import Column
from gtrack.cli.statuses import status_mark, status_style
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.clock import iso
from gtrack.display.main_metrics import metric_goals
from gtrack.display.words import ago, duration, value_text
from gtrack.ids import SHORT
from gtrack.index.fields import Field, Type
from gtrack.model.goal import Direction
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.text import clean

__all__ = [
    "RunColumn",
    "all_columns",
    "facts",
    "field_column",
    "metric_column",
    "metric_columns_for_csv",
    "param_column",
    "run_columns",
    "with_best",
]

RunColumn = Column[RunState]
"""A column of runs."""


def run_columns(now_us: int, terminal: Terminal) -> list[RunColumn]:
    """Return the columns every listing of runs starts with.

    Args:
        now_us: The present, microseconds since the epoch.
        terminal: What it can show.
    """

    def status(run: RunState) -> str:
        return status_mark(run.status, terminal) + (" (deleted)" if run.deleted else "")

    return [
        Column("id", Heading("ID"), lambda run: run.id, lambda run: run.id[:SHORT], lambda _: ("yellow",)),
        Column("name", Heading("NAME", shrinks_to=12), lambda run: run.name),
        Column("experiment", Heading("EXPERIMENT", shrinks_to=10, drop=4), lambda run: run.experiment),
        Column("status", Heading("STATUS"), lambda run: run.status, status, lambda run: status_style(run.status)),
        Column("started", Heading("STARTED", drop=2), _started, lambda run: ago(run.started, now_us)),
        Column("duration", Heading("DURATION", right=True, drop=5), _seconds, lambda run: duration(run.duration)),
        Column("code", Heading("CODE", drop=6), _code, _code),
    ]


def metric_column(key: str, goal: str | None = None, *, drop: int = 1) -> RunColumn:
    """Return the column of a metric: its last value, or its best where it has a goal.

    Args:
        key: The metric.
        goal: ``min``, ``max`` or None.
        drop: When it gives way, as in :class:`Heading`; one that was asked for by name goes last.
    """

    def value(run: RunState) -> object:
        return getattr(run.metrics[key], goal or "last") if key in run.metrics else None

    name, heading = (f"{key}.{goal}", f"{key} {goal}") if goal else (key, key)
    return Column(f"metrics.{name}", Heading(clean(heading), right=True, drop=drop), value)


def param_column(key: str) -> RunColumn:
    """Return the column of a param; ``model.depth`` names one in a nested map."""
    return Column(f"params.{key}", Heading(clean(key), shrinks_to=8, drop=1), lambda run: _param(run, key))


def field_column(field: Field, now_us: int) -> RunColumn:
    """Return the column of any field of the filter language: times and durations as people read them, ids short.

    Args:
        field: The field.
        now_us: The present, microseconds since the epoch.
    """
    if field.scope == "params":
        return replace(param_column(field.key), name=str(field), field=field)
    if field.scope == "metrics":
        shown = metric_column(field.key, None if field.aggregate == "last" else field.aggregate)
        return replace(shown, name=str(field), value=lambda run: next(iter(field.values(run)), None), field=field)

    def value(run: RunState) -> object:
        found = field.values(run)
        if field.type is Type.TIME and found:
            return iso(int(found[0]))
        return found[0] if len(found) == 1 else list(found) or None

    def text(run: RunState) -> str:
        (found,) = field.values(run) or (None,)
        if field.type is Type.TIME:
            return ago(None if found is None else int(found), now_us)
        if field.type is Type.SECONDS:
            return duration(None if found is None else float(found))
        return str(found)[:SHORT] if field.type is Type.HASH and found else value_text(found)

    heading = Heading(
        clean(str(field).upper() if field.scope == "attributes" else str(field)),
        right=field.type is Type.SECONDS,
        shrinks_to=None if field.type in (Type.TIME, Type.SECONDS, Type.HASH) else 8,
        drop=1,
    )
    return Column(str(field), heading, value, None if field.scope == "datasets" else text)


def with_best(column: RunColumn, runs: Sequence[RunState], direction: Direction | None) -> RunColumn:
    """Return a metric's column with its best value made to stand out, where there is a best of several.

    Args:
        column: The column.
        runs: The runs that are shown.
        direction: Which way the metric is better; None where nobody said so.
    """
    values = [value for run in runs if isinstance(value := column.value(run), int | float) and not math.isnan(value)]
    if direction is None or len(values) < 2:
        return column
    best = min(values) if direction == "min" else max(values)
    return replace(column, style=lambda run: ("bold", "green") if column.value(run) == best else ())


def all_columns(runs: Sequence[RunState], base: Sequence[RunColumn]) -> list[RunColumn]:
    """Return the base columns and one for every param, metric and tag of the runs: what CSV gives."""
    out = facts(base)
    out.append(Column("deleted", Heading("deleted"), lambda run: run.deleted))
    out += [_mapped(f"code.{key}", "code", key) for key in ("commit", "dirty", "snapshot")]
    out += [param_column(key) for key in _keys(key for run in runs for key, _ in flatten(run.params))]
    out += metric_columns_for_csv(runs, _keys(key for run in runs for key in run.metrics))
    out += [_mapped(f"tags.{key}", "tags", key) for key in _keys(key for run in runs for key in run.tags)]
    return out


def metric_columns_for_csv(runs: Sequence[RunState], keys: Iterable[str]) -> list[RunColumn]:
    """Return the columns of the last value of metrics, each followed by that of its best where it has a goal."""
    goals = metric_goals(runs)
    out = []
    for key in keys:
        out.append(metric_column(key))
        if key in goals:
            out.append(metric_column(key, goals[key]))
    return out


def facts(base: Sequence[RunColumn]) -> list[RunColumn]:
    """Return the base columns that are facts of their own: CODE is put together for people."""
    return [column for column in base if column.name != "code"]


def _started(run: RunState) -> object:
    return None if run.started is None else iso(run.started)


def _seconds(run: RunState) -> object:
    return run.duration


def _code(run: RunState) -> str:
    commit = run.code.get("commit")
    if not isinstance(commit, str):
        return "-"
    return clean(commit[:SHORT]) + ("*" if run.code.get("dirty") is True else "")


def _mapped(name: str, field: str, key: str) -> RunColumn:
    return Column(name, Heading(clean(name)), lambda run: getattr(run, field).get(key))


def _param(run: RunState, key: str) -> object:
    """Return a param, without flattening what is flat."""
    found = run.params.get(key)
    if found is None or (isinstance(found, Mapping) and found):
        return dict(flatten(run.params)).get(key) if "." in key else None
    return found


def _keys(keys: Iterable[str]) -> list[str]:
    return sorted(set(keys))
