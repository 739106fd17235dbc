"""Runs as groups by the values of fields, and each group's metrics in aggregate: seeds as mean and spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import cast

from gtrack.index.columns import Column, Headline, Line
from gtrack.index.configuration import is_seed, sort_key
from gtrack.index.fields import Field, Value
from gtrack.index.query import Rank
from gtrack.model.goal import Goal
from gtrack.model.statistics import median, sample

__all__ = [
    "AGGREGATES",
    "Aggregate",
    "RunGroup",
    "aggregate",
    "configuration",
    "group_runs",
    "grouping_columns",
    "is_seed",
    "sort_key",
]

AGGREGATES = ("mean", "std", "count", "min", "max", "median", "best", "last")
"""What can be said of a metric in a group."""
_REMEMBERED = 4096


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
        runs: The ids of the runs, newest first.
        metrics: The aggregates that were asked for.
    """

    values: tuple[Value | None, ...]
    runs: tuple[str, ...]
    metrics: Mapping[str, Aggregate] = field(default_factory=dict)


def grouping_columns(by: Sequence[Field], metrics: Mapping[str, Goal | None] | None = None) -> list[Column]:
    """Return what has to be known of runs to group them."""
    return [*by, *(Headline(key, goal) for key, goal in (metrics or {}).items())]


def group_runs(
    lines: Iterable[Line], by: Sequence[Field], metrics: Mapping[str, Goal | None] | None = None
) -> list[RunGroup]:
    """Return the groups of runs that agree in every field, in the order of their values.

    As in the filter language, ``6``, ``6.0`` and ``"6"`` agree. Runs without a value are a group, the last.

    Args:
        lines: The runs, newest first, each with its cells of :func:`grouping_columns`.
        by: The fields.
        metrics: The metrics to aggregate, and which way each is better, where known.

    Example:
        >>> by, metrics = [Field("params", "lr")], {"val_auc": None}
        >>> for group in group_runs(facts.lines(*grouping_columns(by, metrics)), by, metrics):
        ...     print(group.values, len(group.runs), group.metrics["val_auc"].mean)
    """
    place = lru_cache(_REMEMBERED, typed=True)(sort_key)  # most runs have one of a few values
    last = 2 + len(by)
    groups: dict[tuple[Rank | None, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(map(place, line[2:last])), []).append(line)
    ordered = sorted(groups.items(), key=lambda item: [(key is None, key or (0, 0)) for key in item[0]])
    return [
        RunGroup(
            cast("tuple[Value | None, ...]", members[0][2:last]),
            tuple(str(line[1]) for line in members),
            {key: _of_metric(members, at, goal) for at, (key, goal) in enumerate((metrics or {}).items(), last)},
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
    numbers = every if math.isfinite(sum(every)) else [value for value in every if not math.isnan(value)]
    if not numbers:
        return Aggregate(0, len(every), last=every[0] if every else None)
    of, low, high = sample(every), min(numbers), max(numbers)
    best = None if goal is None else low if goal.direction == "min" else high
    return Aggregate(of.n, of.nan, of.mean, of.std, low, high, median(numbers), best, every[0])


def configuration(params: Iterable[str]) -> list[Field]:
    """Return params as fields, without seeds: what makes one configuration."""
    return [Field("params", key) for key in sorted(params) if not is_seed(key)]


def _of_metric(lines: Sequence[Line], at: int, goal: Goal | None) -> Aggregate:
    cells = map(itemgetter(at), lines)
    return aggregate([value for value in cells if isinstance(value, float)], goal)
