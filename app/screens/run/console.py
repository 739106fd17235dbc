"""The tab of the console: what the run printed, searched, and followed while it is live."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from gtrack._app.parts import empty_state
from gtrack._app.reading import kept
from gtrack._app.safe import cell
from gtrack._app.screens.run.console_text import Console, Found, console_of, found_in
from gtrack._app.screens.run.subject import Subject
from gtrack.display.words import plural, size

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

__all__ = ["console_tab", "show_console"]

_LINES = {100: "Last 100 lines", 500: "Last 500 lines", 2_000: "Last 2,000 lines", 0: "All lines"}
_HEIGHT = 560
_LEAST = 120
_ROW = 19


def console_tab(subject: Subject) -> None:
    """Show the tab."""
    live = subject.run.state.live
    key = (*subject.version, subject.now.mark if live else "", "console")
    console = kept(key, lambda: _read(subject))
    if console is None:
        empty_state(
            "No console output",
            "What a program prints is kept by gtrack run; a script keeps it with start_run(console=True).",
            ["gtrack run -- python train.py"],
        )
        return
    _tools(subject)
    link = subject.link
    found = found_in(console, link["search"], last=link["lines"] if link["lines"] in _LINES else 500,
                     matches=link["matches"])  # fmt: skip
    st.caption(_said(console, found, link["search"], live=live))
    if link["plain"]:
        st.code("\n".join(f"{number:>6}  {text}" for number, text in found.lines) or " ", language=None)
        return
    height = min(_HEIGHT, max(_LEAST, 20 + _ROW * len(found.lines)))
    show_console(found, link["search"], height=_HEIGHT if live else height, follow=live)


def show_console(found: Found, search: str, *, height: int, follow: bool) -> None:
    """Show lines with their numbers, what is searched for marked.

    Args:
        found: The lines.
        search: What is searched for.
        height: In pixels.
        follow: Keep the end in view as lines are added, until somebody scrolls away from it.
    """
    lines = [[number, text] for number, text in found.lines]
    data = {"lines": lines, "search": search, "follow": follow, "height": height}
    _component()(key="run.console", data=data)


def _read(subject: Subject) -> Console | None:
    data = subject.run.console()
    return None if data is None else console_of(data)


def _tools(subject: Subject) -> None:
    link = subject.link
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Search", placeholder="Error, epoch 12", width=320, **link.widget("search"))
        st.toggle("Only lines that match", disabled=not link["search"], **link.widget("matches"))
        names = list(_LINES) if link["lines"] in _LINES else [*_LINES, link["lines"]]
        st.selectbox("Show", names, format_func=lambda n: _LINES.get(n, str(n)), width=190, **link.widget("lines"))


def _said(console: Console, found: Found, search: str, *, live: bool) -> str:
    parts = [f"{plural(len(console.lines), 'line')}, {size(console.size)}"]
    if search:
        hits = f"{found.matching:,} {'line matches' if found.matching == 1 else 'lines match'}"
        parts.append(f"{hits} {_quoted(search)}")
    if found.above:
        parts.append(f"{found.above:,} before these are not shown")
    if live:
        parts.append(":material/sensors: following")
    return " · ".join(parts)


def _quoted(search: str) -> str:
    from gtrack._app.safe import markdown

    return markdown(f"“{cell(search, 60)}”")


@functools.cache
def _component() -> ComponentRenderer:
    script = (Path(__file__).parent / "console_view.js").read_text("utf-8")
    return st.components.v2.component("gtrack.console", js=script, isolate_styles=False)
