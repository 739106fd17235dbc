"""What a gate is asked, and its answer: the runs are found, the protocol is heeded, the checks are made."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.branch.lineage import descendants
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.index.filter import Filter, bind_lineage, fields, parse
from gtrack.model.goal import Direction, Goal
from gtrack.model.statistics import CONFIDENCE
from gtrack.ops.commit_runs import Wanted
from gtrack.ops.experiments import experiment_of
from gtrack.ops.gate import compare_sides, count_runs, judge_condition, thresholds
from gtrack.ops.gate_reference import Ranking, best_side
from gtrack.ops.gate_result import Check, Gate, Side, Threshold
from gtrack.ops.gate_sides import only_experiment, reference_side, runs_of_revision
from gtrack.ops.goals import goal_for, metric_to_compare, near_metrics, test_metric_warning
from gtrack.ops.leaderboard import value_of

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = ["Question", "answer_question"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a gate.

    Attributes:
        conditions: What has to hold.
        run: The one run to judge; else those of a revision are.
        rev: The revision whose runs are judged.
        where: Only runs that match, on both sides.
        experiment: The experiment; the runs' own by default.
        dirty: Runs of edited trees count as well.
        against: ``baseline``, a revision or a run to compare with, if any.
        metrics: What to compare; by default the metrics of the conditions, else the experiment's.
        tolerance: How much worse is still right.
        min_runs: How many finished runs there have to be on each side.
        confidence: Of the intervals.
        strict: What is undecided does not pass.
    """

    conditions: tuple[Filter, ...] = ()
    run: str | None = None
    rev: str = "HEAD"
    where: Filter | None = None
    experiment: str | None = None
    dirty: bool = False
    against: str | None = None
    metrics: tuple[str, ...] = ()
    tolerance: float = 0.0
    min_runs: int = 1
    confidence: float = CONFIDENCE
    strict: bool = False

    def wanted(self, experiment: str | None, metric: str | None = None) -> Wanted:
        """Return which runs count."""
        return Wanted(self.where, () if experiment is None else (experiment,), metric, self.dirty)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What runs of an experiment are held to.

    Attributes:
        protocol: The experiment's protocol.
        parts: The bounds and conditions, the floor's among them.
        floor: The floor, which a run has to meet to be considered the best.
        compared: The metrics to compare, with their goals.
        min_runs: How many finished runs there have to be on each side.
        now_us: The present, in microseconds since the epoch.
    """

    protocol: ExperimentState
    parts: tuple[Filter | Threshold, ...]
    floor: Filter | None
    compared: dict[str, Goal] = field(default_factory=dict)
    min_runs: int = 1
    now_us: int = 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that something depends on, those that are compared first."""
        bounded = (part.field.key for part in self.parts if isinstance(part, Threshold))
        asked = (
            each.key
            for part in self.parts
            if isinstance(part, Filter)
            for each in fields(part)
            if each.scope == "metrics"
        )
        return tuple(dict.fromkeys([*self.compared, *bounded, *sorted(asked)]))

    def ranking(self, runs: Sequence[RunState]) -> Ranking:
        """Return by what the best of several configurations is chosen: the first metric of all."""
        if not self.metrics:
            return Ranking(lambda _: None, None, self.min_runs)
        metric = self.metrics[0]
        goal = self.compared.get(metric) or goal_for(metric, runs, self.protocol)

        def value(run: RunState) -> float | None:
            good = self.floor is None or self.floor.matches(run, now_us=self.now_us)
            return value_of(run, metric, goal) if good else None

        return Ranking(value, goal.direction if goal is not None else self._bounded(metric), self.min_runs)

    def _bounded(self, metric: str) -> Direction | None:
        """Who asks for much of a metric takes more of it for better."""
        operators = {
            part.operator[0] for part in self.parts if isinstance(part, Threshold) and part.field.key == metric
        }
        return "max" if operators == {">"} else "min" if operators == {"<"} else None


def answer_question(repo: Repo, question: Question, *, now_us: int) -> tuple[Gate, list[str]]:
    """Judge runs, and return what came of it, and what there is to say about how it was judged.

    Args:
        repo: The repository.
        question: What is asked.
        now_us: The present, in microseconds since the epoch: ages count from it.

    Raises:
        UsageError: Nothing is asked, or what is asked has no answer: an unknown revision, several experiments, a metric
            of which nobody knows which way it is better.
        NotFoundError: There are no runs to judge, or none to compare with.
    """
    label, commit, runs = _candidates(repo, question)
    experiment = question.experiment or only_experiment(runs, label)
    rules = _rules(repo, question, runs, experiment, now_us)
    ranking = rules.ranking(runs)
    candidate = best_side(label, runs, ranking, commit)
    reference = None
    if question.against is not None:
        wanted = question.wanted(experiment, next(iter(rules.compared)))
        reference = reference_side(repo, question.against, wanted, rules.protocol, ranking, apart_from=candidate)
    checks = tuple(_checks(question, rules, candidate, reference))
    gate = Gate(checks, candidate, reference, question.confidence, question.strict)
    return gate, list(_notes(gate, rules, runs))


