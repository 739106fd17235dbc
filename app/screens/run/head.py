"""The head of the page: what the run is, how far it has come, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from gtrack._app.bulk import read_tags
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.acting import act_on
from gtrack._app.screens.run.standing import policy_badge, versions
from gtrack._app.screens.run.subject import Subject
from gtrack._app.steps import go_to
from gtrack.display.words import ago, duration, instant, value_text
from gtrack.model.state import RunState
from gtrack.reader import RecordedRun, Repo

__all__ = ["facts_line", "head", "status_badge"]

_LOOKS = {
    "running": ("blue", ":material/play_circle:"),
    "lost": ("orange", ":material/help:"),
    "finished": ("green", ":material/check_circle:"),
    "failed": ("red", ":material/error:"),
    "killed": ("red", ":material/cancel:"),
    "preempted": ("orange", ":material/pause_circle:"),
}
_MOST_TAGS = 12


def head(subject: Subject) -> None:
    """Show what the run is, in two lines, and the actions."""
    state = subject.state
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status_badge(state)
        if state.live:
            st.badge("live", icon=":material/sensors:", color="blue")
        if state.deleted:
            st.badge("archived", icon=":material/archive:", color="gray")
        policy_badge(state)
        st.badge(markdown(state.experiment, 60), icon=":material/science:", color="gray", help="Experiment")
        for key, value in list(state.tags.items())[:_MOST_TAGS]:
            st.badge(markdown(_tag(key, value)), icon=":material/label:", color="violet")
        if len(state.tags) > _MOST_TAGS:
            st.caption(f"and {len(state.tags) - _MOST_TAGS:,} more tags", width="content")
    st.caption(" · ".join(markdown(fact) for fact in facts_line(state, subject.now.now_us)))
    versions(subject)
    _actions(subject)


def status_badge(state: RunState) -> None:
    """Show a run's status with its mark."""
    colour, icon = _LOOKS.get(state.status, ("gray", ":material/help:"))
    st.badge(state.status if state.status in _LOOKS else markdown(state.status, 30), icon=icon, color=colour)  # type: ignore[arg-type]  # one of Streamlit's colours


def facts_line(state: RunState, now_us: int) -> list[str]:
    """Return who ran it, when, and how long."""
    facts = [f"by {cell(state.author.partition(' <')[0], 60)}"] if state.author else []
    if state.started is not None:
        facts.append(f"started {instant(state.started)}, {ago(state.started, now_us)}")
    if state.duration is not None:
        facts.append(("for " if state.ended is not None else "so far ") + duration(state.duration))
    if state.status in ("running", "lost") and state.last_heard is not None:
        facts.append(f"last heard of {ago(state.last_heard, now_us)}")
    return facts + ([f"group {cell(state.group, 60)}"] if state.group else [])


def _tag(key: str, value: object) -> str:
    return cell(key, 40) if value is True else f"{cell(key, 40)}={cell(value_text(value), 40)}"


def _actions(subject: Subject) -> None:
    state, reference = subject.state, subject.reference
    with st.container(horizontal=True, vertical_alignment="center"):
        ids = [reference[0].id, state.id] if reference is not None else []
        st.button(
            f"Compare with {reference[1]}" if reference is not None else "Compare",
            icon=":material/compare_arrows:",
            disabled=not ids,
            on_click=go_to,
            args=("compare", {"runs": ids}),
            key="run.compare",
        )
        st.code(subject.id[:12], language=None, width="content")
        if subject.now.read_only:
            return
        _rename(subject)
        _tags(subject)
        _archive(subject)


def _rename(subject: Subject) -> None:
    from gtrack.ops.edit import rename

    with st.popover("Rename", icon=":material/edit:"):
        name = st.text_input("Name", subject.state.name, max_chars=200, key=f"run.name.{subject.id}")
        done = f"Renamed to {cell(name, 60)}."

        def do(repo: Repo, run: RecordedRun) -> None:
            rename(repo, run, name.strip())
            subject.link.put(id=run.id)  # the address may have had the name

        args = (subject.path, subject.id, do, done)
        ready = bool(name.strip()) and name.strip() != subject.state.name
        st.button("Rename", type="primary", disabled=not ready, on_click=act_on, args=args, key="run.rename")


def _tags(subject: Subject) -> None:
    from gtrack.ops.edit import tag

    with st.popover("Tag", icon=":material/label:"):
        text = st.text_input("Tags", placeholder="stage=candidate, old-", key=f"run.tags.{subject.id}")
        st.caption("key=value sets a tag, key- takes it away; several are separated by commas.")
        args = (subject.path, subject.id, lambda repo, run: tag(repo, [run], read_tags(text)), "Tagged.")
        ready = bool(text.strip())
        st.button("Set", type="primary", disabled=not ready, on_click=act_on, args=args, key="run.tag")


def _archive(subject: Subject) -> None:
    from gtrack.ops.edit import delete, restore

    if subject.state.deleted:
        args = (subject.path, subject.id, lambda repo, run: restore(repo, [run]), "Restored.")
        st.button("Restore", icon=":material/unarchive:", on_click=act_on, args=args, key="run.restore")
        return
    with st.popover("Archive", icon=":material/archive:"):
        st.markdown("Hide this run from every list of the team. It can be restored.")
        reason = st.text_input("Why", key=f"run.reason.{subject.id}")
        done = "Archived; Restore brings it back."
        args = (subject.path, subject.id, lambda repo, run: delete(repo, [run], reason.strip() or None), done)
        st.button("Archive", type="primary", on_click=act_on, args=args, key="run.archive")
