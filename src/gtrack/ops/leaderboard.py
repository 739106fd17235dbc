"""The leaderboard of runs: configurations ranked by a metric's mean over their seeds, the baseline beside them.

A configuration is all that was decided before a run except for chance: its params without the seeds, its code, its
program. What is ranked is a configuration rather than a run, since the best of many seeds is mostly the luckiest.
"""

from __future__ import annotations

import math
import posixpath
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gtrack.index.fields import Field, Value
from gtrack.model.goal import Goal, headline
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval, Sample, sample, welch
from gtrack.ops.grouping import is_seed, sort_key

__all__ = ["Leaderboard", "Row", "code_identity", "configuration", "leaderboard", "value_of", "varying_params"]

_SCRIPTS = (".py", ".ipynb", ".sh", ".r", ".jl")
_MOST_WORDS = 50

KeyOf = Callable[[RunState], Hashable]
"""Tells which runs share a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration's place.

    Attributes:
        rank: From 1; None for a baseline that is not ranked.
        runs: The runs that count, the best first.
        values: Their values, in the same order.
        of: How many runs of the configuration there are, those that do not count (without a value, NaN, below the
            floor) included.
        sample: What the values come to.
        group: The values of the fields that were grouped by, if any were.
        delta: The mean's difference to the baseline's, with its 95 % interval where both have two values.
        baseline: It is the baseline's.
    """

    rank: int | None
    runs: tuple[RunState, ...]
    values: tuple[float, ...]
    of: int
    sample: Sample
    group: tuple[Value | None, ...] = ()
    delta: Interval | None = None
    baseline: bool = False

    @property
    def best(self) -> RunState:
        """The run with the best value."""
        return self.runs[0]


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Configurations from the best to the worst, and what was left out.

    Attributes:
        metric: The metric.
        goal: Which way it is better, and who says so.
        rows: The ranked configurations.
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
    baseline: Row | None = None
    unfinished: Mapping[str, int] = field(default_factory=dict)
    below_floor: int = 0
    without: int = 0
    nan: int = 0
    few: int = 0


def leaderboard(
    runs: Iterable[RunState],
    metric: str,
    goal: Goal,
    *,
    meets: Callable[[RunState], bool] = lambda _: True,
    baseline: RunState | None = None,
    by: Sequence[Field] = (),
    single: bool = False,
    min_runs: int = 1,
    unfinished: bool = False,
) -> Leaderboard:
    """Rank configurations by the mean of a metric.

    A run's value is its best one where the goal was declared, else its last. Only finished runs count: what a failed or
    running one has reached is not what its configuration comes to.

    Args:
        runs: The runs to compare, in any order.
        metric: The metric.
        goal: Which way it is better.
        meets: Tells whether a run meets the floor.
        baseline: The run to compare with; it need not be among the others, nor meet the floor.
        by: Group by these fields rather than by configuration.
        single: Rank single runs.
        min_runs: Leave out configurations with fewer runs that count.
        unfinished: Count runs of any status.

    Example:
        >>> board = leaderboard(runs, "val_auc", Goal("max", "experiment"), min_runs=3)
        >>> board.rows[0].sample.mean, board.rows[0].best.name
        (0.941, 'kind-prairie-28')
    """
    key_of = _key(by, single)
    ended, left = _ended(runs, unfinished)
    valued = {run.id: value for run in ended if (value := value_of(run, metric, goal)) is not None}
    numbers = [run for run in ended if not math.isnan(valued.get(run.id, math.nan))]
    counted = [run for run in numbers if meets(run)]

    keys = {run.id: key_of(run) for run in ended}
    sizes = Counter(keys.values())
    groups: dict[Hashable, list[RunState]] = {}
    for run in counted:
        groups.setdefault(keys[run.id], []).append(run)
    rows = [_row(members, valued, goal, by, sizes[key]) for key, members in groups.items()]
    enough = sorted((row for row in rows if row.sample.n >= min_runs), key=lambda row: _place(row, goal))
    ranked = [replace(row, rank=rank) for rank, row in enumerate(enough, 1)]
    ranked, base = _with_baseline(ranked, rows, baseline, key_of, metric, goal, by)
    return Leaderboard(
        metric=metric,
        goal=goal,
        rows=tuple(ranked),
        baseline=base,
        unfinished=left,
        below_floor=len(numbers) - len(counted),
        without=len(ended) - len(valued),
        nan=len(valued) - len(numbers),
        few=len(rows) - len(enough),
    )


def value_of(run: RunState, metric: str, goal: Goal | None) -> float | None:
    """Return the value that stands for a run: its best where a goal was declared, else its last; None without one.

    A series of nothing but NaN is NaN.
    """
    summary = run.metrics.get(metric)
    if summary is None:
        return None
    value = headline(summary, goal)
    return summary.last if value is None else value