def _candidates(repo: Repo, question: Question) -> tuple[str, str | None, list[RunState]]:
    """Return what is judged: its label, its commit, its runs."""
    if question.run is not None:
        run = repo.run(question.run).state
        commit = run.code.get("commit")
        return f"run {run.id[:SHORT]}", commit if isinstance(commit, str) else None, [run]
    revision, runs = runs_of_revision(repo, question.rev, question.wanted(question.experiment))
    return str(revision), revision.commit, runs


def _rules(repo: Repo, question: Question, runs: Sequence[RunState], experiment: str, now_us: int) -> _Rules:
    protocol = experiment_of(repo.repository, experiment)
    commits = [commit for run in runs if isinstance(commit := run.code.get("commit"), str)]

    def lineage(revision: str) -> frozenset[str]:
        return descendants(repo.repository, revision, commits)

    floor = None if protocol.floor is None else bind_lineage(parse(protocol.floor), lineage)
    asked = [part for each in question.conditions for part in thresholds(bind_lineage(each, lineage))]
    parts = tuple(dict.fromkeys([*asked, *(thresholds(floor) if floor is not None else ())]))
    if not parts and question.against is None:
        raise UsageError("nothing to judge by", hint="gtrack gate 'metrics.val_auc >= 0.9' --against main")
    if question.against is None:
        return _Rules(protocol, parts, floor, min_runs=question.min_runs, now_us=now_us)
    bounded = dict.fromkeys(part.field.key for part in asked if isinstance(part, Threshold))
    metrics = question.metrics or tuple(bounded) or (metric_to_compare(runs, protocol),)
    compared = {metric: _goal(metric, runs, protocol) for metric in metrics}
    return _Rules(protocol, parts, floor, compared, question.min_runs, now_us)


def _goal(metric: str, runs: Sequence[RunState], protocol: ExperimentState) -> Goal:
    goal = goal_for(metric, runs, protocol)
    if goal is not None:
        return goal
    if not any(metric in run.metrics for run in runs):
        close = near_metrics(metric, runs)
        meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UsageError(f"none of the runs has a metric {metric!r:.80}{meant}")
    raise UsageError(
        f"nobody said whether a higher or a lower {metric!r:.80} is better",
        hint=f"gtrack experiment set {shlex.quote(protocol.name)} --metric {shlex.quote(metric)} --goal max",
    )


def _checks(question: Question, rules: _Rules, candidate: Side, reference: Side | None) -> Iterator[Check]:
    sides = [candidate] if reference is None else [candidate, reference]
    yield from count_runs(sides, candidate, question.min_runs)
    if not candidate.finished:
        return
    for part in rules.parts:
        yield judge_condition(part, candidate, now_us=rules.now_us, confidence=question.confidence)
    if reference is None:
        return
    for metric, goal in rules.compared.items():
        yield compare_sides(
            metric, goal, candidate, reference, tolerance=question.tolerance, confidence=question.confidence
        )


def _notes(gate: Gate, rules: _Rules, runs: Sequence[RunState]) -> Iterator[str]:
    """Yield what a careful reader of the verdict wants to know."""
    yield from (f"warning: experiment {rules.protocol.name}: {problem}" for problem in rules.protocol.problems)
    yield from (f"warning: {text}" for metric in rules.metrics if (text := test_metric_warning(metric)))
    for side in (gate.candidate, gate.reference):
        if side is not None and side.remark:
            yield side.remark
        elif side is not None and side.configurations > 1:
            by = rules.metrics[0] if rules.metrics else "the number of its runs"
            enough = f" of those with {rules.min_runs} runs" if len(side.finished) >= rules.min_runs > 1 else ""
            yield f"{side.label} was run in {side.configurations} configurations: the best by {by}{enough} counts"
    for metric, goal in rules.compared.items():
        if not goal.declared:
            yield f"{metric}: {'higher' if goal.direction == 'max' else 'lower'} is better, by its name"
    for metric in rules.metrics:
        if not any(metric in run.metrics for run in runs) and (close := near_metrics(metric, runs)):
            yield f"no run of {gate.candidate.label} has {metric}; did you mean {' or '.join(close)}?"
    yield from _notes_on_values(gate.checks, gate.candidate, rules.protocol)


def _notes_on_values(checks: Iterable[Check], candidate: Side, protocol: ExperimentState) -> Iterator[str]:
    single = False
    for check in checks:
        single |= any(values is not None and values.n == 1 for values in (check.candidate, check.reference))
        asked = check.threshold.field if check.threshold is not None else None
        if asked is None or asked.aggregate != "last":
            continue
        goal = goal_for(asked.key, candidate.runs, protocol)
        best = [value_of(run, asked.key, goal) for run in candidate.finished]
        last = [value_of(run, asked.key, None) for run in candidate.finished]
        if list(map(str, best)) != list(map(str, last)):  # as text, for NaN does not equal itself
            word = goal.direction if goal is not None else "max"
            yield f"metrics.{asked.key} is its last value; {word}(metrics.{asked.key}) asks for its best"
    if single:
        yield "a single run says nothing about the spread: there its value alone decides"
