"""Saved views: what a page shows under a name, for the whole team."""

from __future__ import annotations

import streamlit as st

from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack.errors import GtrackError
from gtrack.reader import Repo

__all__ = ["save_form", "views_list"]


def save_form(now: Reading, link: Link) -> None:
    """Offer to save what the page shows, to open what was saved, and to go back to the beginning."""
    with st.popover("View", icon=":material/bookmark:", help="Save what this page shows, or open what was saved"):
        views_list(now, link.page)
        st.button("Start over", on_click=link.forget, icon=":material/restart_alt:")
        if now.read_only:
            st.caption("This dashboard is read only: views cannot be saved.")
            return
        key = f"{link.page}.view"
        name = st.text_input("Name", key=f"{key}.name", max_chars=100, placeholder="best of churn")
        description = st.text_input("What it is for", key=f"{key}.description", max_chars=500)
        ready = bool(name.strip())
        args = (now.repo.root or now.repo.git_dir, link, name.strip(), description)
        st.button("Save for the team", type="primary", disabled=not ready, on_click=_save, args=args, key=f"{key}.save")
        if message := st.session_state.pop(f"{key}.message", ""):
            st.caption(markdown(message))


def views_list(now: Reading, page: str) -> None:
    """Show the saved views of a page, as links."""
    views = [view for view in now.repo.saved_views() if view.page == page and not view.deleted]
    for view in views:
        st.page_link(
            st.session_state["pages"][page],
            label=markdown(cell(view.name, 60)),
            icon=":material/bookmark:",
            query_params={"view": view.name},
            help=markdown(view.description) or None,
        )


def _save(path: str, link: Link, name: str, description: str) -> None:
    from gtrack.ops.saved_views import save_view

    key = f"{link.page}.view.message"
    try:
        with Repo(path) as repo:
            save_view(repo.repository, name, link.page, link.settings, description)
    except GtrackError as error:
        st.session_state[key] = str(error)
    else:
        link.name(name)
        st.session_state[key] = f"Saved as {name}. It is shared by the next gtrack push."
