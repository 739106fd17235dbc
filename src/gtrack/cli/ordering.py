"""The order of a listing: by a fact, a metric or a param."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence

from gtrack.errors import UsageError
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary

__all__ = ["sort_runs"]

_FACTS: dict[str, Callable[[RunState], object]] = {
    "started": lambda run: run.started,
    "ended": lambda run: run.ended,
    "duration": lambda run: run.duration,
    "name": lambda run: run.name,
    "experiment": lambda run: run.experiment,
    "status": lambda run: run.status,
}
_LARGEST_FIRST = ("started", "ended", "duration")


def sort_runs(runs: Sequence[RunState], key: str, *, reverse: bool = False) -> list[RunState]:
    """Return the runs in order: times and metrics with the largest first, params and text from the smallest.

    A metric with a goal is sorted by its best value, the best first. Runs without a value, or with NaN, come
    last either way.

    Args:
        runs: The runs.
        key: A fact (``started``, ``name``, ...), a metric or a param; ``metrics.`` or ``params.`` in front forces one.
        reverse: The other way round.

    Raises:
        UsageError: No run has such a fact, metric or param.
    """
    value, falling = _reader(runs, key)
    numbers: list[tuple[float, RunState]] = []
    texts: list[tuple[str, RunState]] = []
    without: list[RunState] = []
    for run in runs:
        found = value(run)
        if found is None or (isinstance(found, float) and math.isnan(found)):
            without.append(run)
        elif isinstance(found, int | float):
            numbers.append((float(found), run))
        else:
            texts.append((str(found), run))
    falling = falling != reverse
    numbers.sort(key=lambda pair: -pair[0] if falling else pair[0])
    texts.sort(key=lambda pair: pair[0], reverse=falling)
    return [run for _, run in numbers] + [run for _, run in texts] + without


def _reader(runs: Sequence[RunState], key: str) -> tuple[Callable[[RunState], object], bool]:
    if key in _FACTS:
        return _FACTS[key], key in _LARGEST_FIRST
    metric, param = key.removeprefix("metrics."), key.removeprefix("params.")
    holders = [] if key.startswith("params.") else [run.metrics[metric] for run in runs if metric in run.metrics]
    if holders:
        falling = not any(summary.goal == "min" for summary in holders)
        return lambda run: _rank(run.metrics[metric]) if metric in run.metrics else None, falling
    params = {name for run in runs for name, _ in flatten(run.params)}
    if not key.startswith("metrics.") and param in params:
        return lambda run: dict(flatten(run.params)).get(param), False
    known = [*_FACTS, *sorted({name for run in runs for name in run.metrics} | params)]
    close = difflib.get_close_matches(key, known, 3)
    raise UsageError(
        f"no run here has a metric or param {key!r} to sort by",
        hint=f"--sort {close[0]}" if close else "--sort takes started, duration, name, a metric or a param",
    )


def _rank(summary: MetricSummary) -> float | None:
    return summary.best if summary.goal else summary.last
