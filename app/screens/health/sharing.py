"""Where this clone and the remote of the team stand, what waits, and bringing them together."""

from __future__ import annotations

import streamlit as st

from gtrack._app.reading import Reading, reading
from gtrack._app.safe import markdown
from gtrack._app.screens.health.parts import act, say, typed_table
from gtrack._app.screens.health.push import show_push
from gtrack._app.steps import part
from gtrack.display.exchange import pull_remarks, pulled
from gtrack.display.sharing import sharing_head, sharing_lines
from gtrack.ops.pull import pull
from gtrack.ops.sharing_state import SharingState, sharing_state
from gtrack.reader import Repo

__all__ = ["sharing", "sharing_of"]

_TICK = 10.0
"""Seconds between looks at what waits."""
_FRESH_US = 5_000_000
_PULL = "health.pull"


def sharing_of(now: Reading) -> SharingState:
    """Return where this clone stands. Nobody is asked: it is as of the last fetch."""
    unrecorded = tuple(now.repo.recovered.failed)
    # Files come to wait, and fetches are made, without any run changing.
    asked = (unrecorded, now.now_us // _FRESH_US)
    return now.kept("sharing", asked, lambda: sharing_state(now.repo.repository, unrecorded))


@part(every=_TICK)
def sharing() -> None:
    """Show what is not shared yet and what needs a decision, and offer to fetch and to push."""
    with reading() as now:
        _sharing(now)


def _sharing(now: Reading) -> None:
    state = sharing_of(now)
    st.subheader("Sharing", anchor=False)
    fetches = pushes = False
    with st.container(horizontal=True, vertical_alignment="center"):
        icon = "cloud_off" if state.remote is None else "cloud_sync"
        st.markdown(f":material/{icon}: {markdown(sharing_head(state, now.now_us))}", width="stretch")
        if state.remote is not None and not now.read_only:
            fetches = st.button("Fetch", icon=":material/cloud_download:", help="gtrack pull", key="health.fetch")
            pushes = st.button("Push", icon=":material/cloud_upload:", help="gtrack push", key="health.send")
    if fetches:
        act(_PULL, _pull, "Asking the remote, and fetching what is new. This may take a minute.")
    if not now.read_only:
        say(_PULL, now.now_us)
        show_push(now, button=pushes)
    lines = sharing_lines(state, now.now_us)
    if lines:
        table = typed_table(lines, "what waits", "what to type")
        st.table(table, border="horizontal", hide_index=True, alt="What waits")
    else:
        st.caption(":material/check: Nothing to push, nothing to decide.")


def _pull(repo: Repo) -> list[str]:
    done = pull(repo.repository)
    return [pulled(done), *pull_remarks(done)]
