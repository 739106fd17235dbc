"""The columns of a listing of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gtrack.cli.fields import ago, duration, status_mark, status_style
from gtrack.cli.output import Column
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.clock import iso
from gtrack.ids import SHORT
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.text import clean

__all__ = [
    "all_columns",
    "facts",
    "main_metrics",
    "metric_column",
    "metric_columns_for_csv",
    "metric_goals",
    "param_column",
    "run_columns",
]

RunColumn = Column[RunState]


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


def metric_goals(runs: Iterable[RunState]) -> dict[str, str]:
    """Return the goals that metrics have, ``min`` or ``max``; the newest run's where runs differ."""
    goals: dict[str, str] = {}
    for run in runs:
        for key, summary in run.metrics.items():
            if summary.goal:
                goals.setdefault(key, summary.goal)
    return goals


def param_column(key: str) -> RunColumn:
    """Return the column of a param; ``model.depth`` names one in a nested map."""
    return Column(
        f"params.{key}", Heading(clean(key), shrinks_to=8, drop=1), lambda run: dict(flatten(run.params)).get(key)
    )


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


def main_metrics(runs: Sequence[RunState], limit: int = 3) -> list[str]:
    """Return the metrics to show unasked: those with a goal, then validation and test metrics, then the commonest."""
    count: Counter[str] = Counter(key for run in runs for key in run.metrics)
    goals = metric_goals(runs)

    def rank(key: str) -> tuple[bool, bool, int, str]:
        return key not in goals, not key.lower().startswith(("val", "test", "eval")), -count[key], key

    return sorted(count, key=rank)[:limit]


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


def _keys(keys: Iterable[str]) -> list[str]:
    return sorted(set(keys))
