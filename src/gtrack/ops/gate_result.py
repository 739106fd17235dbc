"""What a gate looked at and what came of it: sides, thresholds, checks, the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gtrack.index.fields import Field
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import CONFIDENCE, Interval, Sample

__all__ = ["Check", "Gate", "Side", "Threshold", "Verdict"]

Verdict = Literal["pass", "undecided", "fail"]


@dataclass(frozen=True, slots=True)
class Side:
    """Runs that are judged, or that others are judged by.

    Attributes:
        label: What they are: ``HEAD@a3f91c2``, ``run 3f2a9c1``.
        runs: The runs of one configuration, whatever became of them.
        configurations: How many configurations there were to choose from.
        commit: The commit that they are of, where they were chosen by it.
        alike: Of a reference that was looked for in a history: it was run as the candidate was, but for the code. None
            where nobody looked.
        remark: What is to be told about the choice, if anything.
    """

    label: str
    runs: tuple[RunState, ...]
    configurations: int = 1
    commit: str | None = None
    alike: bool | None = None
    remark: str = ""

    @property
    def finished(self) -> tuple[RunState, ...]:
        """The runs whose values count."""
        return tuple(run for run in self.runs if run.status == "finished")

    def to_dict(self) -> dict[str, object]:
        """Return which runs they are."""
        return {
            "label": self.label,
            "commit": self.commit,
            "runs": [{"id": run.id, "name": run.name, "status": run.status} for run in self.runs],
            "configurations": self.configurations,
            "alike": self.alike,
            "remark": self.remark or None,
        }


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound on the mean of a metric.

    Attributes:
        field: The metric, and what of its series: its last value, or an aggregate such as ``max``.
        operator: ``>=``, ``>``, ``<=`` or ``<``.
        bound: A finite number.
    """

    field: Field
    operator: str
    bound: float

    def __str__(self) -> str:
        return f"{self.operator} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        kind: ``runs``, ``condition``, ``threshold`` or ``comparison``.
        verdict: What came of it.
        subject: The metric, or the condition's text.
        candidate: The candidate's values, of a metric.
        reference: The reference's values, of a comparison.
        against: What the reference is, likewise.
        interval: Of the candidate's mean minus the bound, or minus the reference's mean.
        threshold: The bound, of a threshold.
        tolerance: How much worse than the reference is still right, of a comparison.
        goal: Which way the metric is better, of a comparison.
        problems: Why it fails, where that is not a matter of numbers.
    """

    kind: Literal["runs", "condition", "threshold", "comparison"]
    verdict: Verdict
    subject: str
    candidate: Sample | None = None
    reference: Sample | None = None
    against: str = ""
    interval: Interval | None = None
    threshold: Threshold | None = None
    tolerance: float | None = None
    goal: Goal | None = None
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the check with all of its numbers; what it has none of is null."""
        interval, bound = self.interval, self.threshold
        return {
            "kind": self.kind,
            "verdict": self.verdict,
            "subject": self.subject,
            "candidate": _numbers(self.candidate),
            "reference": _numbers(self.reference),
            "against": self.against or None,
            "difference": None if interval is None else interval.difference,
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
            "df": None if interval is None else interval.df,
            "operator": None if bound is None else bound.operator,
            "threshold": None if bound is None else bound.bound,
            "tolerance": self.tolerance,
            "goal": None if self.goal is None else self.goal.direction,
            "problems": list(self.problems),
        }


@dataclass(frozen=True, slots=True)
class Gate:
    """All checks, and what they come to.

    Attributes:
        checks: The checks, in the order in which they were asked for.
        candidate: The runs that were judged.
        reference: What they were compared with, if anything.
        confidence: Of the intervals.
        strict: What is undecided does not pass.
    """

    checks: tuple[Check, ...]
    candidate: Side
    reference: Side | None = None
    confidence: float = CONFIDENCE
    strict: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks' verdicts."""
        found = {check.verdict for check in self.checks}
        return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"

    @property
    def passed(self) -> bool:
        """Nothing keeps the candidate back."""
        return self.verdict == "pass" or (self.verdict == "undecided" and not self.strict)

    def to_dict(self) -> dict[str, object]:
        """Return everything as maps of numbers and names."""
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            "strict": self.strict,
            "confidence": self.confidence,
            "candidate": self.candidate.to_dict(),
            "reference": None if self.reference is None else self.reference.to_dict(),
            "checks": [check.to_dict() for check in self.checks],
        }


def _numbers(values: Sample | None) -> dict[str, object] | None:
    if values is None:
        return None
    return {"n": values.n, "mean": values.mean if values.n else None, "std": values.std, "nan": values.nan}
