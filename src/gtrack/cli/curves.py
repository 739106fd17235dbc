"""Which runs and which metrics a command draws, and the charts of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gtrack.cli.selectors import resolve
from gtrack.display.goals import Goals
from gtrack.display.main_metrics import main_metrics
from gtrack.display.words import plural
from gtrack.errors import NotFoundError, UsageError
from gtrack.ids import SHORT
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.plot.charts import Axis, Chart, DrawnRun, chart_of, curves_of
from gtrack.text import clean

if TYPE_CHECKING:
    import pyarrow

    from gtrack.reader import RecordedRun, Repo

__all__ = ["DEFAULT_RUNS", "Wanted", "drawn_run", "drawn_runs", "wanted_charts", "wanted_metrics", "wanted_runs"]

DEFAULT_RUNS = 10
_MOST_CHARTS = 12
_MAIN = 3

Tell = Callable[[str], None]
"""Prints a remark."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see.

    Attributes:
        selectors: The runs by name; otherwise the newest that the next three leave.
        where: A filter.
        experiment: An experiment; without a filter too, that of the newest run.
        count: How many runs.
        metrics: Keys and patterns; the main metrics when empty.
        axis: What stands below; see :meth:`gtrack.plot.charts.Axis.parse`.
        weight: How much to smooth.
        by_rank: A line for each rank.
    """

    selectors: tuple[str, ...] = ()
    where: str | None = None
    experiment: str | None = None
    count: int | None = None
    metrics: tuple[str, ...] = ()
    axis: str = "step"
    weight: float = 0.0
    by_rank: bool = False


def wanted_runs(repo: Repo, wanted: Wanted, tell: Tell) -> list[RecordedRun]:
    """Return the runs to draw, and say when there were more; none where no run matches.

    Raises:
        NotFoundError: There is no run at all, or a selector names none.
        UsageError: Runs are both named and looked for, or the filter is not in the language.
    """
    if wanted.selectors:
        if wanted.where is not None or wanted.experiment is not None or wanted.count is not None:
            raise UsageError("runs are either named or found by --where, --experiment and -n")
        return resolve(repo, wanted.selectors)
    experiment = wanted.experiment
    if experiment is None and wanted.where is None:
        newest = repo.search(max_results=1)
        if not newest:
            raise NotFoundError("there are no runs to draw", hint="gtrack run -- python train.py")
        experiment = newest[0].experiment
    found = repo.search(wanted.where, experiment=experiment, max_results=wanted.count or DEFAULT_RUNS)
    if wanted.count is None and found.total > len(found):
        tell(f"the newest {len(found)} of {plural(found.total, 'run')}; -n {found.total} draws all")
    return list(found)


def wanted_metrics(patterns: Sequence[str], runs: Sequence[RunState], first: str | None = None) -> list[str]:
    """Return the metrics that keys and patterns name, each once; the main ones when there are no patterns.

    Args:
        patterns: The keys and patterns.
        runs: The runs.
        first: The metric that the runs are compared by, if there is one: the first of the main ones.

    Raises:
        UsageError: A key is no metric of these runs; the message names the nearest.
    """
    known = sorted({key for run in runs for key in run.metrics})
    if not patterns:
        main = main_metrics(runs)
        return list(dict.fromkeys([first, *main] if first in known and first is not None else main))[:_MAIN]
    chosen: dict[str, None] = {}
    for pattern in patterns:
        found = [pattern] if pattern in known else [key for key in known if fnmatchcase(key, pattern)]
        if not found:
            raise _no_metric(pattern, known)
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def drawn_runs(
    repo: Repo, runs: Sequence[RecordedRun], wanted: Wanted, tell: Tell
) -> tuple[list[DrawnRun], dict[str, Goal | None]]:
    """Read the curves of runs.

    Returns:
        The runs as they are drawn, and the metrics with their goals.

    Raises:
        NotFoundError: These runs have no metrics.
        UsageError: A metric, also one to stand below, is none of these runs'.
    """
    states = [run.state for run in runs]
    goals = Goals(repo)
    protocol = goals.protocol(states)
    metrics = wanted_metrics(wanted.metrics, states, None if protocol is None else protocol.metric)
    if not metrics:
        raise NotFoundError(f"{'this run has' if len(runs) == 1 else 'these runs have'} no metrics", hint="gtrack ls")
    if len(metrics) > _MOST_CHARTS:
        tell(f"{_MOST_CHARTS} of {plural(len(metrics), 'metric')}; -m KEY chooses others")
        metrics = metrics[:_MOST_CHARTS]
    axis = Axis.parse(wanted.axis)
    known = {key for state in states for key in state.metrics}
    if axis.kind == "metric" and axis.metric not in known:
        raise _no_metric(axis.metric, sorted(known), of_axis=True)
    keys = {*metrics, axis.metric} - {""}
    tables = [_at_hand(run, keys) for run in runs]
    _tell_previews(tables, tell)
    drawn = [_drawn(run, table) for run, table in zip(runs, tables, strict=True)]
    return drawn, {key: goals.among(key, states) for key in metrics}


def drawn_run(run: RecordedRun, keys: set[str]) -> DrawnRun:
    """Return a run with its curves of some metrics."""
    return _drawn(run, _at_hand(run, keys))


def _drawn(run: RecordedRun, table: pyarrow.Table | None) -> DrawnRun:
    curves = {} if table is None else curves_of(table)
    label = f"{run.id[:SHORT]} {clean(run.name)}"
    return DrawnRun(run.id, run.name, label, run.started, run.state.metrics, curves)


def _at_hand(run: RecordedRun, keys: set[str]) -> pyarrow.Table | None:
    """Return the curves of some metrics, and previews of what is not here: a chart waits for no store."""
    from gtrack.ops.curve_source import Detail
    from gtrack.ops.curves import curves

    wanted = keys & run.state.metrics.keys()
    return curves(run.view, run.state, frozenset(wanted), Detail.AT_HAND) if wanted else None


def _tell_previews(tables: Sequence[pyarrow.Table | None], tell: Tell) -> None:
    from gtrack.ops.curves import preview_of

    points = [count for table in tables if table is not None and (count := preview_of(table)) is not None]
    if points:
        whose = "" if len(tables) == 1 else f" of {plural(len(points), 'run')}"
        tell(f"preview of {plural(sum(points), 'point')}{whose}; gtrack pull --artifacts brings the rest")


def wanted_charts(
    runs: Sequence[DrawnRun], goals: Mapping[str, Goal | None], wanted: Wanted, tell: Tell
) -> list[Chart]:
    """Return a chart of each metric, and name the runs that have nothing on it.

    Raises:
        NotFoundError: No run has a point that could be drawn.
    """
    axis = Axis.parse(wanted.axis)
    charts = []
    for metric, goal in goals.items():
        chart = chart_of(metric, runs, axis, weight=wanted.weight, by_rank=wanted.by_rank, goal=goal)
        if chart.series:
            charts.append(chart)
        if chart.without:
            others = ", ".join(chart.without[:5]) + (" ..." if len(chart.without) > 5 else "")
            over = f" at a step with {clean(axis.metric)}" if axis.kind == "metric" else ""
            tell(f"no {clean(metric)}{over}: {others}")
    if not charts:
        raise NotFoundError("there is nothing to draw", hint="gtrack ls --csv shows the metrics of each run")
    return charts


def _no_metric(name: str, known: Sequence[str], *, of_axis: bool = False) -> UsageError:
    close = difflib.get_close_matches(name[:100], known[:5000], 3)
    meant = f"; did you mean {' or '.join(map(clean, close))}?" if close else ""
    what = "is neither step, time, relative, nor a metric of these runs" if of_axis else "is no metric of these runs"
    return UsageError(f"{clean(name):.80} {what}{meant}", hint="gtrack ls --csv shows the metrics of each run")
