"""What the policy says of registered models: registrations, promotions, approvals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gtrack.clock import now_ns
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.model.policy import Finding, Judgement, Policy, StageRules, is_among
from gtrack.model.registry_events import person
from gtrack.model.summary import MetricSummary
from gtrack.ops.gate import compare_sides, judge_condition, thresholds
from gtrack.ops.gate_result import Check, Side
from gtrack.ops.policy import read_policy, unreadable
from gtrack.ops.policy_runs import judge_run

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.registered import Version
    from gtrack.model.registry import ModelState
    from gtrack.model.state import RunState
    from gtrack.ops.view import View

__all__ = ["judge_approval", "judge_promotion", "judge_registration"]


def judge_registration(repo: Repository, view: View, run: RunState, name: str) -> Judgement:
    """Judge whether a run's model may become a version: by the rules for runs, and the model's ``require``.

    Args:
        repo: The repository.
        view: Its runs.
        run: The run that made the model.
        name: The model's name.

    Example:
        >>> judge_registration(repo, view, run, "churn").violations
        ()
    """

    def judged(policy: Policy) -> Judgement:
        rules = policy.rules_of(name)
        findings = [*judge_run(policy, run).findings, *_floors(f"models.{name}", rules, view, run, {})]
        return Judgement(policy.where, tuple(findings), signed=bool(rules.signed))

    return _by_policy(repo, judged)


def judge_promotion(
    repo: Repository, view: View, model: ModelState, version: Version, stage: str, by: str, *, rollback: bool = False
) -> Judgement:
    """Judge whether somebody may bring a version into a stage, and how many others have to approve of it.

    Args:
        repo: The repository.
        view: Its runs.
        model: The model.
        version: The version.
        stage: The stage, as in ``Production``.
        by: Who wants to, ``Name <email>``.
        rollback: It was in that stage before: who may do it is asked, not whether the version is good enough, and
            nobody has to approve of it anew.

    Example:
        >>> judge_promotion(repo, view, churn, churn.latest, "Production", "Ada L <ada@example.org>").needs
        1
    """

    def judged(policy: Policy) -> Judgement:
        rules = policy.rules_of(model.name, stage)
        where = f"models.{model.name}.{stage.lower()}"
        findings = [*_promoter(where, rules, by)]
        if not rollback:
            findings += _came_from(where, rules, version)
            findings += _numbers(where, rules, repo, view, model, version)
        findings += _signing(where, rules, repo)
        return Judgement(policy.where, tuple(findings), 0 if rollback else rules.needs, bool(rules.signed))

    return _by_policy(repo, judged)


def judge_approval(repo: Repository, model: ModelState, version: Version, stage: str, by: str) -> Judgement:
    """Judge whether somebody may approve, or reject, that a version comes into a stage.

    Args:
        repo: The repository.
        model: The model.
        version: The version.
        stage: The stage, as in ``Production``.
        by: Who wants to, ``Name <email>``.
    """

    def judged(policy: Policy) -> Judgement:
        rules = policy.rules_of(model.name, stage)
        where = f"models.{model.name}.{stage.lower()}"
        findings = [*_approver(where, rules, version, by), *_signing(where, rules, repo)]
        return Judgement(policy.where, tuple(findings), rules.needs, bool(rules.signed))

    return _by_policy(repo, judged)


def _by_policy(repo: Repository, judged: Callable[[Policy], Judgement]) -> Judgement:
    """Judge by the policy: without one everything is allowed, under one that cannot be read nothing is."""
    try:
        policy = read_policy(repo)
    except GtrackError as error:
        return unreadable(error)
    return Judgement() if policy is None else judged(policy)


def _promoter(where: str, rules: StageRules, by: str) -> Iterator[Finding]:
    if rules.promoters is not None:
        passed = is_among(person(by), rules.promoters)
        said = f"{person(by)} {'may' if passed else 'may not'} promote to it"
        yield Finding(f"{where}.promoters", passed, said, f"ask one of {', '.join(rules.promoters)}")


def _approver(where: str, rules: StageRules, version: Version, by: str) -> Iterator[Finding]:
    who = person(by)
    if rules.approvers is not None:
        passed = is_among(who, rules.approvers)
        said = f"{who} {'is' if passed else 'is not'} one of the approvers"
        yield Finding(f"{where}.approvers", passed, said, f"ask one of {', '.join(rules.approvers)}")
    own = who == person(version.author)
    pending = version.pending
    if own or (pending is not None and who == person(pending.author)):
        did = "registered it" if own else "promoted it"
        yield Finding(f"{where}.approvals", False, f"{who} {did}, and somebody else has to approve", "ask a colleague")


def _came_from(where: str, rules: StageRules, version: Version) -> Iterator[Finding]:
    if rules.came_from is None:
        return
    passed = version.stage.lower() == rules.came_from
    wanted = rules.came_from.capitalize()
    said = f"{version.name} is in the stage {version.stage}" + ("" if passed else f", not in {wanted}")
    yield Finding(f"{where}.from", passed, said, f"gtrack model promote {version.name} {rules.came_from}")


def _signing(where: str, rules: StageRules, repo: Repository) -> Iterator[Finding]:
    if not rules.signed:
        return
    from gtrack.branch.author import author
    from gtrack.branch.signing import signing_key

    if repo.config.get("gtrack.sign") is not None and not repo.config.flag("gtrack.sign"):
        off = "events are to be signed, and git config gtrack.sign is false"
        yield Finding(f"{where}.signed", False, off, "git config --unset gtrack.sign")
        return
    try:
        signing_key(repo.config, repo.env, author(repo.config, repo.env))
    except GtrackError as error:
        yield Finding(f"{where}.signed", False, f"events are to be signed: {error.message}", error.hint)
    else:
        yield Finding(f"{where}.signed", True, "the event is signed")


def _numbers(
    where: str, rules: StageRules, repo: Repository, view: View, model: ModelState, version: Version
) -> Iterator[Finding]:
    """Judge what the version's run, and what was measured of the version later, come to."""
    if rules.require is None and rules.not_worse_than is None:
        return
    run = _run_of(view, version)
    if run is None:
        said = f"the run of {version.name} is not here, so nobody can judge it"
        yield Finding(f"{where}.require", False, said, "gtrack pull")
        return
    yield from _floors(where, rules, view, run, version.metrics)
    if rules.not_worse_than is not None:
        yield _compared(where, rules, repo, view, model, version, run)


