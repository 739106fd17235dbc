"""Which run the page is about: any selector in the address, a box to search, and the one before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from gtrack._app.asking import Asked, ask
from gtrack._app.link import Link
from gtrack._app.parts import problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell
from gtrack.display.words import ago
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.index.query import Query
from gtrack.model.state import RunState
from gtrack.reader import RecordedRun

__all__ = ["chosen_run", "neighbours", "picker"]

_OFFERED = 300
_KEY = "run.pick"


def chosen_run(now: Reading, link: Link) -> RecordedRun | None:
    """Return the run that the address names; else the newest of the filter, or of all; None where there is no run.

    Raises:
        GtrackError: The address names none, or several.
    """
    if link["id"]:
        return now.repo.run(link["id"])
    asked = replace(_asked(link).query, limit=1)
    return next((run for query in (asked, Query(limit=1)) for run in now.repo.find(query)), None)


def picker(now: Reading, link: Link, run: RunState | None) -> None:
    """Show a box that searches the runs of the filter, and steps through them.

    Args:
        now: The repository.
        link: The page's settings.
        run: The run that is shown; None where the address names none.
    """
    asked = _asked(link)
    listed = now.kept("picker", asked.key, lambda: [one.state for one in _found(now, asked)])
    states = {state.id: state for state in ([run] if run is not None else []) + listed}
    with st.container(horizontal=True, vertical_alignment="center"):
        _box(now, link, run, states)
        before, after = neighbours(_ids(now, asked), run.id) if run is not None else ("", "")
        for label, icon, target in (
            ("Newer", ":material/chevron_left:", after),
            ("Older", ":material/chevron_right:", before),
        ):
            st.button(label, icon=icon, disabled=not target, on_click=_go, args=(link, target), key=f"run.{label}")
    if asked.where or asked.query.experiments or asked.query.statuses:
        with st.container(horizontal=True, vertical_alignment="center"):
            remark(f"Of the runs that match the filter: {len(_ids(now, asked)):,}")
            st.button("All runs", type="tertiary", on_click=_unfiltered, args=(link,), key="run.unfiltered")


def neighbours(ids: Sequence[str], run_id: str) -> tuple[str, str]:
    """Return the run before one and the run after it, of runs of which the newest are first.

    Example:
        >>> neighbours(["c", "b", "a"], "b")
        ('a', 'c')
    """
    if run_id not in ids:
        return (ids[0], "") if ids else ("", "")
    at = ids.index(run_id)
    return ids[at + 1] if at + 1 < len(ids) else "", ids[at - 1] if at else ""


def _box(now: Reading, link: Link, run: RunState | None, states: dict[str, RunState]) -> None:
    def label(run_id: str) -> str:
        state = states.get(run_id)
        if state is None:
            return cell(run_id, 80)
        return (
            f"{cell(state.name, 60)} · {state.id[:SHORT]} · {cell(state.status, 20)} · {ago(state.started, now.now_us)}"
        )

    st.session_state[_KEY] = run.id if run is not None else None
    st.selectbox(
        "Run",
        list(states),
        format_func=label,
        key=_KEY,
        on_change=lambda: _go(link, st.session_state[_KEY] or ""),
        placeholder="Search, or type a name, an id, last~2, a revision",
        accept_new_options=True,
        label_visibility="collapsed",
        width="stretch",
    )


def _go(link: Link, run_id: str) -> None:
    # What was chosen of one run's files means nothing of another's.
    link.put(id=run_id, folder="", file="", source="", sourcefolder="", step="")


def _unfiltered(link: Link) -> None:
    link.put(where="", experiment=(), status=())


def _asked(link: Link) -> Asked:
    try:
        return ask(link)
    except GtrackError as error:
        problem(error)
        return Asked(Query(), valid=False)


def _found(now: Reading, asked: Asked) -> Sequence[RecordedRun]:
    try:
        return now.repo.find(Query(asked.query.where, asked.query.experiments, asked.query.statuses, limit=_OFFERED))
    except GtrackError:  # a revision that is not here; the page of runs says so
        return ()


def _ids(now: Reading, asked: Asked) -> list[str]:
    """Return the ids of the runs that match, the newest first."""

    def answer() -> list[str]:
        try:
            return [str(line[1]) for line in now.repo.facts(asked.query).lines()]
        except GtrackError:
            return []

    return now.kept("picker ids", asked.key, answer)
