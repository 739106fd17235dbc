"""Looking again and again whether a page has anything new to show."""

from __future__ import annotations

import streamlit as st

from gtrack._app.reading import Reading, reading
from gtrack._app.steps import part
from gtrack.errors import GtrackError
from gtrack.ops.trees import visible_tips

__all__ = ["watch"]

_EVERY = 3.0
"""Seconds between looks."""


def watch(now: Reading, *, live: bool = False) -> None:
    """Run the page again once something was recorded, here or by a fetch.

    Args:
        now: The repository as it is shown.
        live: Also when a live run has logged something.
    """
    _look(_mark(now, live), live)


@part(every=_EVERY)
def _look(shown: str, live: bool) -> None:
    try:
        with reading() as now:
            changed = _mark(now, live) != shown
    except GtrackError:
        changed = True  # the page says what is wrong
    if changed:
        st.rerun()


def _mark(now: Reading, live: bool) -> str:
    return now.mark if live else " ".join(tip.oid for tip in visible_tips(now.repo.repository))
