"""Runs as groups by the values of fields, and each group's metrics in aggregate: seeds as mean and spread."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.index.fields import Field, Value
from gtrack.index.query import Rank, rank
from gtrack.model.goal import Goal, headline
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.statistics import median, sample

__all__ = ["AGGREGATES", "Aggregate", "RunGroup", "aggregate", "configuration", "group_runs", "is_seed", "sort_key"]

AGGREGATES = ("mean", "std", "count", "min", "max", "median", "best", "last")
"""What can be said of a metric in a group."""
_SEEDS = frozenset({"seed", "random_seed", "random_state"})


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One metric over the runs of a group; its value in a run is the best where a goal was declared, else the last.

    Attributes:
        count: How many runs have a value, NaN apart.
        nan: How many have NaN.
        mean: The mean; None without a value.
        std: The sample standard deviation (over n - 1); None with fewer than two values.
        min: The smallest value.
        max: The largest value.
        median: The middle value, or the mean of the two in the middle.
        best: The best value by the metric's goal; None where nobody knows the direction.
        last: The newest run's value.
    """

    count: int = 0
    nan: int = 0
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    median: float | None = None
    best: float | None = None
    last: float | None = None

    def to_dict(self) -> dict[str, object]:
        """Return every aggregate by its name."""
        return {name: getattr(self, name) for name in (*AGGREGATES, "nan")}


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that have the same values.

    Attributes:
        values: The value of each field, None where the runs have none; in the words of the newest run.
        runs: The runs, newest first.
        metrics: The aggregates that were asked for.
    """

    values: tuple[Value | None, ...]
    runs: tuple[RunState, ...]
    metrics: Mapping[str, Aggregate] = field(default_factory=dict)


def group_runs(
    runs: Iterable[RunState], by: Sequence[Field], metrics: Mapping[str, Goal | None] | None = None
) -> list[RunGroup]:
    """Return the groups of runs that agree in every field, in the order of their values.

    As in the filter language, ``6``, ``6.0`` and ``"6"`` agree. Runs without a value are a group, the last.

    Args:
        runs: The runs, in any order.
        by: The fields.
        metrics: The metrics to aggregate, and which way each is better, where known.

    Example:
        >>> for group in group_runs(runs, [Field("params", "lr")], {"val_auc": None}):
        ...     print(group.values, len(group.runs), group.metrics["val_auc"].mean)
    """
    groups: dict[tuple[Rank | None, ...], list[RunState]] = {}
    newest = sorted(runs, key=lambda run: (run.started or run.last_heard or 0, run.id), reverse=True)
    for run in newest:
        groups.setdefault(tuple(sort_key(_value(run, each)) for each in by), []).append(run)
    ordered = sorted(groups.items(), key=lambda item: [(key is None, key or (0, 0)) for key in item[0]])
    return [
        RunGroup(
            tuple(_value(members[0], each) for each in by),
            tuple(members),
            {key: _of_metric(members, key, goal) for key, goal in (metrics or {}).items()},
        )
        for _, members in ordered
    ]


def aggregate(values: Iterable[float], goal: Goal | None = None) -> Aggregate:
    """Return what there is to say of values.

    Args:
        values: The values, the newest run's first.
        goal: Which way the metric is better, where known.
    """
    every = list(values)
    numbers = [value for value in every if not math.isnan(value)]
    if not numbers:
        return Aggregate(0, len(every), last=every[0] if every else None)
    of, low, high = sample(every), min(numbers), max(numbers)
    best = None if goal is None else low if goal.direction == "min" else high
    return Aggregate(of.n, of.nan, of.mean, of.std, low, high, median(numbers), best, every[0])


def configuration(runs: Iterable[RunState]) -> list[Field]:
    """Return the params of runs as fields, without seeds: what makes one configuration."""
    keys = {key: None for run in runs for key, _ in flatten(run.params)}
    return [Field("params", key) for key in sorted(keys) if not is_seed(key)]


def is_seed(key: str) -> bool:
    """Tell whether a param is a seed, which tells runs of one configuration apart.

    Example:
        >>> is_seed("seed"), is_seed("model.random_state"), is_seed("data.split_seed"), is_seed("seedling")
        (True, True, True, False)
    """
    last = key.rpartition(".")[2].lower()
    return last in _SEEDS or last.endswith("_seed")


def sort_key(value: Value | None) -> Rank | None:
    """Return where a value stands among others: numbers, those in text included, before text; None for no value."""
    if isinstance(value, float) and math.isnan(value):
        return (2, "nan")
    return None if value is None else rank(value) or (2, "nan")


def _value(run: RunState, asked: Field) -> Value | None:
    found = asked.values(run)
    return found[0] if len(found) == 1 else json.dumps(found) if found else None


def _of_metric(runs: Sequence[RunState], key: str, goal: Goal | None) -> Aggregate:
    summaries = (run.metrics[key] for run in runs if key in run.metrics)
    values = ((headline(summary, goal), summary.last) for summary in summaries)
    return aggregate((last if value is None else value for value, last in values), goal)
