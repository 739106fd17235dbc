"""The head of a page: its title, the same as code, and saving what it shows as a view for the team."""

from __future__ import annotations

import streamlit as st

from gtrack._app.link import Link
from gtrack._app.parts import as_code
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.views import save_form

__all__ = ["header"]


def header(now: Reading, title: str, link: Link | None = None, cli: str = "", python: str = "") -> None:
    """Show the head of a page.

    Args:
        now: The repository.
        title: What the page is.
        link: Its settings; None for a page that has none to save.
        cli: The same in the command line.
        python: The same in Python.
    """
    view = st.query_params.get("view", "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(f"{title} · {markdown(cell(view, 60))}" if view else title, anchor=False, width="stretch")
        if cli or python:
            as_code(cli, python)
        if link is not None:
            save_form(now, link)
    if link is not None and link.is_long:
        st.caption(":material/link_off: Too much for a link. Save it as a view to share it.")
