"""The one experiment that a page is about, and the filter of its runs."""

from __future__ import annotations

import streamlit as st

from gtrack._app.asking import overview
from gtrack._app.conditions import add_condition
from gtrack._app.filter_box import filter_box
from gtrack._app.known_values import known_values
from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.safe import cell
from gtrack.errors import UsageError
from gtrack.index.filter import Filter, parse

__all__ = ["choose_experiment", "filter_line", "filter_of"]

_ALL = ""


def choose_experiment(now: Reading, link: Link, chosen: str, *, none: str | None = None) -> None:
    """Show which experiment the page is about, and let another one be chosen.

    Args:
        now: The repository.
        link: The page's settings.
        chosen: The experiment.
        none: What the choice of none is called, where that is one.
    """
    there = overview(now).experiments
    options = [*([_ALL] if none is not None else []), *dict.fromkeys([*there, *([chosen] if chosen else [])])]
    key = f"{link.page}.one"
    st.session_state[key] = chosen

    def changed() -> None:
        name = st.session_state[key]
        link.put(experiment=(name,) if name else ())

    def label(name: str) -> str:
        return cell(name, 60) if name else none or ""

    st.selectbox("Experiment", options, format_func=label, width=220, key=key, on_change=changed)


def filter_line(now: Reading, link: Link) -> None:
    """Show the filter."""
    fields = overview(now).fields
    try:
        filter_of(link)
        invalid = False
    except UsageError:
        invalid = True  # what is wrong is said in the place of the answer
    with st.container(horizontal=True, vertical_alignment="bottom", width=420):
        filter_box(
            "Filter",
            link["where"],
            fields,
            key=f"{link.page}.where",
            on_change=lambda text: link.put(where=text.strip()),
            placeholder="params.depth <= 6",
            invalid=invalid,
            values=known_values,
        )
        add_condition(link, fields)


def filter_of(link: Link) -> Filter | None:
    """Return the filter.

    Raises:
        UsageError: It is not in the language.
    """
    where = link["where"].strip()
    return parse(where) if where else None