def _floors(where: str, rules: StageRules, view: View, run: RunState, later: Mapping[str, float]) -> Iterator[Finding]:
    """Judge the floors, part by part; what was measured later stands above what the run logged."""
    if rules.require is None:
        return
    from gtrack.index.filter import parse
    from gtrack.index.query import Query

    measured = {key: MetricSummary.point(value, 0, 0) for key, value in later.items()}
    whole = replace(run, metrics={**run.metrics, **measured}, status="finished")
    now_us = now_ns() // 1000
    floor = view.bound(Query(parse(rules.require))).where
    assert floor is not None
    for part in thresholds(floor):
        check = judge_condition(part, Side(f"run {run.id[:SHORT]}", (whole,)), now_us=now_us)
        yield Finding(f"{where}.require", check.verdict == "pass", _bounded(check), "gtrack diff, gtrack best")


def _bounded(check: Check) -> str:
    """Return what was found of a floor: ``val_auc is 0.87, and >= 0.9 is required``."""
    if check.problems:
        return f"{check.subject}: {'; '.join(check.problems)}"
    if check.candidate is None:
        return f"{check.subject} holds"
    return f"{check.subject} is {check.candidate.mean:g}, and {check.threshold} is required"


def _compared(
    where: str, rules: StageRules, repo: Repository, view: View, model: ModelState, version: Version, run: RunState
) -> Finding:
    rule, wanted = f"{where}.not_worse_than", str(rules.not_worse_than)
    other = _reference(model, wanted)
    if other is None or other.uid == version.uid:
        return Finding(
            rule, True, f"there is no {wanted} yet" if other is None else f"{version.name} is {wanted} itself"
        )
    base = _run_of(view, other)
    if base is None:
        return Finding(rule, False, f"the run of {wanted} ({other.name}) is not here", "gtrack pull")
    from gtrack.ops.experiments import experiment_of
    from gtrack.ops.goals import goal_for, metric_to_compare

    try:
        protocol = experiment_of(repo, run.experiment)
        metric = rules.metric or metric_to_compare([run, base], protocol)
        goal = goal_for(metric, [run, base], protocol)
    except GtrackError as error:
        return Finding(rule, False, error.message, error.hint)
    if goal is None:
        todo = f"gtrack experiment set {run.experiment} --metric {metric} --goal max"
        return Finding(rule, False, f"nobody said whether a higher or a lower {metric} is better", todo)
    sides = (
        Side(version.name, (replace(run, status="finished"),)),
        Side(f"{wanted} ({other.name})", (replace(base, status="finished"),)),
    )
    check = compare_sides(metric, goal, *sides, tolerance=rules.tolerance or 0.0)
    return Finding(rule, check.verdict == "pass", _difference(check), f"gtrack diff {base.id[:SHORT]} {run.id[:SHORT]}")


def _difference(check: Check) -> str:
    if check.problems or check.candidate is None or check.reference is None:
        return f"{check.subject} against {check.against}: {'; '.join(check.problems)}"
    tolerated = f", with a tolerance of {check.tolerance:g}" if check.tolerance else ""
    better = "higher" if check.goal is not None and check.goal.direction == "max" else "lower"
    values = f"{check.candidate.mean:g}, and {check.reference.mean:g} of {check.against}"
    return f"{check.subject} is {values}; {better} is better{tolerated}"


def _reference(model: ModelState, wanted: str) -> Version | None:
    """Return the version that an alias points at, or that is in a stage; None when there is none."""
    uid = model.aliases.get(wanted)
    if uid is not None:
        return next((version for version in model.versions if version.uid == uid), None)
    return next((version for version in model.versions if version.stage.lower() == wanted.lower() != "none"), None)


def _run_of(view: View, version: Version) -> RunState | None:
    if version.run is None or version.run not in view.run_ids:
        return None
    return view.state(version.run)
