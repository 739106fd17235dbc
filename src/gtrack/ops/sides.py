"""The two sides of a range of commits, such as ``main..feature``: the best runs of each, compared.

This is what whoever reviews a pull request wants to know: what it does to the metrics, and whether that is more than
chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.model.goal import Goal, is_test_metric
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval, Sample, sample, welch
from gtrack.ops.ablation import verdict_of
from gtrack.ops.commit_runs import choose_configuration, same_but_code
from gtrack.ops.goals import goal_for
from gtrack.ops.leaderboard import value_of, varying_params
from gtrack.ops.sides_search import CommitRuns, Pair

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState

__all__ = ["Measured", "Side", "Sides", "compare_sides"]

_MOST_METRICS = 5
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Side:
    """The runs of one side.

    Attributes:
        name: The revision, as it was found.
        commit: The commit whose runs these are.
        runs: The finished runs of the best configuration, the oldest first.
        configurations: How many configurations the commit has runs of.
        unfinished: How many more runs of the commit did not finish.
    """

    name: str
    commit: str
    runs: tuple[RunState, ...]
    configurations: int = 1
    unfinished: int = 0

    def __str__(self) -> str:
        return f"{self.name}@{self.commit[:SHORT]}"

    def to_dict(self) -> dict[str, object]:
        """Return the side as a map."""
        return {
            "revision": self.name,
            "commit": self.commit,
            "runs": [run.id for run in self.runs],
            "configurations": self.configurations,
            "unfinished": self.unfinished,
            "params": dict(self.runs[0].params),
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric on both sides.

    Attributes:
        key: The metric.
        goal: Which way it is better, and who says so; None where nobody knows.
        left: The left side's values.
        right: The right side's.
        delta: The right mean less the left, with Welch's 95 % interval where both have two values.
        verdict: See :func:`gtrack.ops.ablation.verdict_of`.
    """

    key: str
    goal: Goal | None
    left: Sample
    right: Sample
    delta: Interval
    verdict: str

    def to_dict(self) -> dict[str, object]:
        """Return the metric as a map."""
        sides = {name: {"n": s.n, "mean": s.mean, "std": s.std, "nan": s.nan} for name, s in self._samples()}
        return {
            "key": self.key,
            "goal": None if self.goal is None else self.goal.direction,
            "goal_source": None if self.goal is None else self.goal.source,
            **sides,
            "difference": self.delta.difference,
            "low": self.delta.low,
            "high": self.delta.high,
            "df": self.delta.df,
            "verdict": self.verdict,
        }

    def _samples(self) -> tuple[tuple[str, Sample], ...]:
        return ("left", self.left), ("right", self.right)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides and what was measured.

    Attributes:
        experiment: The experiment.
        left: The left side.
        right: The right side.
        metrics: The metrics; by the first the best configuration of each side was chosen.
        remarks: What is to be told about the choice.
    """

    experiment: str
    left: Side
    right: Side
    metrics: tuple[Measured, ...]
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the sides as a map."""
        return {
            "experiment": self.experiment,
            "left": self.left.to_dict(),
            "right": self.right.to_dict(),
            "metrics": [metric.to_dict() for metric in self.metrics],
            "remarks": list(self.remarks),
        }


def compare_sides(pair: Pair, asked: Sequence[str] = ()) -> Sides:
    """Compare the best configurations of two sides.

    Args:
        pair: The runs of both sides.
        asked: The metrics to compare; by default the experiment's and those with declared goals. By the first one the
            best configuration of each side is chosen.

    Raises:
        UsageError: A side lacks such a metric, or they have none in common.
    """
    runs = [*pair.left.runs, *pair.right.runs]
    keys = _metrics(pair, asked)
    goals = {key: goal_for(key, runs, pair.protocol) for key in keys}
    left, right = (_side(found, keys[0], goals[keys[0]], pair.good) for found in (pair.left, pair.right))
    measured = tuple(_measure(key, goals[key], left, right) for key in keys)
    told = [pair.remark, *_remarks(left, right, keys[0]), _run_otherwise(left, right), *_below(left, right, pair)]
    remarks = filter(None, told)
    return Sides(pair.protocol.name, left, right, measured, tuple(remarks))


