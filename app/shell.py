"""What is around every page: the navigation, whose repository it is, and what to say when a page fails."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from gtrack._app.login import is_admitted
from gtrack._app.parts import problem
from gtrack._app.reading import Reading, reading
from gtrack._app.safe import markdown
from gtrack._app.screens import PAGES, PageEntry
from gtrack._app.steps import arrive, take_steps
from gtrack.errors import GtrackError

__all__ = ["show"]

_HERE = Path(__file__).parent


def show() -> None:
    """Show the page that the address names."""
    # An icon by name would be fetched from another host.
    st.set_page_config(page_title="gtrack", page_icon=str(_HERE / "icon.svg"), layout="wide")
    st.html(_HERE / "style.css")
    if not is_admitted():
        return
    pages = [
        st.Page(
            _Guarded(entry),
            title=entry.title,
            icon=entry.icon,
            url_path=entry.name if number else "home",
            default=number == 0,
        )
        for number, entry in enumerate(PAGES)
    ]
    st.session_state["pages"] = {entry.name: page for entry, page in zip(PAGES, pages, strict=True)}
    # The first page has no name in its address; who types one finds it all the same.
    first = PAGES[0]
    named = st.Page(_Guarded(first), title=first.title, url_path=first.name, visibility="hidden")
    chosen = st.navigation([*pages, named], position="sidebar")
    if chosen == named:
        st.switch_page(pages[0], query_params=st.query_params.to_dict())
    take_steps()
    arrive(chosen.url_path)
    chosen.run()


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A page that says what is wrong where it cannot be shown."""

    entry: PageEntry

    @property
    def __name__(self) -> str:
        return self.entry.name

    def __call__(self) -> None:
        try:
            with reading() as now:
                _sidebar(now)
                self.entry.load()(now)
        except GtrackError as error:
            problem(error)


def _sidebar(now: Reading) -> None:
    with st.sidebar:
        name = os.path.basename(now.repo.root or now.repo.git_dir.removesuffix("/.git")) or "repository"
        st.caption(f":material/folder: {markdown(name, 60)}" + (" · read only" if now.read_only else ""))
