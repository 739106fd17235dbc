"""What the policy says of runs: before they start, at their first metric, when they have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.model.fold import fold_run
from gtrack.model.policy import Finding, Judgement, Policy, RunRules
from gtrack.model.policy_names import parse_template
from gtrack.ops.policy import enforce, policy_for_training, read_policy, said_of
from gtrack.ops.policy_naming import make_name
from gtrack.ops.policy_run_rules import (
    all_of,
    code_as_recorded,
    code_before,
    data_pinned,
    experiment_form,
    has_value,
    is_or_are,
    metric_names,
    name_form,
    param_names,
    required,
)
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.config import Settings
    from gtrack.model.state import RunState
    from gtrack.ops.begin import Request
    from gtrack.ops.load import RunFiles
    from gtrack.ops.seal import Sealed

__all__ = ["judge_run", "record_verdict", "under_policy"]


def under_policy(
    repo: Repository | None,
    request: Request,
    run_id: str,
    *,
    named: bool,
    settings: Settings,
    warn: Callable[[str], None],
    bypass: str | None = None,
    metrics: Iterable[str] | None = None,
    follows: bool = False,
    placed: bool = True,
) -> Request:
    """Return what was asked for as the team's policy has it, before anything of the run exists.

    Args:
        repo: The repository, or None.
        request: What was asked for.
        run_id: The id that the run will have.
        named: Somebody chose the name; else the policy's template makes one, where there is a template.
        settings: The environment's settings.
        warn: Called with a sentence where the policy cannot be read.
        bypass: A reason to start all the same.
        metrics: The names of all metrics, where nothing will be logged later: then nothing may be missing either.
        follows: Another process of the same launch starts the run: this one is asked about what it was given alone.
        placed: Somebody chose the experiment.

    Raises:
        PolicyError: The policy does not allow the run.
        UsageError: The reason for the bypass is empty.
    """
    policy = policy_for_training(repo, warn)
    if repo is None or policy is None or policy.runs is None:
        return request
    rules, reason = policy.runs, bypass or settings.policy_bypass
    findings = [
        *(experiment_form(rules, request.experiment) if placed or not follows else ()),
        *param_names(rules, request.params),
        *code_before(rules, repo, settings),
    ]
    if metrics is not None:
        findings += [*required(rules, request.params, request.tags), *metric_names(rules, metrics)]
    if named or rules.name is None:
        findings += name_form(rules, request.name)
    elif not follows:
        # Counting takes a look at all runs, which one that is refused is not worth.
        count = all(finding.passed for finding in findings)
        made, finding = _made_name(repo, rules, request, run_id, count=count)
        findings.append(finding)
        request = replace(request, name=made or request.name)
    judged = Judgement(policy.where, tuple(findings))
    bypassed = enforce(judged, f"the run {request.name}" if named else "this run", bypass=reason)
    if reason is None:
        return replace(request, lacking=_lacking(policy) if metrics is None else None)
    # What the run turns out to lack later is covered by the reason as well.
    return replace(request, policy={"policy": policy.where, "bypass": bypassed or {"reason": clean(reason)[:500]}})


def _made_name(
    repo: Repository, rules: RunRules, request: Request, run_id: str, *, count: bool
) -> tuple[str | None, Finding]:
    """Return the name that the template makes, or None, and what is to be said of it."""
    text = str(rules.name)
    name, missing = make_name(repo, parse_template(text), request, run_id, rules, count=count)
    if not missing:
        return name, Finding("runs.name", True, f"it is called {name} by {text}")
    keys = ["model_type" if key == "model" and key not in rules.params else key for key in missing]
    given = ", ".join(f'"{key}": ...' for key in keys)
    what = f"no name can be made by {text}: {all_of(missing)} {is_or_are(missing)} not given"
    return None, Finding("runs.name", False, what, f"params={{{given}}}, or give it a name")


def judge_run(policy: Policy, run: RunState, early: Mapping[str, Any] | None = None) -> Judgement:
    """Judge a recorded run by the rules for runs.

    Args:
        policy: The policy.
        run: The run.
        early: Its ``run.yaml``, which holds what was known at its first metric; None to judge by what is known now.
    """
    rules = policy.runs
    if rules is None:
        return Judgement(policy.where)
    findings = [
        *required(rules, run.params, run.tags, early, run_id=run.id[:SHORT]),
        *experiment_form(rules, run.experiment),
        *name_form(rules, run.name),
        *param_names(rules, run.params),
        *metric_names(rules, run.metrics),
        *code_as_recorded(rules, run.code),
        *data_pinned(rules, run.data),
    ]
    return Judgement(policy.where, tuple(findings))


def record_verdict(repo: Repository, recorded: RunFiles, sealed: Sealed) -> None:
    """Add the policy's verdict to the files of a run that has ended.

    A policy that cannot be read says nothing; the run is recorded all the same.

    Args:
        repo: The repository.
        recorded: What the branch has of the run.
        sealed: What sealing it came to; the event is added to it.
    """
    from gtrack.clock import later_stamp
    from gtrack.format import names, yaml

    ends = [doc for doc in sealed.documents if doc.kind == "end" and doc.body.get("status") is not None]
    if not ends:
        return
    try:
        policy = read_policy(repo)
    except GtrackError:
        return
    if policy is None or policy.runs is None:
        return
    documents = [*recorded.documents, *sealed.documents]
    first = next((doc.body for doc in documents if doc.kind == "run"), {})
    judged = judge_run(policy, fold_run(sealed.run_id, documents), first)
    body: dict[str, object] = {
        "format": 1,
        "kind": "policy",
        "verdict": "passed" if judged.passed else "violated",
        "violations": said_of(judged),
        "policy": policy.where,
    }
    said = first.get("policy")
    bypass = said.get("bypass") if isinstance(said, Mapping) else None
    if isinstance(bypass, Mapping) and (bypass.get("violations") or not judged.passed):
        body |= {"verdict": "violated", "bypass": bypass}
    data = yaml.dump(body)
    stamp = later_stamp(0, max(doc.stamp for doc in ends))
    sealed.add("event", names.event(stamp, data), data, body, stamp)


def _lacking(policy: Policy) -> Callable[[Mapping[str, object], Mapping[str, object]], str | None]:
    """Return what says, at the first metric, which params and tags are missing; it takes microseconds."""
    rules = policy.runs or RunRules()

    def told(params: Mapping[str, object], tags: Mapping[str, object]) -> str | None:
        wanted = (("param", rules.params, params), ("tag", rules.tags, tags))
        missing = [f"{what} {key}" for what, keys, there in wanted for key in keys if not has_value(there, key)]
        if not missing:
            return None
        return (
            f"policy: {all_of(missing)} {is_or_are(missing)} missing at the first metric; "
            f"the run will be recorded as policy: violated ({policy.where})"
        )

    return told
