"""Bringing versions into stages: promotions, approvals, rollbacks. One event each, as the team's policy allows."""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.branch.repository import Repository
from gtrack.errors import NotFoundError, UsageError
from gtrack.model.policy import Judgement
from gtrack.model.registered import Version
from gtrack.model.registry_events import person
from gtrack.model.registry_rollback import before_stage
from gtrack.model.registry_stages import EXCLUSIVE
from gtrack.model.version_name import STAGES, VersionName, alias_fault, parse_name, stage_named
from gtrack.model.version_pick import pick
from gtrack.ops.model_events import rollback_alias
from gtrack.ops.model_writing import Changed, Known, Write, known_of, label_of, people, pins_of, record
from gtrack.ops.policy import enforce
from gtrack.ops.policy_models import judge_approval, judge_promotion
from gtrack.ops.view import View

__all__ = ["approve", "promote", "reject", "rollback", "stage_of"]


def promote(
    repository: Repository,
    version: str,
    stage: str,
    *,
    reason: str | None = None,
    keep: bool = False,
    bypass: str | None = None,
    write: Write | None = None,
) -> Changed:
    """Bring a version into a stage; where the policy asks for approvals it comes there when they are given.

    What is in Staging or Production makes room: it becomes Archived by the same event.

    Args:
        repository: The repository.
        version: The version, such as ``churn/3``.
        stage: ``none``, ``staging``, ``production`` or ``archived``, in any case.
        reason: Why.
        keep: Others in that stage stay there.
        bypass: Why the policy is passed over, where it does not allow the promotion; it is recorded.
        write: Commits the event, where that is not to be on the branch.

    Returns:
        What came of it: its outcome says whether it is ``effective`` or ``pending``. Where the version is in that
        stage already, or waits to be, nothing is written.

    Raises:
        UsageError: There is no such stage.
        NotFoundError: There is no such model or version.
        PolicyError: The policy does not allow it; nothing is written.

    Example:
        >>> promote(repository, "churn/3", "production", reason="beats v2 by 0.4 AUC").outcome["effective"]
        True
    """
    wanted = stage_of(stage)
    with repository.lock():
        known, found = _named(repository, version)
        if _is_so(known, found, wanted, keep=keep) and bypass is None:
            return Changed(known.state, found)
        judged = judge_promotion(repository, View(repository), known.state, found, wanted, known.by)
        fact, needs = _allowed(judged, f"{found.name} to {wanted}", bypass)
        return _promote(repository, known, found, wanted, {**fact, "needs": needs, "keep": keep}, reason, write)


def approve(
    repository: Repository, version: str, stage: str, *, reason: str | None = None, write: Write | None = None
) -> Changed:
    """Approve that a version comes into a stage; the last approval that is needed brings it there.

    An approval may be given before the promotion.

    Args:
        repository: The repository.
        version: The version, such as ``churn/3``.
        stage: The stage, in any case.
        reason: Why.
        write: Commits the event, where that is not to be on the branch.

    Raises:
        UsageError: There is no such stage, or the version is this person's own.
        NotFoundError: There is no such model or version.
        PolicyError: The policy does not let this person approve it; nothing is written.
    """
    return _say(repository, version, stage, "approve", reason, write)


def reject(
    repository: Repository, version: str, stage: str, *, reason: str | None = None, write: Write | None = None
) -> Changed:
    """Say that a version shall not come into a stage: a promotion that waits for approvals ends.

    Who promoted it may take it back so.

    Args:
        repository: The repository.
        version: The version, such as ``churn/3``.
        stage: The stage, in any case.
        reason: Why.
        write: Commits the event, where that is not to be on the branch.

    Raises:
        UsageError: There is no such stage.
        NotFoundError: There is no such model or version.
        PolicyError: The policy does not let this person decide it; nothing is written.
    """
    return _say(repository, version, stage, "reject", reason, write)


def rollback(
    repository: Repository,
    name: str,
    what: str,
    *,
    reason: str | None = None,
    bypass: str | None = None,
    write: Write | None = None,
) -> Changed:
    """Put back what an alias pointed at, or what was in a stage, before what is there now.

    Args:
        repository: The repository.
        name: The model.
        what: The alias, or the stage in any case.
        reason: Why.
        bypass: Why the policy is passed over, where it does not allow it; it is recorded.
        write: Commits the event, where that is not to be on the branch.

    Raises:
        UsageError: It is neither an alias nor a stage.
        NotFoundError: There is no such model, or nothing to go back to.
        PolicyError: The policy does not allow it; nothing is written.

    Example:
        >>> rollback(repository, "churn", "champion", reason="false alarms at night").version.label
        '2'
    """
    stage = stage_named(what)
    if stage is None:
        if alias_fault(what) is not None:
            raise UsageError(f"{what!r:.80} is neither an alias nor a stage", hint="an alias, or staging, production")
        return rollback_alias(repository, name, what, reason=reason, write=write)
    if stage not in EXCLUSIVE:
        raise UsageError(f"there is nothing to go back to in {stage}", hint="an alias, or staging, production")
    with repository.lock():
        known = _live(known_of(repository, name))
        uid = before_stage(known.state, stage)
        found = None if uid is None else known.state.version(uid)
        if found is None:
            raise NotFoundError(
                f"no other version of {name} that is still there was in {stage} before",
                hint=f"gtrack model promote {name}/N {stage.lower()}",
            )
        view = View(repository)
        judged = judge_promotion(repository, view, known.state, found, stage, known.by, rollback=True)
        fact, needs = _allowed(judged, f"{found.name} back to {stage}", bypass)
        more = {**fact, "needs": needs, "keep": False, "rollback": True}
        return _promote(repository, known, found, stage, more, reason, write)


