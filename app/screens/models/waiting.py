"""What a model waits for, before all else: promotions to approve, and what two clones changed at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pyarrow as pa
import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.acting import act, field, say_wrong, typed_in
from gtrack._app.screens.models.subject import Subject, typed
from gtrack._app.screens.models.verdict import judged, show_verdict
from gtrack.branch.repository import Repository
from gtrack.display.model_waiting import Waiting, waiting
from gtrack.display.model_words import conflict_todo, conflict_words, named, pending_words, quoted, who
from gtrack.display.words import ago
from gtrack.model.registered import Promotion, Version
from gtrack.model.registry_conflicts import Choice, Conflict
from gtrack.model.registry_events import person
from gtrack.ops.model_events import remove_alias, set_alias
from gtrack.ops.model_stages import approve, reject
from gtrack.ops.model_writing import Changed
from gtrack.ops.policy_models import judge_approval

__all__ = ["command", "show_waiting", "waiting_table"]

_MOST = 20


def command(text: str) -> str:
    """Return something to type as Markdown.

    Example:
        >>> command("gtrack push")
        '`gtrack push`'
    """
    line = cell(text, 400)
    return f"`{line}`" if line and "`" not in line else markdown(text, 400)


def waiting_table(found: Sequence[Waiting]) -> None:
    """Show what waits, each with what to type; nothing where nothing does."""
    if not found:
        return
    columns = {
        "what waits": [markdown(each.text) for each in found[:_MOST]],
        "what to type": [command(each.todo) for each in found[:_MOST]],
    }
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    st.table(table, border="horizontal", hide_index=True, alt="What waits")
    if len(found) > _MOST:
        remark(f"and {len(found) - _MOST:,} more")


def show_waiting(subject: Subject) -> None:
    """Show what the model waits for, with the forms that decide it."""
    state = subject.state
    for promotion in state.pending[:_MOST]:
        version = state.version(promotion.uid)
        if version is not None:
            with st.container(border=True):
                _pending(subject, promotion, version)
    for conflict in state.conflicts[:_MOST]:
        with st.container(border=True):
            _conflict(subject, conflict)
    shared = subject.now.repo.repository.remote is not None
    waiting_table([each for each in waiting([state], shared=shared) if each.kind not in ("approval", "conflict")])
    for text in state.problems[:_MOST]:
        remark(text)


def _pending(subject: Subject, promotion: Promotion, version: Version) -> None:
    """Show a promotion that waits, what the policy lets one say to it, and the buttons that say so."""
    state, now = subject.state, subject.now
    st.markdown(f":orange[:material/hourglass_top:] **{markdown(pending_words(state, promotion))}**")
    why = f' · "{markdown(promotion.reason, 300)}"' if promotion.reason else ""
    st.caption(f"{ago(promotion.time, now.now_us)}{why}")
    todo = command(f"gtrack model approve {quoted(version.name)} {promotion.stage.lower()}")
    if now.read_only:
        st.caption(f"To approve it: {todo}")
        return
    judgement = judged(lambda: judge_approval(now.repo.repository, state, version, promotion.stage, subject.by))
    show_verdict(judgement, f"{who(subject.by)} to decide it", approvals=False)
    place = f"approve.{version.uid}.{promotion.stage}"
    own = person(promotion.author) == person(subject.by)
    if not judgement.passed and not own:
        st.caption(f"Somebody else approves it here, or types {todo}")
        return
    sure = _reason(place, promotion.stage, ask=judgement.passed)
    with st.container(horizontal=True):
        st.button(
            f"Approve {named(state, version.uid)}",
            type="primary",
            icon=":material/how_to_reg:",
            disabled=not judgement.passed or not sure,
            on_click=_decide,
            args=(subject.path, place, version, promotion.stage, True),
            key=field(place, "approve"),
        )
        st.button(
            "Take it back" if own else "Reject",
            icon=":material/block:",
            on_click=_decide,
            args=(subject.path, place, version, promotion.stage, False),
            key=field(place, "reject"),
        )
    say_wrong(place)


def _reason(place: str, stage: str, *, ask: bool) -> bool:
    """Ask why, and whether one is sure where it leads to production."""
    st.text_input("Why", key=field(place, "reason"), max_chars=500, placeholder="a week in shadow without alarms")
    if stage != "Production" or not ask:
        return True
    return st.checkbox("I am sure: this leads to Production", key=field(place, "sure"))


def _decide(path: str, place: str, version: Version, stage: str, yes: bool) -> None:
    reason = typed_in(place, "reason")

    def do(repository: Repository) -> Changed:
        say = approve if yes else reject
        return say(repository, typed(version), stage, reason=reason)

    act(path, place, do, ("reason", "sure"))


def _conflict(subject: Subject, conflict: Conflict) -> None:
    """Show what two clones disagree about, and what settles it."""
    state = subject.state
    said = markdown(conflict_words(state, conflict))
    st.markdown(f":red[:material/call_split:] **Changed in two clones at the same time** · {said}")
    kind, _, about = conflict.what.partition(" ")
    place = f"settle.{conflict.what}"
    if not subject.now.read_only:
        with st.container(horizontal=True):
            for number, choice in enumerate(_apart(conflict)):
                version = state.version(choice.value) if isinstance(choice.value, str) else None
                key = field(place, str(number))
                if kind == "alias" and (version is not None or choice.value is None):
                    label = f"Let {cell(about, 40)} be {named(state, choice.value)}"
                    args = (subject.path, place, state.name, about, version)
                    st.button(markdown(label), on_click=_settle, args=args, key=key)
                elif version is not None:
                    label = f"Open {named(state, version.uid)} to settle it"
                    st.button(label, on_click=partial(subject.choose, version, "Change"), key=key)
    st.caption(f"To settle it: {command(conflict_todo(state, conflict))}")
    say_wrong(place)


def _settle(path: str, place: str, model: str, alias: str, version: Version | None) -> None:
    reason = "settles what two clones changed at the same time"
    if version is None:
        act(path, place, lambda repository: remove_alias(repository, model, alias, reason=reason))
    else:
        act(path, place, lambda repository: set_alias(repository, model, alias, typed(version), reason=reason))


def _apart(conflict: Conflict) -> list[Choice]:
    """Return the choices of a conflict, each once."""
    return list({str(choice.value): choice for choice in conflict.choices}.values())
