"""The form that brings a version into a stage, with what the policy says of it before the click."""

from __future__ import annotations

import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.safe import markdown
from gtrack._app.screens.models.acting import act, field, say_wrong, typed_in
from gtrack._app.screens.models.subject import Subject, typed
from gtrack._app.screens.models.verdict import judged, show_verdict
from gtrack.branch.repository import Repository
from gtrack.display.model_words import called, people
from gtrack.model.policy import Judgement
from gtrack.model.registered import Version
from gtrack.model.registry_stages import EXCLUSIVE
from gtrack.ops.model_stages import promote
from gtrack.ops.model_writing import Changed
from gtrack.ops.policy_models import judge_promotion
from gtrack.ops.view import View

__all__ = ["promotion_form"]

_STAGES = ("Staging", "Production", "Archived", "None")
_NEXT = {"None": "Staging", "Staging": "Production", "Production": "Archived", "Archived": "Staging"}


def promotion_form(subject: Subject, version: Version) -> None:
    """Show the form; while nothing stands against it, or a reason is given to pass the policy over, it can be sent."""
    place = f"promote.{version.uid}"
    st.subheader(f"Promote {called(version)}", anchor=False)
    # As its key has the stage that the version is in, another is proposed once it has come into this one.
    stage = st.segmented_control(
        "Stage",
        _STAGES,
        default=_NEXT.get(version.stage, "Staging"),
        required=True,
        key=field(place, f"stage.{version.stage}"),
    )
    stage = str(stage or "Staging")
    if _is_there(subject, version, stage):
        say_wrong(place)
        return
    judgement = _judgement(subject, version, stage)
    show_verdict(judgement, f"{called(version)} to {stage}")
    others = [each for each in subject.state.in_stage(stage) if each.uid != version.uid] if stage in EXCLUSIVE else []
    st.text_input("Why", key=field(place, "reason"), max_chars=500, placeholder="beats v2 by 0.4 AUC in shadow")
    keep = bool(others) and st.toggle(
        f"{markdown(_names(others), 120)} stays in {stage}",
        key=field(place, "keep"),
        help="Otherwise it is archived by the same event",
    )
    if others and not keep:
        remark(f"{_names(others)} makes room: archived once {called(version)} is in {stage}.")
    bypassed = _bypass(place, judgement)
    sure = stage != "Production" or st.checkbox(
        f"I am sure: {called(version)} into Production", key=field(place, "sure")
    )
    asks = bool(judgement.needs) and not bypassed
    st.button(
        f"Ask for {stage}" if asks else f"Promote to {stage}",
        type="primary",
        icon=":material/arrow_upward:",
        disabled=not sure or (not judgement.passed and not bypassed),
        on_click=_promote,
        args=(subject.path, place, version, stage),
        key=field(place, "send"),
    )
    say_wrong(place)


def _judgement(subject: Subject, version: Version, stage: str) -> Judgement:
    repository = subject.now.repo.repository
    return judged(lambda: judge_promotion(repository, View(repository), subject.state, version, stage, subject.by))


def _is_there(subject: Subject, version: Version, stage: str) -> bool:
    """Say that a version is in a stage already, or waits to be; False where there is something to do."""
    state, waiting = subject.state, version.pending
    if waiting is not None and waiting.stage == stage:
        remark(f"{called(version)} waits to come into {stage}: see above.")
        return True
    others = stage in EXCLUSIVE and len(state.in_stage(stage)) > 1
    disputed = state.conflict(f"stage {stage}") or state.conflict(f"version {version.uid[:7]}")
    if version.stage != stage or waiting is not None or others or disputed is not None:
        return False
    remark(f"{called(version)} is in {stage} already." if stage != "None" else f"{called(version)} is in no stage.")
    return True


def _bypass(place: str, judgement: Judgement) -> bool:
    """Offer to pass the policy over where it stands in the way; True where a reason was given."""
    if judgement.passed and not judgement.needs:
        return False
    with st.expander("Pass the policy over", icon=":material/warning:"):
        st.caption("It is recorded with your name and the rules that were not kept, and everybody sees it.")
        reason = st.text_input(
            "Because", key=field(place, "bypass"), max_chars=500, placeholder="hotfix for the outage"
        )
    return bool(str(reason or "").strip())


def _promote(path: str, place: str, version: Version, stage: str) -> None:
    reason, bypass = typed_in(place, "reason"), typed_in(place, "bypass")
    keep = bool(st.session_state.get(field(place, "keep")))

    def do(repository: Repository) -> Changed:
        return promote(repository, typed(version), stage, reason=reason, keep=keep, bypass=bypass)

    act(path, place, do, ("reason", "bypass", "keep", "sure"))


def _names(versions: list[Version]) -> str:
    return people([called(version) for version in versions])
