"""What changed against the baseline, or against the run before: the first thing on the page."""

from __future__ import annotations

import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.changes import Item, Told, told
from gtrack._app.screens.run.subject import Subject
from gtrack._app.steps import go_to_run
from gtrack.ids import SHORT

__all__ = ["changed", "line_of"]

_LOOKS = {"better": (":green[", "▲ better"), "worse": (":red[", "▼ worse")}


def changed(subject: Subject) -> None:
    """Show what changed, in a few lines."""
    found, reference = subject.comparison, subject.reference
    if found is None or reference is None:
        remark("The first run of its experiment: there is nothing to compare it with yet.")
        return
    other, what = reference
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**What changed against {markdown(what)}**", width="content")
            st.button(
                markdown(f"{cell(other.name, 60)} · {other.id[:SHORT]}"),
                type="tertiary",
                icon=":material/arrow_outward:",
                on_click=go_to_run,
                args=(other.id,),
                key="run.reference",
            )
        lines = told(found, subject.code_change, subject.main)
        st.markdown("  \n".join(map(line_of, lines)) or "Nothing that is recorded differs.")


def line_of(line: Told) -> str:
    """Return a line of what changed as Markdown, in which nothing of the runs is Markdown."""
    items = " · ".join(map(_item, line.items)) if line.items else f":gray[{markdown(line.same)}]"
    return f"**{line.part}**  {items}" + (f" · :gray[and {line.more:,} more]" if line.more else "")


def _item(item: Item) -> str:
    key, text = markdown(cell(item.key, 60)), markdown(cell(item.text, 200))
    named = f"{key} {text}" if key else text
    if item.verdict not in _LOOKS:
        return named
    opened, word = _LOOKS[item.verdict]
    return f"{named} {opened}{word}]"
