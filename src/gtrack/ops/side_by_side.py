"""Several runs side by side: the params in which they differ, and their metrics."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.ops.compare import GoalOf
from gtrack.ops.differences import same_value
from gtrack.ops.leaderboard import code_identity, value_of

__all__ = ["Line", "SideBySide", "side_by_side"]


@dataclass(frozen=True, slots=True)
class Line:
    """One param or metric of all runs.

    Attributes:
        part: ``params`` or ``metrics``.
        key: Its name.
        values: The runs' values, in their order; None where a run has none.
        goal: Of a metric, which way it is better, where known.
        best: The places of the runs with the best value, where that can be told.
    """

    part: str
    key: str
    values: tuple[object, ...]
    goal: Goal | None = None
    best: tuple[int, ...] = ()

    def to_dict(self, runs: Sequence[RunState]) -> dict[str, object]:
        """Return the line as a map, the values by the runs' ids."""
        out: dict[str, object] = {"part": self.part, "key": self.key}
        out["values"] = {run.id: value for run, value in zip(runs, self.values, strict=True)}
        if self.part == "metrics":
            out["goal"] = None if self.goal is None else self.goal.direction
            out["goal_source"] = None if self.goal is None else self.goal.source
            out["best"] = [runs[at].id for at in self.best]
        return out


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What differs among runs.

    Attributes:
        runs: The runs, in the order asked for.
        lines: The params that are not the same in all, then the metrics.
        codes: How many versions of the code ran.
    """

    runs: tuple[RunState, ...]
    lines: tuple[Line, ...]
    codes: int


def side_by_side(runs: Sequence[RunState], goal_of: GoalOf, *, metrics: Iterable[str] | None = None) -> SideBySide:
    """Return the params in which runs differ, and their metrics.

    Args:
        runs: The runs.
        goal_of: Tells which way a metric is better.
        metrics: Only these; all by default.
    """
    flat = [dict(flatten(run.params)) for run in runs]
    lines = []
    for key in dict.fromkeys(key for params in flat for key in params):
        values = tuple(params.get(key) for params in flat)
        if any(not same_value(values[0], value) for value in values[1:]) or any(key not in params for params in flat):
            lines.append(Line("params", key, values))
    keys = sorted({key for run in runs for key in run.metrics}) if metrics is None else list(metrics)
    measured = [_metric(key, runs, goal_of(key)) for key in keys]
    lines += sorted(measured, key=lambda line: (line.goal is None, line.goal is not None and not line.goal.declared))
    codes: set[Hashable] = {code_identity(run) for run in runs}
    return SideBySide(tuple(runs), tuple(lines), len(codes))


def _metric(key: str, runs: Sequence[RunState], goal: Goal | None) -> Line:
    values = tuple(value_of(run, key, goal) for run in runs)
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    if goal is None or len(set(numbers)) < 2:
        return Line("metrics", key, values, goal)
    best = min(numbers) if goal.direction == "min" else max(numbers)
    return Line("metrics", key, values, goal, tuple(at for at, value in enumerate(values) if value == best))
