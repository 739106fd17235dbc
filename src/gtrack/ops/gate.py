"""Whether some runs are good enough: thresholds, and a comparison with other runs, judged by confidence intervals.

A check *fails* when the data show a violation, that is, when the whole interval lies on the wrong side; it *passes*
when the whole interval lies on the right side; between the two it is *undecided*. Where a side has a single run there
is no interval, and the plain value decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gtrack.ids import SHORT
from gtrack.index.fields import Field
from gtrack.index.filter import And, Between, Compare, Filter
from gtrack.index.literals import number_of
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import CONFIDENCE, Interval, Sample, one_sample, sample, welch
from gtrack.ops.gate_result import Check, Side, Threshold, Verdict
from gtrack.ops.leaderboard import value_of

__all__ = ["compare_sides", "count_runs", "judge_condition", "thresholds"]

_NAMED = 5


def thresholds(condition: Filter) -> list[Filter | Threshold]:
    """Return what a condition asks for, part by part: bounds on metrics, and anything else as it is.

    Example:
        >>> [str(part) for part in thresholds(parse("metrics.auc >= 0.9 AND params.depth < 8"))]
        ['>= 0.9', 'params.depth < 8']
    """
    match condition:
        case And():
            return [part for each in condition.parts for part in thresholds(each)]
        case Compare(field=Field(scope="metrics"), operator=">=" | ">" | "<=" | "<"):
            bound = _finite(condition.value)
            return [condition if bound is None else Threshold(condition.field, condition.operator, bound)]
        case Between(field=Field(scope="metrics")):
            low, high = _finite(condition.low), _finite(condition.high)
            if low is not None and high is not None:
                return [Threshold(condition.field, ">=", low), Threshold(condition.field, "<=", high)]
    return [condition]


def judge_condition(part: Filter | Threshold, side: Side, *, now_us: int, confidence: float = CONFIDENCE) -> Check:
    """Judge the finished runs of a side by a bound on their mean, or by a condition that each of them has to meet.

    Args:
        part: One of :func:`thresholds`.
        side: The runs.
        now_us: The present, in microseconds since the epoch: ages count from it.
        confidence: Of the interval.
    """
    if not isinstance(part, Threshold):
        bad = [run.id for run in side.finished if not part.matches(run, now_us=now_us)]
        problems = [f"does not hold of {_ids(bad)}"] if bad else []
        return Check("condition", "fail" if bad else "pass", str(part), problems=tuple(problems))
    values = [_single(part.field.values(run)) for run in side.finished]
    subject = str(part.field).replace("metrics.", "", 1)
    found, problems = _measured(subject, side.finished, values)
    interval = one_sample(found, part.bound, confidence=confidence)
    verdict: Verdict = "fail" if problems else _judge_threshold(interval, part.operator)
    return Check("threshold", verdict, subject, found, interval=interval, threshold=part, problems=tuple(problems))


def compare_sides(
    metric: str, goal: Goal, candidate: Side, reference: Side, *, tolerance: float = 0.0, confidence: float = CONFIDENCE
) -> Check:
    """Judge whether a metric of the candidate is worse than the reference's by more than is tolerated.

    A run's value is its best where the goal was declared, else its last. NaN among the reference's values is passed
    over; among the candidate's it is a violation.

    Args:
        metric: The metric.
        goal: Which way it is better.
        candidate: The runs to judge.
        reference: The runs to judge them by.
        tolerance: How much worse is still right, in units of the metric; not below 0.
        confidence: Of Welch's interval.
    """
    values = [value_of(run, metric, goal) for run in candidate.finished]
    found, problems = _measured(metric, candidate.finished, values)
    known = (value_of(run, metric, goal) for run in reference.finished)
    other = sample(value for value in known if value is not None)
    if not other.n:
        problems.append(f"{reference.label} has no number to compare with")
    interval = welch(found, other, confidence=confidence)
    verdict: Verdict = "fail" if problems else _judge_worsening(interval, goal, tolerance)
    return Check(
        "comparison",
        verdict,
        metric,
        found,
        other,
        reference.label,
        interval,
        tolerance=tolerance,
        goal=goal,
        problems=tuple(problems),
    )


def count_runs(sides: Iterable[Side], candidate: Side, min_runs: int) -> list[Check]:
    """Return the checks that fail because of the runs themselves: too few, or not finished.

    Args:
        sides: Every side of which there have to be enough runs.
        candidate: The side whose runs have to have finished.
        min_runs: How many finished runs are wanted.
    """
    checks = []
    bad = [run for run in candidate.runs if run.status != "finished"]
    if bad:
        named = ", ".join(f"{run.id[:SHORT]} {run.status}" for run in bad[:_NAMED])
        more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        checks.append(
            Check("runs", "fail", candidate.label, problems=(f"has runs that did not finish: {named}{more}",))
        )
    for side in sides:
        n = len(side.finished)
        if n < min_runs:
            had = f"has {n} finished run{'' if n == 1 else 's'}"
            checks.append(Check("runs", "fail", side.label, problems=(f"{had}, {min_runs} wanted",)))
    return checks


def _judge_threshold(interval: Interval, operator: str) -> Verdict:
    """Judge mean - bound: above or below 0."""
    low, high = _ends(interval)
    if operator in ("<", "<="):
        low, high = -high, -low
    equal = operator in (">=", "<=")

    def right(margin: float) -> bool:
        return margin > 0 or (equal and margin == 0)

    return "pass" if right(low) else "undecided" if right(high) else "fail"


def _judge_worsening(interval: Interval, goal: Goal, tolerance: float) -> Verdict:
    low, high = _ends(interval)
    if goal.direction == "max":
        low, high = -high, -low
    return "fail" if not low <= tolerance else "pass" if high <= tolerance else "undecided"


def _ends(interval: Interval) -> tuple[float, float]:
    """The interval; where nobody knows the spread, the value itself."""
    if interval.low is None or interval.high is None:
        return interval.difference, interval.difference
    return interval.low, interval.high


def _measured(subject: str, runs: Sequence[RunState], values: Sequence[float | None]) -> tuple[Sample, list[str]]:
    """Return what values come to, and which runs have none that can be judged."""
    missing = [run.id for run, value in zip(runs, values, strict=True) if value is None]
    nan = [run.id for run, value in zip(runs, values, strict=True) if value is not None and math.isnan(value)]
    problems = (
        [f"{_ids(missing)} has no {subject}" if len(missing) == 1 else f"{_ids(missing)} have no {subject}"]
        if missing
        else []
    )
    problems += [f"{subject} is NaN in {_ids(nan)}"] if nan else []
    return sample(value for value in values if value is not None), problems


def _single(values: Sequence[object]) -> float | None:
    number = number_of(values[0]) if values else None
    return None if number is None else float(number)


def _finite(literal: object) -> float | None:
    number = number_of(literal)
    return float(number) if number is not None and math.isfinite(number) else None


def _ids(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(run_id[:SHORT] for run_id in ids[:_NAMED]) + more