def stage_of(text: str) -> str:
    """Return the stage that somebody named.

    Raises:
        UsageError: There is none of that name.
    """
    found = stage_named(text) if isinstance(text, str) else None
    if found is None:
        raise UsageError(f"there is no stage {text!r:.40}", hint=", ".join(stage.lower() for stage in STAGES))
    return found


def _promote(
    repository: Repository,
    known: Known,
    version: Version,
    stage: str,
    more: Mapping[str, object],
    reason: str | None,
    write: Write | None,
) -> Changed:
    fact = {"kind": "stage", "version": version.uid, "stage": stage, **more, "pins": pins_of(repository, version)}
    label = label_of(version)

    def subject(outcome: Mapping[str, object]) -> str:
        if outcome.get("pending"):
            return f"{label} to {stage}, when it is approved"
        if more.get("rollback"):
            return f"rollback, {label} is in {stage} again"
        return f"{label} to {stage}{_approved(outcome)}"

    return record(repository, known, {**fact, "reason": reason}, subject, write=write)


def _say(
    repository: Repository, text: str, stage: str, verdict: str, reason: str | None, write: Write | None
) -> Changed:
    wanted = stage_of(stage)
    with repository.lock():
        known, version = _named(repository, text)
        said = {person(each.author): each for each in version.approvals if each.stage == wanted}
        latest, waiting = said.get(person(known.by)), version.pending
        disputed = known.state.conflict(f"approval {version.uid[:7]} {wanted}") is not None
        is_open = waiting is not None and waiting.stage == wanted
        if latest is not None and latest.verdict == verdict and not disputed and not (verdict == "reject" and is_open):
            return Changed(known.state, version)
        takes_back = verdict == "reject" and waiting is not None and person(waiting.author) == person(known.by)
        if not takes_back:
            judged = judge_approval(repository, known.state, version, wanted, known.by)
            enforce(judged, f"{known.by.partition(' <')[0]} to {verdict} {version.name} for {wanted}")
        if verdict == "approve":
            _check_is_another(version, wanted, known.by)
        label, pins = label_of(version), pins_of(repository, version)
        fact = {"kind": "approval", "version": version.uid, "stage": wanted, "verdict": verdict, "pins": pins}

        def subject(outcome: Mapping[str, object]) -> str:
            if outcome.get("effective"):
                return f"{label} to {wanted}{_approved(outcome)}"
            return f"{label} {'approved' if verdict == 'approve' else 'rejected'} for {wanted}"

        return record(repository, known, {**fact, "reason": reason}, subject, write=write)


def _check_is_another(version: Version, stage: str, by: str) -> None:
    """Refuse an approval of one's own: with or without a policy it would count for nothing."""
    own, waiting = person(version.author), version.pending
    promoter = person(waiting.author) if waiting is not None and waiting.stage == stage else None
    if person(by) in (own, promoter):
        did = "registered" if person(by) == own else "promoted"
        raise UsageError(
            f"{by.partition(' <')[0]} {did} {version.name}: somebody else has to approve it",
            hint=f"a colleague types: gtrack model approve {version.name} {stage.lower()}",
        )


def _allowed(judged: Judgement, what: str, bypass: str | None) -> tuple[dict[str, object], int]:
    """Return what has to be recorded of a bypass, and how many approvals are needed.

    A bypass stands in for the approvals as well.

    Raises:
        PolicyError: It is not allowed.
    """
    passed_over = enforce(judged, what, bypass=bypass)
    if bypass is None or (passed_over is None and not judged.needs):
        return {}, judged.needs
    said = dict(passed_over or {"reason": bypass.strip()[:500], "violations": []})
    if judged.needs:
        missing = {"rule": "approvals", "message": f"{judged.needs} approvals were not waited for"}
        listed = said.get("violations")
        said["violations"] = [*(listed if isinstance(listed, list) else []), missing]
    return {"bypass": said}, 0


def _is_so(known: Known, version: Version, stage: str, *, keep: bool) -> bool:
    """Tell whether a version is in a stage already, or waits to be, and nothing is left to decide."""
    if known.state.concurrent and any(
        known.state.conflict(what) for what in (f"stage {stage}", f"version {version.uid[:7]}")
    ):
        return False
    waiting = version.pending
    if waiting is not None:
        return waiting.stage == stage and waiting.keep == keep and person(waiting.author) == person(known.by)
    others = stage in EXCLUSIVE and any(each.uid != version.uid for each in known.state.in_stage(stage))
    return version.stage == stage and (keep or not others)


def _approved(outcome: Mapping[str, object]) -> str:
    approved = outcome.get("approved")
    return f" (approved by {people(approved)})" if isinstance(approved, list) and approved else ""


def _named(repository: Repository, text: str) -> tuple[Known, Version]:
    name = parse_name(text)
    if not isinstance(name, VersionName):
        raise UsageError(f"{name} is a run's artifact, not a registered version", hint=f"gtrack model register {name}")
    known = _live(known_of(repository, name.model))
    return known, pick(known.state, name)


def _live(known: Known) -> Known:
    if known.state.deleted:
        raise NotFoundError(f"the model {known.name!r:.80} was deleted", hint=f"gtrack model restore {known.name}")
    return known
