"""The page of health: what is shared, what waits, what is kept, and whether all of it is sound."""

from __future__ import annotations

from functools import partial

import streamlit as st

from gtrack._app.header import header
from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.screens.health.checks import machine, soundness
from gtrack._app.screens.health.collection import collection
from gtrack._app.screens.health.runs import unsettled
from gtrack._app.screens.health.sharing import sharing
from gtrack._app.screens.health.storage import sizes, store

__all__ = ["page"]

_WIDTH = 1100
_CLI = "gtrack status\ngtrack store status\ngtrack doctor\ngtrack fsck\ngtrack gc"
_PYTHON = """import gtrack
from gtrack.ops.doctor import examine
from gtrack.ops.fsck import check
from gtrack.ops.gc import gather
from gtrack.ops.sharing_state import sharing_state

with gtrack.Repo(".") as repo:
    repo.recover()
    sharing_state(repo.repository, tuple(repo.recovered.failed))
    examine(".", repo.env)
    check(repo).findings
    gather(repo).plan"""


def page(now: Reading) -> None:
    """Show how the repository is."""
    Link("health", {})  # which carries what the other pages share
    header(now, "Health", None, _CLI, _PYTHON)
    with st.container(width=_WIDTH, gap="large"):
        for part in (sharing, partial(unsettled, now), store, sizes, soundness, collection, partial(machine, now)):
            with st.container():
                part()
