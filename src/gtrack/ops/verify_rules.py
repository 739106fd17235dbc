"""The rules of a team's policy that hold of what stands on the branch: who said what of a model, and with whose key.

They are asked of the files themselves, whoever wrote them and with whatever program: ``gtrack model promote`` asks the
same before it writes, and nobody has to use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from gtrack.model.policy import StageRules
from gtrack.ops.verify_demands import Demands, is_among
from gtrack.ops.verify_records import ModelRecords, Problem, Record, sha256_of
from gtrack.text import clean

__all__ = ["Pins", "approvals_of", "bypass_reason", "event_problems", "needs_of", "returns", "signature_problems"]

_SIGN = "gtrack verify MODEL/VERSION --sign adds the signature, by the one who wrote it"


@dataclass(frozen=True, slots=True)
class Pins:
    """What a version and its run are, for the digests that approvals and promotions pin.

    Attributes:
        run: Returns the bytes of a run's run.yaml, or None where it is not here.
    """

    run: Callable[[str], bytes | None]


def event_problems(
    records: ModelRecords, event: Record, demands: Demands, pins: Pins, *, allow_bypass: bool = False
) -> Iterator[Problem]:
    """Yield what an event breaks.

    Args:
        records: What is recorded of the model.
        event: The event, or a version.
        demands: The policy.
        pins: What the version and the run are.
        allow_bypass: An event that gives a reason for a bypass may break rules, which is then told as a warning.
    """
    yield from signature_problems(records.name, event, demands)
    if demands.problem is not None:
        yield Problem(event.path, "policy", f"the policy cannot be read, so nothing is let through: {demands.problem}")
        return
    yield from _wrong_pins(records, event, pins)
    reason = bypass_reason(event)
    for problem in _broken_rules(records, event, demands, pins):
        if reason is None:
            yield problem
        else:
            what = f"{problem.what}; bypassed: {clean(reason)[:200]}"
            yield replace(problem, what=what, warning=allow_bypass)


def signature_problems(model: str, record: Record, demands: Demands) -> Iterator[Problem]:
    """Yield what is wrong with who signed a document: nobody where it is demanded, or somebody else than it says."""
    best = record.signatures.best
    rules = demands.of(model, record.text("stage") or None)
    if best is not None and best.verdict == "good":
        return
    by = clean(record.address or "nobody known")
    if best is None:
        if rules.signed:
            yield Problem(record.path, "signed", f"it is not signed, and {demands.where} demands it of {by}", _SIGN)
    elif best.verdict == "other":
        yield Problem(record.path, "signer", f"it says that it is by {by}, and {best.why}")
    elif rules.signed or best.verdict == "bad":
        yield Problem(record.path, "signed", f"its signature does not count: {best.why}")
    else:
        yield Problem(record.path, "signed", f"its signature tells nothing: {best.why}", warning=True)


def approvals_of(records: ModelRecords, promotion: Record, demands: Demands, pins: Pins) -> list[Record]:
    """Return the approvals of a promotion that count, one of each person, in order.

    An approval counts when it breaks no rule, is of the same version and stage, of neither the promoter nor the
    version's author, and was not followed by a rejection by the same person.
    """
    stage = promotion.text("stage").lower()
    last: dict[str, Record] = {}
    for event in records.about(promotion.uid, "approval"):
        if event.text("stage").lower() != stage or event.person in ("", promotion.person):
            continue
        if not any(not problem.warning for problem in event_problems(records, event, demands, pins)):
            last[event.person] = event
    return [event for event in last.values() if event.text("verdict") == "approve"]


def bypass_reason(event: Record) -> str | None:
    """Return the reason that an event gives for breaking rules, or None."""
    bypass = event.body.get("bypass")
    reason = bypass.get("reason") if isinstance(bypass, Mapping) else None
    return reason if isinstance(reason, str) and reason.strip() else None


def needs_of(event: Record) -> int:
    """Return how many approvals a promotion itself says that it needs."""
    needs = event.body.get("needs", 0)
    return needs if isinstance(needs, int) and not isinstance(needs, bool) else 0


def returns(records: ModelRecords, event: Record, demands: Demands, pins: Pins) -> bool:
    """Tell whether a promotion is a rollback to a version that was in its stage before: no approval is needed anew."""
    if event.body.get("rollback") is not True:
        return False
    for earlier in records.about(event.uid, "stage"):
        same = earlier.text("stage").lower() == event.text("stage").lower()
        if same and earlier.stamp < event.stamp and earlier.body.get("rollback") is not True:
            approved = len(approvals_of(records, earlier, demands, pins)) >= needs_of(earlier)
            if approved or bypass_reason(earlier) is not None:
                return True
    return False


def _broken_rules(records: ModelRecords, event: Record, demands: Demands, pins: Pins) -> Iterator[Problem]:
    if event.event == "stage":
        rules = demands.of(records.name, event.text("stage"))
        if returns(records, event, demands, pins):
            rules = replace(rules, approvals=0)
        yield from _promotion(records, event, rules)
    elif event.event == "approval":
        yield from _approval(records, event, demands.of(records.name, event.text("stage")))


def _promotion(records: ModelRecords, event: Record, rules: StageRules) -> Iterator[Problem]:
    by, stage = clean(event.address or "nobody known"), clean(event.text("stage"))
    if not is_among(event.address, rules.promoters):
        allowed = ", ".join(rules.promoters or ())
        yield Problem(event.path, "promoters", f"{by} may not promote {records.name} to {stage}: {allowed} may")
    asked = needs_of(event)
    if asked < rules.needs:
        what = f"it asks for {asked} approvals, and {rules.needs} are demanded: it would take effect without them"
        yield Problem(event.path, "approvals", what)
    if event.uid not in records.versions:
        yield Problem(event.path, "missing", "the version that it promotes is not here")


def _approval(records: ModelRecords, event: Record, rules: StageRules) -> Iterator[Problem]:
    by = clean(event.address or "nobody known")
    if event.text("verdict") != "approve":
        return
    version = records.versions.get(event.uid)
    if version is None:
        yield Problem(event.path, "missing", "the version that it approves is not here")
    elif event.person == version.person:
        yield Problem(event.path, "author", f"{by} is the author of the version: somebody else has to approve it")
    stage = event.text("stage").lower()
    promoters = {each.person for each in records.about(event.uid, "stage") if each.text("stage").lower() == stage}
    if promoters == {event.person}:
        yield Problem(event.path, "author", f"{by} promoted the version: somebody else has to approve it")
    if not is_among(event.address, rules.approvers):
        allowed = ", ".join(rules.approvers or ())
        yield Problem(event.path, "approvers", f"{by} may not approve {records.name}: {allowed} may")


def _wrong_pins(records: ModelRecords, event: Record, pins: Pins) -> Iterator[Problem]:
    """Yield what is not as it was when the event was made: the version's file, its run's run.yaml."""
    pinned = event.body.get("pins")
    version = records.versions.get(event.uid)
    if not isinstance(pinned, Mapping) or version is None:
        return
    if pinned.get("version") not in (None, sha256_of(version.data)):
        yield Problem(
            version.path, "altered", f"it is not the file that {event.name} by {clean(event.address)} is about"
        )
    run_id = version.text("run")
    data = pins.run(run_id) if run_id else None
    if data is not None and pinned.get("run") not in (None, sha256_of(data)):
        path = f"runs/{run_id[:2]}/{run_id}/run.yaml"
        yield Problem(path, "altered", f"it is not the run.yaml that {event.name} by {clean(event.address)} is about")
