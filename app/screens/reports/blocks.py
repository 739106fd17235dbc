"""The blocks of a report, drawn: tables, charts, runs, leaderboards, and what is wrong with one in its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import streamlit as st

from gtrack._app.link import Link
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.reports.charts import show_charts
from gtrack._app.screens.reports.tables import show_grid, show_marked
from gtrack._app.steps import go_to_run
from gtrack.ids import SHORT
from gtrack.report.blocks import Block
from gtrack.report.problems import Problem
from gtrack.report.results import Charts, Fact, Grid, Result, RunCard, Section

__all__ = ["show_block", "show_problem"]

_TONES = {"good": "green", "bad": "red", "warn": "orange", "busy": "blue"}


def show_block(block: Block, result: Result | Problem, link: Link) -> None:
    """Show a block.

    Args:
        block: The block.
        result: What it came to.
        link: The page's settings.
    """
    key = f"report.{block.line}"
    if isinstance(result, Problem):
        show_problem(result, block.source)
    elif isinstance(result, Charts):
        _title(result.title)
        show_charts(result, key, link)
        _remarks(result.remarks)
    elif isinstance(result, RunCard):
        _card(result, key)
    else:
        _grid(result, key, marked=block.kind == "leaderboard")


def show_problem(problem: Problem, source: str = "") -> None:
    """Show what is wrong, and the block that says it."""
    first, _, rest = problem.message.partition("\n")
    with st.container(border=True):
        place = markdown(f"{problem.path}:{problem.line}")
        st.markdown(f":red[**:material/error: {place}**] {markdown(first)}")
        if rest:  # a filter, with a caret below the place
            st.code(rest, language=None)
        if problem.hint:
            st.caption(markdown(problem.hint))
        if source.strip():
            with st.expander("The block"):
                st.code(source, language="yaml")


def _title(text: str) -> None:
    if text:
        st.markdown(f"**{markdown(text)}**")


def _remarks(remarks: Iterable[str]) -> None:
    for remark in remarks:
        st.caption(f":material/info: {markdown(remark)}")


def _grid(grid: Grid, key: str, *, marked: bool) -> None:
    _title(grid.title)
    if grid.lead:
        st.caption(markdown(grid.lead))
    if grid.rows and marked:
        show_marked(grid)
    elif grid.rows:
        show_grid(grid, key)
    _remarks(grid.remarks)


def _card(card: RunCard, key: str) -> None:
    with st.container(border=True):
        _title(card.title)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            name = markdown(card.name, 120)
            st.button(f"**{name}**", type="tertiary", key=f"{key}.open", on_click=go_to_run, args=(card.id,))
            st.badge(markdown(card.status, 30), color=_TONES.get(card.tone, "gray"))  # type: ignore[arg-type]  # one of Streamlit's colours
            st.caption(card.id[:SHORT], width="content")
        st.caption(" · ".join(f"{markdown(fact.name)} {_linked(fact)}" for fact in card.facts))
        for section in card.sections:
            _section(section)


def _section(section: Section) -> None:
    _title(section.title)
    if section.facts:
        st.table(_pairs(section.facts), border="horizontal", hide_index=True, hide_header=True, alt=cell(section.title))
    if section.grid is not None and section.grid.rows:
        show_marked(section.grid)
    if section.text:
        st.code(section.text, language=None, wrap_lines=True)
    _remarks([section.note] if section.note else [])


def _pairs(facts: Sequence[Fact]) -> pa.Table:
    names, values = [markdown(fact.name) for fact in facts], [_linked(fact) for fact in facts]
    return pa.table({"name": pa.array(names, pa.string()), "value": pa.array(values, pa.string())})


def _linked(fact: Fact) -> str:
    text = markdown(fact.text)
    if fact.link:
        return f"[{text}](<{fact.link}>)"
    colour = _TONES.get(fact.tone)
    return f":{colour}[{text}]" if colour and text else text
