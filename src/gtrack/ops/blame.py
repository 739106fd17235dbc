"""A metric along the code's commits, and which of them moved it further than chance does."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from gtrack.branch.code_history import CodeCommit
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import CONFIDENCE, Interval, Sample, Spread, median, sample, t_quantile, typical, welch
from gtrack.ops.commit_runs import choose_configuration, same_but_code
from gtrack.ops.leaderboard import value_of, varying_params

__all__ = ["Blame", "Point", "Step", "blame"]

_FEWEST_STEPS = 4
"""Steps from which their own noise can be told, where no commit has two runs."""
_MAD_TO_STD = 1.4826
"""The standard deviation of a normal distribution in units of its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Step:
    """What changed from one commit with runs to the next.

    Attributes:
        base: The earlier commit.
        commits: How many commits lie between the two, the later one included: any of them may be the reason.
        interval: The difference of the means, with Welch's 95 % interval where both have two runs.
        moved: The difference is larger than chance makes them.
        verdict: ``better`` or ``worse``; ``higher`` or ``lower`` where nobody knows which way is better; None where
            it did not move.
        params: The params that are not the same on both sides: the reason may be there rather than in the code.
    """

    base: CodeCommit
    commits: int
    interval: Interval
    moved: bool = False
    verdict: str | None = None
    params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A commit with runs.

    Attributes:
        commit: The commit.
        runs: Its runs that count.
        sample: Their values.
        configurations: How many configurations it was run in; only one counts.
        step: What changed since the commit before it that has runs; None of the first.
    """

    commit: CodeCommit
    runs: tuple[RunState, ...]
    sample: Sample
    configurations: int = 1
    step: Step | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the point as a map of numbers and names."""
        out: dict[str, object] = {
            **self.commit.to_dict(),
            "runs": [run.id for run in self.runs],
            "n": self.sample.n,
            "mean": self.sample.mean if self.sample.n else None,
            "std": self.sample.std,
            "nan": self.sample.nan,
            "configurations": self.configurations,
        }
        if self.step is not None:
            step, interval = self.step, self.step.interval
            out |= {"base": step.base.id, "commits": step.commits, "params_changed": list(step.params)}
            out |= {"delta": interval.difference, "low": interval.low, "high": interval.high, "verdict": step.verdict}
        return out


@dataclass(frozen=True, slots=True)
class Blame:
    """A metric along a history.

    Attributes:
        metric: The metric.
        goal: Which way it is better, and who says so; None where nobody knows.
        points: The commits that have runs, the oldest first.
        noise: How much runs of the same code differ; None where that cannot be told, so that no commit is marked.
        noise_from: ``repeats`` of commits, or ``steps`` between them where no commit has two runs.
    """

    metric: str
    goal: Goal | None
    points: tuple[Point, ...]
    noise: Spread | None = None
    noise_from: str = "repeats"

    @property
    def moved_most(self) -> Point | None:
        """The commit that moved the metric most, if any moved it."""
        return max(self._moved, key=_size, default=None)

    @property
    def worsened_most(self) -> Point | None:
        """The commit that made it worse by the most, if any made it worse."""
        worse = [point for point in self._moved if point.step is not None and point.step.verdict == "worse"]
        return max(worse, key=_size, default=None)

    @property
    def _moved(self) -> list[Point]:
        return [point for point in self.points if point.step is not None and point.step.moved]

    def to_dict(self) -> dict[str, object]:
        """Return everything as maps of numbers and names, the newest commit first as in the history."""
        moved, worse = self.moved_most, self.worsened_most
        return {
            "metric": self.metric,
            "goal": None if self.goal is None else {"direction": self.goal.direction, "source": self.goal.source},
            "noise": None if self.noise is None else {"std": self.noise.std, "from": self.noise_from},
            "moved_most": None if moved is None else moved.commit.id,
            "worsened_most": None if worse is None else worse.commit.id,
            "commits": [point.to_dict() for point in reversed(self.points)],
        }