def _side(found: CommitRuns, metric: str, goal: Goal | None, good: frozenset[str]) -> Side:
    """Choose the best configuration by its runs that meet the floor; all of its runs count, as for the gate."""
    valued = [run for run in found.runs if metric in run.metrics] or list(found.runs)
    considered = good if any(run.id in good for run in valued) else {run.id for run in valued}

    def value(run: RunState) -> float | None:
        return value_of(run, metric, goal) if run.id in considered else None

    choice = choose_configuration(valued, value, goal.direction if goal is not None else None)
    return Side(found.name, found.commit, choice.runs, choice.of, found.unfinished)


def _measure(key: str, goal: Goal | None, left: Side, right: Side) -> Measured:
    one, other = (_values(side, key, goal) for side in (left, right))
    delta = welch(other, one)
    return Measured(key, goal, one, other, delta, verdict_of(delta, goal))


def _values(side: Side, key: str, goal: Goal | None) -> Sample:
    found = (value_of(run, key, goal) for run in side.runs)
    return sample(value for value in found if value is not None)


def _metrics(pair: Pair, asked: Sequence[str]) -> list[str]:
    """Return what to compare: what was asked for, else the protocol's metric and those with goals, else what both have.

    Raises:
        UsageError: A side has no such metric.
    """
    one, other = ({key for run in found.runs for key in run.metrics} for found in (pair.left, pair.right))
    for key in asked:
        if key not in one & other:
            lacking = "neither side has" if key not in one | other else "only one side has"
            known = ", ".join(sorted(one & other)[:_MOST_METRICS])
            raise UsageError(f"{lacking} a metric {key!r:.80}", hint=f"both have {known}" if known else None)
    keys = list(dict.fromkeys(asked)) or _usual_metrics(sorted(one & other), pair.protocol, pair)
    if not keys:
        raise UsageError("the two sides have no metric in common", hint="gtrack diff A B compares two runs")
    return keys


def _usual_metrics(both: Sequence[str], protocol: ExperimentState, pair: Pair) -> list[str]:
    runs = [*pair.left.runs, *pair.right.runs]
    declared = [key for key in both if (goal := goal_for(key, runs, protocol)) is not None and goal.declared]
    first = [key for key in both if key == protocol.metric]
    # Nothing is chosen by a metric of the test set unless somebody says so.
    ranked = sorted(declared or both, key=lambda key: (is_test_metric(key), not key.startswith("val"), key))
    return list(dict.fromkeys([*first, *ranked]))[:_MOST_METRICS]


def _remarks(left: Side, right: Side, metric: str) -> list[str]:
    out = []
    for side in (left, right):
        if side.configurations > 1:
            out.append(f"{side} has runs of {side.configurations} configurations: the best by {metric} counts")
        if side.unfinished:
            out.append(f"{side} has {side.unfinished} more runs that did not finish")
    return out


def _run_otherwise(left: Side, right: Side) -> str:
    """Say that it is not the code alone that makes a difference."""
    one, other = left.runs[0], right.runs[0]
    if same_but_code(one) == same_but_code(other):
        return ""
    params = varying_params([one, other])
    more = ", ..." if len(params) > _MOST_NAMED else ""
    what = f"other params ({', '.join(params[:_MOST_NAMED])}{more})" if params else "another program"
    return f"{right} was run with {what} than {left}: a difference need not be the code's"


def _below(left: Side, right: Side, pair: Pair) -> Iterator[str]:
    """Yield which sides are not above the floor, and whether both are the same runs."""
    for side in (left, right):
        below = sum(run.id not in pair.good for run in side.runs)
        if below:
            count = f"{below} of the {len(side.runs)} runs" if len(side.runs) > 1 else "the run"
            yield f"{count} of {side} {'are' if below > 1 else 'is'} below the floor {pair.protocol.floor}"
    if left.runs == right.runs:
        yield f"{left} and {right} are the same code, and these the same runs"
