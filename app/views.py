"""Saved views: what a page shows under a name, for the whole team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack.errors import GtrackError
from gtrack.model.saved_view import SavedView
from gtrack.reader import Repo

__all__ = ["save_form", "views_list"]


def save_form(now: Reading, link: Link) -> None:
    """Offer to save what the page shows, to open what was saved, and to go back to the beginning."""
    with st.popover("View", icon=":material/bookmark:", help="Save what this page shows, or open what was saved"):
        views = {view.name: view for view in now.kept("views", (), now.repo.saved_views)}
        views_list(list(views.values()), link.page)
        st.button("Start over", on_click=link.forget, icon=":material/restart_alt:")
        if now.read_only:
            st.caption("This dashboard is read only: views cannot be saved.")
            return
        path = now.repo.root or now.repo.git_dir
        opened = views.get(st.query_params.get("view", ""))
        if opened is not None and opened.page == link.page:
            _edit(path, link, opened)
        _save_new(path, link, views)
        if message := st.session_state.pop(_message(link), ""):
            st.caption(markdown(message))


def views_list(views: Sequence[SavedView], page: str) -> None:
    """Show the saved views of a page, as links."""
    for view in views:
        if view.page != page:
            continue
        st.page_link(
            st.session_state["pages"][page],
            label=markdown(cell(view.name, 60)),
            icon=":material/bookmark:",
            query_params={"view": view.name},
            help=markdown(view.description) or None,
        )


def _edit(path: str, link: Link, view: SavedView) -> None:
    """Offer to save the view that is open with what has been changed since, and to delete it."""
    key = f"{link.page}.view"
    changed = bool(link.parameters)
    said = "has been changed" if changed else "is what the page shows"
    st.caption(f"{markdown(cell(view.name, 60))}, by {_who(view)}, {said}.")
    with st.container(horizontal=True):
        st.button(
            "Save changes",
            disabled=not changed,
            on_click=_save,
            args=(path, link, view.name, view.description, view.stamp),
            key=f"{key}.change",
        )
        st.button(
            "Delete",
            icon=":material/delete:",
            on_click=_delete,
            args=(path, link, view),
            key=f"{key}.delete",
            help="For the whole team. It comes back when it is saved again.",
        )


def _save_new(path: str, link: Link, views: Mapping[str, SavedView]) -> None:
    """Offer to save what the page shows under a name."""
    key = f"{link.page}.view"
    name = st.text_input("Name", key=f"{key}.name", max_chars=100, placeholder="best of churn").strip()
    description = st.text_input("What it is for", key=f"{key}.description", max_chars=500)
    there = views.get(name)
    if there is not None:
        other = "" if there.page == link.page else f", of the page {there.page}"
        st.caption(f"There is such a view, by {_who(there)}{other}.")
    args = (path, link, name, description, None if there is None else there.stamp)
    label = "Save for the team" if there is None else "Replace it for the team"
    st.button(label, type="primary", disabled=not name, on_click=_save, args=args, key=f"{key}.save")


def _save(path: str, link: Link, name: str, description: str, seen: str | None) -> None:
    from gtrack.ops.saved_views import save_view

    try:
        with Repo(path) as repo:
            save_view(repo.repository, name, link.page, link.settings, description, seen=seen)
    except GtrackError as error:
        st.session_state[_message(link)] = str(error)
    else:
        link.name(name)
        st.session_state[_message(link)] = f"Saved as {name}. It is shared by the next gtrack push."


def _delete(path: str, link: Link, view: SavedView) -> None:
    from gtrack.ops.saved_views import delete_view

    try:
        with Repo(path) as repo:
            delete_view(repo.repository, view.name, seen=view.stamp)
    except GtrackError as error:
        st.session_state[_message(link)] = str(error)
    else:
        link.unname()
        st.session_state[_message(link)] = f"Deleted {view.name}. The next gtrack push tells the team."


def _who(view: SavedView) -> str:
    return markdown(cell(view.author.partition(" <")[0] or "somebody", 60))


def _message(link: Link) -> str:
    return f"{link.page}.view.message"
