"""The tab of lineage: what the run was made from, what was made from it, its parent and its children."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gtrack._app.panels import last_event, panels
from gtrack._app.parts import empty_state, remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.lineage_figure import lineage_figure
from gtrack._app.screens.run.subject import Subject
from gtrack._app.steps import go_to, go_to_run
from gtrack.display.words import ago, plural
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.index.fields import Field
from gtrack.index.filter import Compare, In, Prefix
from gtrack.index.query import Query
from gtrack.model.state import RunState
from gtrack.model.uses import Edge
from gtrack.ops.lineage import Lineage, lineage
from gtrack.ops.view import View

__all__ = ["lineage_tab"]

_LISTED = 100
_FAMILY = 50
_KEY = "run.lineage"


def lineage_tab(subject: Subject) -> None:
    """Show the tab."""
    found = subject.now.kept("lineage", subject.id, lambda: lineage(View(subject.now.repo.repository), subject.id))
    if found.edges:
        if not subject.link["plain"]:
            panels([lineage_figure(found)], key=_KEY, columns=1, events=("click",), on_event=_clicked)
        made_of = [edge for edge in found.edges if edge.user == subject.id]
        used_by = [edge for edge in found.edges if edge.run == subject.id]
        _edges("Made from", made_of, found, up=True)
        _edges("Used by", used_by, found, up=False)
        remark("gtrack.use_artifact draws these lines; gtrack artifact lineage shows the whole way.")
    family = _family(subject)
    if not found.edges and not family:
        commands = ['path = run.use_artifact("RUN/model.pkl")     # fetch it, and record that it was used']
        text = "What a run takes from another run's artifacts is recorded, and shown here as a graph."
        empty_state("No lineage", text, commands, language="python")


def _clicked() -> None:
    event = last_event(_KEY)
    if event is not None and event.ids:
        go_to_run(event.ids[0])


def _edges(title: str, edges: Sequence[Edge], found: Lineage, *, up: bool) -> None:
    if not edges:
        return
    st.subheader(f"{title} ({len(edges):,})", anchor=False)
    for number, edge in enumerate(edges[:_LISTED]):
        other = edge.run if up else edge.user
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _run_button(other, found.states.get(other), f"{_KEY}.{title}.{number}")
            digest = f" · sha256 {edge.digest[:12]}" if edge.digest else ""
            st.caption(markdown(cell(edge.path, 160) + digest), width="content")
    if len(edges) > _LISTED:
        remark(f"and {len(edges) - _LISTED:,} more")


def _run_button(run_id: str, state: RunState | None, key: str) -> None:
    name = f"{cell(state.name, 60)} · {run_id[:SHORT]}" if state is not None else f"{run_id[:SHORT]} (not here)"
    st.button(
        markdown(name),
        type="tertiary",
        icon=":material/arrow_outward:",
        disabled=state is None,
        on_click=go_to_run,
        args=(run_id,),
        key=key,
    )


def _family(subject: Subject) -> bool:
    """Show the parent, the children and the group; False where there are none."""
    now, state = subject.now, subject.run.state
    parent = _parent(subject)
    query = Query(In(Field("attributes", "parent"), (Prefix(state.id),)), limit=_FAMILY)
    children = now.kept("children", state.id, lambda: (now.repo.find(query).total, _states(subject, query)))
    if parent is not None or state.parent:
        st.subheader("Parent", anchor=False)
        _run_button(state.parent or "", parent, f"{_KEY}.parent")
    if children[0]:
        st.subheader(f"Children ({children[0]:,})", anchor=False)
        for child in children[1]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _run_button(child.id, child, f"{_KEY}.child.{child.id}")
                st.caption(f"{markdown(child.status, 30)} · {ago(child.started, now.now_us)}", width="content")
    if state.group:
        where = str(Compare(Field("attributes", "group"), "=", state.group))
        st.subheader("Group", anchor=False)
        label = f"All runs of the group {cell(state.group, 60)}"
        st.button(
            markdown(label), type="tertiary", on_click=go_to, args=("runs", {"where": where}), key=f"{_KEY}.group"
        )
    if children[0] > _FAMILY:
        remark(f"{plural(children[0] - _FAMILY, 'child')} more are not listed.".replace("childs", "children"))
    return bool(state.parent or children[0] or state.group)


def _parent(subject: Subject) -> RunState | None:
    parent = subject.run.state.parent
    if not parent:
        return None
    try:
        return subject.now.repo.run(f"run:{parent}").state
    except GtrackError:
        return None


def _states(subject: Subject, query: Query) -> list[RunState]:
    return [run.state for run in subject.now.repo.find(query)]
