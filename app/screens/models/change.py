"""The tab of what can be done with a version: promote, name by an alias, roll back, note, say where it serves."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.acting import act, field, say_wrong, typed_in
from gtrack._app.screens.models.promoting import promotion_form
from gtrack._app.screens.models.subject import Subject, typed
from gtrack._app.screens.models.verdict import judged, show_verdict
from gtrack.branch.repository import Repository
from gtrack.display.model_words import called, named
from gtrack.errors import UsageError
from gtrack.model.registered import Version
from gtrack.model.registry_rollback import before_alias, before_stage
from gtrack.model.registry_stages import EXCLUSIVE
from gtrack.ops.model_events import deployed, note, remove_alias, set_alias
from gtrack.ops.model_stages import rollback
from gtrack.ops.model_writing import Changed
from gtrack.ops.policy_models import judge_promotion
from gtrack.ops.view import View

__all__ = ["change_tab", "ways_back"]

_USUAL = ("champion", "challenger")


def change_tab(subject: Subject) -> None:
    """Show the forms."""
    version = subject.version
    if version is None:
        remark("There is no version to change.")
        return
    st.caption(f"As {markdown(subject.by, 120)}, on the gtrack branch, for everybody who shares it.")
    left, right = st.columns([3, 2], gap="large")
    with left:
        promotion_form(subject, version)
        _rollback(subject)
    with right:
        _alias(subject, version)
        _note(subject, version)
        _deployed(subject, version)


def ways_back(subject: Subject) -> Mapping[str, str]:
    """Return the aliases and stages that can be rolled back, each with the uid that it goes back to."""
    state = subject.state
    found = {alias: before_alias(state, alias) for alias in state.aliases}
    found |= {stage: before_stage(state, stage) for stage in EXCLUSIVE}
    return {what: uid for what, uid in found.items() if uid is not None}


def _alias(subject: Subject, version: Version) -> None:
    state, place = subject.state, f"alias.{version.uid}"
    st.subheader("Alias", anchor=False)
    options = list(dict.fromkeys([*state.aliases, *_USUAL]))

    def label(alias: str) -> str:
        there = state.aliases.get(alias)
        return cell(alias, 60) if there is None else f"{cell(alias, 60)} (is {named(state, there)})"

    st.selectbox(
        "Alias",
        options,
        index=None,
        format_func=label,
        accept_new_options=True,
        placeholder="Choose one, or type a new one",
        key=field(place, "alias"),
        help="Who loads models:/NAME@ALIAS gets the version that it points at then",
    )
    st.text_input("Why", key=field(place, "reason"), max_chars=500, placeholder="beats v2 by 0.4 AUC")
    chosen = str(st.session_state.get(field(place, "alias")) or "")
    with st.container(horizontal=True):
        args = (subject.path, place, state.name, version)
        st.button(
            f"Point it at {called(version)}",
            icon=":material/label:",
            disabled=not chosen,
            on_click=_set_alias,
            args=args,
            key=field(place, "set"),
        )
        st.button(
            "Take it away",
            icon=":material/label_off:",
            disabled=chosen not in state.aliases,
            on_click=_remove_alias,
            args=args,
            key=field(place, "remove"),
        )
    say_wrong(place)


def _set_alias(path: str, place: str, model: str, version: Version) -> None:
    alias, reason = typed_in(place, "alias") or "", typed_in(place, "reason")
    act(path, place, lambda repo: set_alias(repo, model, alias, typed(version), reason=reason), ("reason",))


def _remove_alias(path: str, place: str, model: str, version: Version) -> None:  # noqa: ARG001  # as the other button
    alias, reason = typed_in(place, "alias") or "", typed_in(place, "reason")
    act(path, place, lambda repo: remove_alias(repo, model, alias, reason=reason), ("reason",))


def _rollback(subject: Subject) -> None:
    state, place = subject.state, f"rollback.{subject.state.updated}"
    ways = ways_back(subject)
    st.subheader("Roll back", anchor=False)
    if not ways:
        remark("No alias and no stage had another version before.")
        return

    def label(what: str) -> str:
        return f"{cell(what, 60)}: {_now(subject, what)} → {named(state, ways[what])}"

    what = str(st.selectbox("What", list(ways), format_func=label, key=field(place, "what")) or "")
    passed = True
    if what in EXCLUSIVE and (found := state.version(ways[what])) is not None:
        repository = subject.now.repo.repository
        judgement = judged(
            lambda: judge_promotion(repository, View(repository), state, found, what, subject.by, rollback=True)
        )
        show_verdict(judgement, f"{called(found)} back to {what}")
        passed = judgement.passed
    st.text_input("Why", key=field(place, "reason"), max_chars=500, placeholder="false alarms at night")
    sure = what != "Production" or st.checkbox("I am sure: Production changes at once", key=field(place, "sure"))
    st.button(
        "Roll back",
        icon=":material/undo:",
        disabled=not sure or not passed or not what,
        on_click=_roll,
        args=(subject.path, place, state.name, what, ways.get(what, "")),
        key=field(place, "send"),
    )
    say_wrong(place)


def _roll(path: str, place: str, model: str, what: str, seen: str) -> None:
    reason = typed_in(place, "reason")

    def do(repository: Repository) -> Changed:
        from gtrack.ops.registry import model as read

        state = read(repository, model)
        before = before_stage(state, what) if what in EXCLUSIVE else before_alias(state, what)
        if before != seen:
            raise UsageError(f"{what} was changed meanwhile: it would go back to {named(state, before)} now")
        return rollback(repository, model, what, reason=reason)

    act(path, place, do, ("reason", "sure"))


def _now(subject: Subject, what: str) -> str:
    """Return what an alias points at, or what is in a stage."""
    state = subject.state
    if what in EXCLUSIVE:
        return ", ".join(called(version) for version in state.in_stage(what)) or "no version"
    return named(state, state.aliases.get(what))


def _note(subject: Subject, version: Version) -> None:
    place = f"note.{version.uid}"
    st.subheader("Note", anchor=False)
    with st.form(f"models.form.{place}", border=False):
        key = field(place, "text")
        st.text_area("Remark", key=key, max_chars=10_000, height=80, placeholder="drifts on customers of one month")
        send = f"Note on {called(version)}"
        args = (subject.path, place, version)
        st.form_submit_button(send, icon=":material/add_comment:", on_click=_add_note, args=args)
    say_wrong(place)


def _add_note(path: str, place: str, version: Version) -> None:
    text = typed_in(place, "text") or ""
    act(path, place, lambda repository: note(repository, typed(version), text), ("text",))


def _deployed(subject: Subject, version: Version) -> None:
    place = f"deployed.{version.uid}"
    st.subheader("Deployed", anchor=False)
    with st.form(f"models.form.{place}", border=False):
        st.text_input(
            "Where", key=field(place, "endpoint"), max_chars=500, placeholder="https://api.example.org/churn",
            help="A URL, or any name of the place. Nothing is deployed by it",
        )  # fmt: skip
        st.text_input("Why", key=field(place, "reason"), max_chars=500)
        send = f"Record that {called(version)} serves there"
        args = (subject.path, place, version)
        st.form_submit_button(send, icon=":material/cloud_done:", on_click=_deploy, args=args)
    say_wrong(place)


def _deploy(path: str, place: str, version: Version) -> None:
    endpoint, reason = typed_in(place, "endpoint") or "", typed_in(place, "reason")

    def do(repository: Repository) -> Changed:
        return deployed(repository, typed(version), endpoint, reason=reason)

    act(path, place, do, ("endpoint", "reason"))