def blame(
    history: Sequence[CodeCommit], runs: Sequence[tuple[CodeCommit, Sequence[RunState]]], metric: str, goal: Goal | None
) -> Blame:
    """Follow a metric along a history.

    Of a commit's runs those count whose params are the ones that most of the commits were run with, so that it is the
    code that is compared; a commit that was never run with them is represented by its best configuration.

    A step counts as a move when it is larger than the noise of the commits' runs makes any of all the steps with a
    probability of 5 % (Bonferroni), and when its own interval does not include 0. The noise is the typical spread of
    the runs of one commit; where no commit has two runs, that of the steps themselves by their median absolute
    deviation, for most commits move nothing.

    Args:
        history: The commits, the newest first.
        runs: Those of them that have finished runs with the metric, in the same order, each with its runs.
        metric: The metric.
        goal: Which way it is better, where known.
    """
    usual = _usual(runs)
    points = [_point(commit, list(members), metric, goal, usual) for commit, members in reversed(runs)]
    bases = _bases(points)
    pairs = [(base, point) for base, point in zip(bases, points, strict=True) if base is not None]
    noise, source = _noise(points, [point.sample.mean - base.sample.mean for base, point in pairs if point.sample.n])
    places = {commit.id: place for place, commit in enumerate(history)}
    chance = _Chance(noise, len(pairs))
    return Blame(
        metric,
        goal,
        tuple(
            point if base is None else replace(point, step=_step(base, point, places, chance, goal))
            for base, point in zip(bases, points, strict=True)
        ),
        noise,
        source,
    )


@dataclass(frozen=True, slots=True)
class _Chance:
    """How far means lie apart by chance alone."""

    noise: Spread | None
    steps: int

    def explains(self, interval: Interval, a: Sample, b: Sample) -> bool:
        """Tell whether a difference between two samples need not mean anything."""
        if self.noise is None or interval.includes(0.0):
            return True
        error = self.noise.std * math.sqrt(1 / a.n + 1 / b.n)
        if a.error is not None and b.error is not None:
            error = max(error, math.hypot(a.error, b.error))  # these runs may well differ more than runs do elsewhere
        quantile = t_quantile(1 - (1 - CONFIDENCE) / (2 * self.steps), self.noise.df)
        return abs(interval.difference) <= quantile * error


def _usual(runs: Sequence[tuple[CodeCommit, Sequence[RunState]]]) -> Hashable:
    """Return the params that most commits were run with, of equally many those of the newest commit.

    None where no two commits were run with the same.
    """
    counts = Counter(key for _, members in runs for key in dict.fromkeys(map(same_but_code, members)))
    usual = max(counts, key=lambda key: counts[key], default=None)
    return usual if counts[usual] > 1 else None


def _point(commit: CodeCommit, runs: Sequence[RunState], metric: str, goal: Goal | None, usual: Hashable) -> Point:
    among = [run for run in runs if same_but_code(run) == usual] or runs
    choice = choose_configuration(among, lambda run: value_of(run, metric, goal), goal.direction if goal else None)
    values = (value_of(run, metric, goal) for run in choice.runs)
    of = len({same_but_code(run) for run in runs})
    return Point(commit, choice.runs, sample(value for value in values if value is not None), of)


def _bases(points: Sequence[Point]) -> list[Point | None]:
    """Return what each point is compared with: the last one before it that has a number."""
    bases: list[Point | None] = []
    last = None
    for point in points:
        bases.append(last)
        last = point if point.sample.n else last
    return bases


def _noise(points: Sequence[Point], differences: Sequence[float]) -> tuple[Spread | None, str]:
    found = typical(point.sample for point in points)
    if found is not None:
        return found, "repeats"
    known = [difference for difference in differences if math.isfinite(difference)]
    if len(known) < _FEWEST_STEPS:
        return None, "steps"
    middle = median(known)
    spread = _MAD_TO_STD * median(abs(difference - middle) for difference in known)
    # A difference of two values spreads by the square root of 2 more than a value. A median absolute deviation is worth
    # about a third of the values that it is made of (its efficiency is 37 %).
    return Spread(spread / math.sqrt(2), max(1.0, (len(known) - 1) / 3)), "steps"


def _step(base: Point, point: Point, places: Mapping[str, int], chance: _Chance, goal: Goal | None) -> Step:
    interval = welch(point.sample, base.sample)
    params = tuple(varying_params([base.runs[-1], point.runs[-1]]))
    commits = places[base.commit.id] - places[point.commit.id]
    if not point.sample.n:
        return Step(base.commit, commits, interval, True, "worse", params)
    if chance.explains(interval, point.sample, base.sample):
        return Step(base.commit, commits, interval, params=params)
    higher = interval.difference > 0
    if goal is None:
        verdict = "higher" if higher else "lower"
    else:
        verdict = "better" if higher == (goal.direction == "max") else "worse"
    return Step(base.commit, commits, interval, True, verdict, params)


def _size(point: Point) -> float:
    """How far a commit moved the metric; a commit after which there is no number any more, furthest of all."""
    difference = point.step.interval.difference if point.step is not None else 0.0
    return math.inf if math.isnan(difference) else abs(difference)
