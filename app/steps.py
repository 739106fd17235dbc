"""Going from page to page."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

__all__ = ["go_to", "go_to_run", "take_steps"]

_NEXT = "next page"


def go_to(page: str, parameters: Mapping[str, str | list[str]] | None = None) -> None:
    """Go to a page, from within a callback: once the callbacks are done.

    Args:
        page: Its name.
        parameters: What its address says.
    """
    st.session_state[_NEXT] = (page, dict(parameters or {}))


def go_to_run(run_id: str) -> None:
    """Go to the page of a run, from within a callback."""
    go_to("run", {"id": run_id})


def take_steps() -> None:
    """Go where a callback wanted to go."""
    wanted = st.session_state.pop(_NEXT, None)
    if wanted is not None:
        page, parameters = wanted
        st.switch_page(st.session_state["pages"][page], query_params=parameters)
