"""The page of charts: every metric of some runs, overlaid, and panels that somebody put together."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gtrack._app.asking import Asked, ask, filter_bar, overview
from gtrack._app.charts.zoom import read_zooms
from gtrack._app.header import header
from gtrack._app.link import Link, Setting, saved_settings
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading, reading
from gtrack._app.screens.charts.body import show_body
from gtrack._app.screens.charts.builder import panel_tools
from gtrack._app.screens.charts.code import cli_of, python_of
from gtrack._app.screens.charts.figures import Drawing
from gtrack._app.screens.charts.legend import legend_of
from gtrack._app.screens.charts.runs import MOST, Chosen, chosen_runs, rankings
from gtrack._app.screens.charts.sections import metrics_of
from gtrack._app.screens.charts.toolbar import DEFAULTS as TOOLBAR
from gtrack._app.screens.charts.toolbar import curve_settings, switches, tidy, toolbar
from gtrack._app.steps import part
from gtrack.display.words import plural
from gtrack.errors import GtrackError
from gtrack.index.query import Query

__all__ = ["page"]

DEFAULTS: dict[str, Setting] = {
    **TOOLBAR,
    "panels": [],
    "open": (),
    "closed": (),
    "pages": {},
    "tables": False,
    "picked": "",
    "zoom": (),
}
_TICK = 1.5
"""Seconds between looks at what has changed."""
_WELCOME = (
    "gtrack run -p lr=0.1 -- python train.py --lr {lr}     # a program that prints or logs its metrics",
    "gtrack demo                                            # or look at runs that are there",
)


def page(now: Reading) -> None:
    """Show the charts."""
    saved, trouble = saved_settings(now.repo, "charts")
    link = Link("charts", DEFAULTS, saved)
    tidy(link)
    asked = _asked(link)
    header(now, "Charts", link, *_code(now, link, asked))
    if trouble:
        problem(trouble)
    if not overview(now).total:
        empty_state("No curves yet", "Record a run that logs a metric, and its curves are drawn here.", _WELCOME)
        return
    filter_bar(now, link)
    toolbar(now, link, {} if asked is None else rankings(now, asked))
    chosen = Chosen() if asked is None else chosen_runs(now, link, asked)
    with st.container(horizontal=True, vertical_alignment="center"):
        switches(link, chosen.states)
        panel_tools(link)
        st.toggle("As tables", help="For screen readers: tables of HTML", **link.widget("tables"))
        if link["runs"]:
            st.button("Unselect the runs", type="tertiary", on_click=lambda: link.put(runs=()))
    _charts(link)


def _asked(link: Link) -> Asked | None:
    try:
        return ask(link)
    except GtrackError:
        return None  # said beside the filter


def _code(now: Reading, link: Link, asked: Asked | None) -> tuple[str, str]:
    try:
        asked = asked or Asked(Query(), valid=False)
        chosen = chosen_runs(now, link, asked)
        settings = curve_settings(link, {})
        keys: Sequence[str] = metrics_of(chosen.states, settings) if settings.names else ()
        goal = rankings(now, asked).get(link["best"])
        best = None if goal is None else (link["best"], goal)
    except GtrackError:
        return "gtrack plot", "import gtrack\n\ncurves = gtrack.search_runs(max_results=20).curves()"
    count = link["count"]
    return cli_of(asked, chosen, settings, keys, count), python_of(asked, chosen, keys, count, best)


@part(every=_TICK)
def _charts(link: Link) -> None:
    """Show the charts, again and again: live runs move in them."""
    with reading() as now:
        asked = _asked(link)
        if asked is not None:
            _charts_of(now, link, chosen_runs(now, link, asked))


def _charts_of(now: Reading, link: Link, chosen: Chosen) -> None:
    if not chosen.states:
        remark("None of the selected runs is here." if chosen.selected else "No run matches.")
        return
    try:
        settings = curve_settings(link, dict(chosen.goals))
        strong = {chosen.baseline, link["picked"] or None}
        legend = legend_of(
            chosen.states, hidden=set(link["hidden"]), strong=strong, by=link["group"], band=link["band"]
        )
    except GtrackError as error:
        problem(error)
        return
    show_body(now, link, Drawing(chosen, legend, settings, read_zooms(link["zoom"])), _said(chosen, link))


def _said(chosen: Chosen, link: Link) -> str:
    count = len(chosen.states)
    if chosen.selected:
        more = f", the first {MOST} of {len(link['runs']):,}" if len(link["runs"]) > MOST else ""
        return f"{plural(count, 'selected run')}{more}, whatever the filter says"
    if count == chosen.total:
        return plural(count, "run")
    which = "best" if chosen.best else "newest"
    return f"The {which} {count:,} of {plural(chosen.total, 'run')}"