def configuration(run: RunState) -> Hashable:
    """Return what runs of one configuration have in common: params but seeds, code and program.

    As in the filter language, ``6``, ``6.0`` and ``"6"`` are one value, and null is none.

    Example:
        >>> configuration(run) == configuration(the_same_with_another_seed)
        True
    """
    params = {key: _leaf(value) for key, value in flatten(run.params) if not is_seed(key)}
    known = sorted((key, sort_key(value)) for key, value in params.items() if value is not None)
    return tuple(known), code_identity(run), _program(run.code)


def code_identity(run: RunState) -> Hashable:
    """Return what runs of equal code have in common.

    That is the tree that ran: a snapshot's, uncommitted edits included, or a commit's without such edits. Edits of
    which nothing was kept equal no others. Runs of which no code is known are taken to be alike.
    """
    code = run.code
    unseen = code.get("dirty") is True and not _text(code.get("snapshot"))
    if unseen:
        return "edited", run.id
    for name in ("tree", "snapshot", "commit", "digest"):
        found = _text(code.get(name))
        if found:
            return name, found
    return "unknown", ""


def varying_params(runs: Sequence[RunState], *, seeds: bool = False) -> list[str]:
    """Return the params that are not the same in all runs, by name; seeds only where asked for."""
    flat = [{key: sort_key(_leaf(value)) for key, value in flatten(run.params)} for run in runs]
    keys = sorted({key for params in flat for key in params if seeds or not is_seed(key)})
    return [key for key in keys if len({params.get(key) for params in flat}) > 1]


def _key(by: Sequence[Field], single: bool) -> KeyOf:
    if single:
        return lambda run: run.id
    if by:
        return lambda run: tuple(sort_key(value) for value in _group(run, by))
    return configuration


def _group(run: RunState, by: Sequence[Field]) -> tuple[Value | None, ...]:
    return tuple(next(iter(each.values(run)), None) for each in by)


def _ended(runs: Iterable[RunState], unfinished: bool) -> tuple[list[RunState], dict[str, int]]:
    """Return the runs whose status lets them count, and how many there are of each other status."""
    every = list(runs)
    ended = [run for run in every if unfinished or run.status == "finished"]
    left = Counter(run.status for run in every) - Counter(run.status for run in ended)
    return ended, dict(sorted(left.items()))


def _row(members: Sequence[RunState], valued: Mapping[str, float], goal: Goal, by: Sequence[Field], of: int) -> Row:
    sign = 1 if goal.direction == "min" else -1
    ordered = sorted(members, key=lambda run: (sign * valued[run.id], run.started or 0, run.id))
    values = tuple(valued[run.id] for run in ordered)
    return Row(None, tuple(ordered), values, of, sample(values), _group(ordered[0], by))


def _place(row: Row, goal: Goal) -> tuple[bool, float, int, int, str]:
    """Where a row stands: the better mean, then more runs, then the older run. Infinities that cancel out come last."""
    mean = row.sample.mean if goal.direction == "min" else -row.sample.mean
    nowhere = math.isnan(mean)
    return nowhere, 0.0 if nowhere else mean, -row.sample.n, row.best.started or 0, row.best.id


def _with_baseline(
    ranked: list[Row],
    rows: Sequence[Row],
    baseline: RunState | None,
    key_of: KeyOf,
    metric: str,
    goal: Goal,
    by: Sequence[Field],
) -> tuple[list[Row], Row | None]:
    """Return the rows with their differences to the baseline, and the baseline's own row."""
    value = None if baseline is None else value_of(baseline, metric, goal)
    if baseline is None or value is None or math.isnan(value):
        return ranked, None
    key = key_of(baseline)
    # Of equal configuration, but not necessarily one that counts: it may be below the floor, or have too few runs.
    base = next((row for row in [*ranked, *rows] if key_of(row.best) == key), None)
    if base is None:
        base = _row([baseline], {baseline.id: value}, goal, by, 1)
    base = replace(base, baseline=True)
    compared = [base if row.rank == base.rank else replace(row, delta=welch(row.sample, base.sample)) for row in ranked]
    return compared, base


def _leaf(value: object) -> Value | None:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    import json

    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _program(code: Mapping[str, object]) -> str:
    """Return which program ran, without its arguments, whose meaning is in the params: script, module or command."""
    command = code.get("command")
    words = [word for word in command[:_MOST_WORDS] if isinstance(word, str)] if isinstance(command, list) else []
    for at, word in enumerate(words):
        if word == "-m" and at + 1 < len(words):
            return f"-m {words[at + 1]}"
        if word.lower().endswith(_SCRIPTS):
            return posixpath.normpath(posixpath.join(_text(code.get("cwd")), word))
    return posixpath.basename(words[0]) if words else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
