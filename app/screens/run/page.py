"""The page of one run: what changed against the baseline first, then all that is known of it, a tab for each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from gtrack._app.asking import overview
from gtrack._app.header import header
from gtrack._app.link import Link, saved_settings
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading, reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.acting import say
from gtrack._app.screens.run.artifacts import artifacts_tab
from gtrack._app.screens.run.as_code import same_as_code
from gtrack._app.screens.run.choosing import chosen_run, picker
from gtrack._app.screens.run.code import code_tab
from gtrack._app.screens.run.console import console_tab
from gtrack._app.screens.run.curves import curves_tab
from gtrack._app.screens.run.data import data_tab
from gtrack._app.screens.run.environment import environment_tab
from gtrack._app.screens.run.head import head
from gtrack._app.screens.run.lineage import lineage_tab
from gtrack._app.screens.run.machine import machine_tab
from gtrack._app.screens.run.notes import history_tab, notes_tab
from gtrack._app.screens.run.overview import overview_tab
from gtrack._app.screens.run.settings import DEFAULTS, TABS, TICK
from gtrack._app.screens.run.subject import Subject
from gtrack._app.steps import part
from gtrack._app.watching import watch
from gtrack.errors import GtrackError
from gtrack.ids import SHORT

__all__ = ["page"]

_SHOW: Mapping[str, Callable[[Subject], None]] = {
    "Overview": overview_tab,
    "Charts": curves_tab,
    "System": machine_tab,
    "Console": console_tab,
    "Artifacts": artifacts_tab,
    "Code": code_tab,
    "Data": data_tab,
    "Environment": environment_tab,
    "Lineage": lineage_tab,
    "History": history_tab,
    "Notes": notes_tab,
}
_ALIVE = frozenset({"Overview", "Charts", "System", "Console"})
"""What moves while a run is live, and is drawn anew as often as one looks."""
_WELCOME = (
    "gtrack run -p lr=0.1 -- python train.py --lr {lr}     # record a run of any program",
    "gtrack demo                                            # or look at runs that are there",
)


def page(now: Reading) -> None:
    """Show the run that the address names."""
    saved, trouble = saved_settings(now.repo, "run")
    link = Link("run", DEFAULTS, saved)
    if link["tab"] not in TABS:
        link.put(tab=TABS[0])
    try:
        run, wrong = chosen_run(now, link), None
    except GtrackError as error:
        run, wrong = None, error
    if run is None and wrong is None:
        header(now, "Run")
        empty_state("No runs yet", "Record the first one in this repository, and its page is here.", _WELCOME)
        return
    if trouble:
        problem(trouble)
    for text in link.problems:
        remark(text)
    if run is None:
        header(now, "Run", link)
        problem(wrong or "There is no such run.")
        if overview(now).total:
            picker(now, link, None)
        return
    subject = Subject(now, link, run)
    reference = subject.reference[0].id[:SHORT] if subject.reference is not None else ""
    settings = {name: link[name] for name in DEFAULTS}
    header(now, markdown(cell(run.name, 80)), link, *same_as_code(link["tab"], run.id[:SHORT], settings, reference))
    picker(now, link, run.state)
    live = run.state.live
    part(TICK if live else None)(_top)(link, run.id)
    tabs = st.tabs(list(TABS), **link.widget("tab"))
    with tabs[TABS.index(link["tab"])]:
        part(TICK if live and link["tab"] in _ALIVE else None)(_tab)(link, run.id)
    st.toggle("As HTML tables", help="For screen readers", **link.widget("plain"))
    watch(now)


def _top(link: Link, run_id: str) -> None:
    """Show the head; the page begins anew when the run was edited or has ended."""
    with reading() as now:
        subject = Subject.read(now, link, run_id)
        key = "run.seen"
        seen = subject.id, len(subject.run.documents), subject.run.state.live, subject.run.name
        before = st.session_state.get(key)
        st.session_state[key] = seen
        if before is not None and before[0] == subject.id and before != seen:
            st.rerun()
        head(subject)
        say()


def _tab(link: Link, run_id: str) -> None:
    """Show the tab that is open; the others read nothing."""
    with reading() as now:
        _SHOW[link["tab"]](Subject.read(now, link, run_id))
        say()
