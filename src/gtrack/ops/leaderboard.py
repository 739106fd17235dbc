"""The leaderboard of runs: configurations ranked by a metric's mean over their seeds, the baseline beside them.

A configuration is all that was decided before a run except for chance: its params without the seeds, its code, its
program. What is ranked is a configuration rather than a run, since the best of many seeds is mostly the luckiest.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, cast

from gtrack.index.columns import CONFIGURATION, Column, Headline, Line, read_column
from gtrack.index.configuration import code_identity, configuration, is_seed, leaf, sort_key
from gtrack.index.fields import Field, Value
from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval, Sample, sample, welch

__all__ = [
    "Entry",
    "Leaderboard",
    "Row",
    "code_identity",
    "configuration",
    "entries",
    "entry_columns",
    "leaderboard",
    "value_of",
    "varying_params",
]

_REMEMBERED = 4096
_Place = tuple[bool, float, int, int, str]


class Entry(NamedTuple):
    """What is compared of a run.

    Attributes:
        moment: Its start, else its last sign of life, in microseconds since the epoch; 0 where neither is known.
        id: Its id.
        status: Its status.
        value: The value that stands for it: NaN where all of its series is; None without one.
        key: What it has in common with the other runs of its row.
        group: The values of the fields that were grouped by, if any were.
    """

    moment: int
    id: str
    status: str
    value: float | None
    key: Hashable
    group: tuple[Value | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration's place.

    Attributes:
        rank: From 1; None for a baseline that is not ranked.
        runs: The runs that count, the best first.
        of: How many runs of the configuration there are, those that do not count (without a value, NaN, below the
            floor) included.
        sample: What their values come to.
        delta: The mean's difference to the baseline's, with its 95 % interval where both have two values.
        baseline: It is the baseline's.
    """

    rank: int | None
    runs: tuple[Entry, ...]
    of: int
    sample: Sample
    delta: Interval | None = None
    baseline: bool = False

    @property
    def best(self) -> Entry:
        """The run with the best value."""
        return self.runs[0]

    @property
    def group(self) -> tuple[Value | None, ...]:
        """The values of the fields that were grouped by; in the words of the best run."""
        return self.best.group

    @property
    def values(self) -> tuple[float, ...]:
        """The runs' values, in the same order."""
        return tuple(run.value for run in self.runs if run.value is not None)


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Configurations from the best to the worst, and what was left out.

    Attributes:
        metric: The metric.
        goal: Which way it is better, and who says so.
        rows: The ranked configurations, the best of them where not all were asked for.
        total: How many configurations are ranked.
        baseline: The baseline's row, ranked or not; None without one, or where it has no value.
        unfinished: Runs left out by their status: how many of each.
        below_floor: How many runs do not meet the floor.
        without: How many runs lack the metric.
        nan: How many runs have NaN for it, which never wins.
        few: How many configurations have fewer runs than were asked for.
    """

    metric: str
    goal: Goal
    rows: tuple[Row, ...] = ()
    total: int = 0
    baseline: Row | None = None
    unfinished: Mapping[str, int] = field(default_factory=dict)
    below_floor: int = 0
    without: int = 0
    nan: int = 0
    few: int = 0


def entry_columns(metric: str, goal: Goal | None, by: Sequence[Field] = (), *, single: bool = False) -> list[Column]:
    """Return what has to be known of runs to rank them.

    Args:
        metric: The metric.
        goal: Which way it is better.
        by: Group by these fields rather than by configuration.
        single: Rank single runs.
    """
    facts: list[Column] = [Field("attributes", "status"), Headline(metric, goal)]
    if single:
        return [*facts, Field("attributes", "id")]
    return [*facts, *by] if by else [*facts, CONFIGURATION]


def entries(lines: Iterable[Line], *, grouped: bool = False) -> list[Entry]:
    """Return what is compared of runs.

    Args:
        lines: The runs with their cells of :func:`entry_columns`.
        grouped: They are grouped by fields.
    """
    make = cast("Callable[[tuple[object, ...]], Entry]", Entry._make)
    if not grouped:
        return [make((*line, ())) for line in lines]
    place = lru_cache(_REMEMBERED, typed=True)(sort_key)  # most runs have one of a few values
    return [make((*line[:4], tuple(map(place, line[4:])), line[4:])) for line in lines]


def leaderboard(
    runs: Iterable[Entry],
    metric: str,
    goal: Goal,
    *,
    good: frozenset[str] | None = None,
    baseline: Entry | None = None,
    min_runs: int = 1,
    unfinished: bool = False,
    limit: int | None = None,
) -> Leaderboard:
    """Rank configurations by the mean of a metric.

    A run's value is its best one where the goal was declared, else its last. Only finished runs count: what a failed or
    running one has reached is not what its configuration comes to.

    Args:
        runs: The runs to compare, in any order.
        metric: The metric.
        goal: Which way it is better.
        good: The ids of those that meet the floor; None where there is no floor.
        baseline: The run to compare with; it need not be among the others, nor meet the floor.
        min_runs: Leave out configurations with fewer runs that count.
        unfinished: Count runs of any status.
        limit: Make no more rows than the best so many, and the baseline's.

    Example:
        >>> goal = Goal("max", "experiment")
        >>> board = leaderboard(entries(facts.lines(*entry_columns("val_auc", goal))), "val_auc", goal, min_runs=3)
        >>> board.rows[0].sample.mean, board.rows[0].best.id
        (0.941, '3f2a9c1d7b6e4a508c2f9e0d1a7b3c55')
    """
    ended, left = _ended(runs, unfinished)
    valued = [run for run in ended if run.value is not None]
    numbers = [run for run in valued if run.value == run.value]  # NaN is no other's equal, nor its own
    counted = numbers if good is None else [run for run in numbers if run.id in good]

    sizes = Counter(run.key for run in ended)
    groups: dict[Hashable, list[Entry]] = {}
    for run in counted:
        groups.setdefault(run.key, []).append(run)
    sign = 1 if goal.direction == "min" else -1
    placed = [(_place(members, sign), members) for members in groups.values() if len(members) >= min_runs]
    first = sorted(placed) if limit is None else heapq.nsmallest(limit, placed)
    rows = [_row(members, sizes, rank) for rank, (_, members) in enumerate(first, 1)]
    base = _base(baseline, groups, sizes, placed, sign)
    return Leaderboard(
        metric=metric,
        goal=goal,
        rows=tuple(rows if base is None else _compared(rows, base)),
        total=len(placed),
        baseline=base,
        unfinished=left,
        below_floor=len(numbers) - len(counted),
        without=len(ended) - len(valued),
        nan=len(valued) - len(numbers),
        few=len(groups) - len(placed),
    )


def value_of(run: RunState, metric: str, goal: Goal | None) -> float | None:
    """Return the value that stands for a run: its best where a goal was declared, else its last; None without one.

    A series of nothing but NaN is NaN.
    """
    return cast("float | None", read_column(Headline(metric, goal), run))


def varying_params(runs: Sequence[RunState], *, seeds: bool = False) -> list[str]:
    """Return the params that are not the same in all runs, by name; seeds only where asked for."""
    flat = [{key: sort_key(leaf(value)) for key, value in flatten(run.params)} for run in runs]
    keys = sorted({key for params in flat for key in params if seeds or not is_seed(key)})
    return [key for key in keys if len({params.get(key) for params in flat}) > 1]


def _ended(runs: Iterable[Entry], unfinished: bool) -> tuple[list[Entry], dict[str, int]]:
    """Return the runs whose status lets them count, and how many there are of each other status."""
    every = list(runs)
    if unfinished:
        return every, {}
    left = Counter(run.status for run in every if run.status != "finished")
    return [run for run in every if run.status == "finished"], dict(sorted(left.items()))


def _place(members: list[Entry], sign: int) -> _Place:
    """Sort the runs of a row, the best first, and return where it stands.

    The better mean comes first, then more runs, then the older run. Infinities that cancel out come last.
    """
    if len(members) == 1:
        (best,) = members
        return False, sign * _value(best), -1, best.moment, best.id
    members.sort(key=lambda run: (sign * _value(run), run.moment, run.id))
    best, mean = members[0], sign * _sample(members).mean
    nowhere = math.isnan(mean)
    return nowhere, 0.0 if nowhere else mean, -len(members), best.moment, best.id


def _value(run: Entry) -> float:
    assert run.value is not None  # those without one do not count
    return run.value


def _sample(members: Iterable[Entry]) -> Sample:
    return sample(map(_value, members))


def _row(members: Sequence[Entry], sizes: Mapping[Hashable, int], rank: int | None = None) -> Row:
    return Row(rank, tuple(members), sizes[members[0].key], _sample(members))


def _base(
    baseline: Entry | None,
    groups: Mapping[Hashable, list[Entry]],
    sizes: Mapping[Hashable, int],
    placed: Sequence[tuple[_Place, list[Entry]]],
    sign: int,
) -> Row | None:
    """Return the baseline's row: that of its configuration, which need not be ranked, else its own."""
    if baseline is None or baseline.value is None or math.isnan(baseline.value):
        return None
    members = groups.get(baseline.key)
    if members is None:
        return Row(None, (baseline,), 1, _sample([baseline]), baseline=True)
    place = _place(members, sign)
    places = [other for other, _ in placed]
    rank = 1 + sum(other < place for other in places) if place in places else None
    return replace(_row(members, sizes, rank), baseline=True)


def _compared(rows: Iterable[Row], base: Row) -> list[Row]:
    """Return rows with their differences to the baseline's."""
    return [base if row.rank == base.rank else replace(row, delta=welch(row.sample, base.sample)) for row in rows]
