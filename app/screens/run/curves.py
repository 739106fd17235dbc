"""The tab of charts: the run's curves by sections, with the reference behind them where that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import streamlit as st

from gtrack._app.charts.curves import curve_figures
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.sections import Section, sections
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.text import figure_id
from gtrack._app.grids import figure_table
from gtrack._app.link import Link
from gtrack._app.panels import last_event, panels
from gtrack._app.parts import empty_state, remark
from gtrack._app.reading import kept
from gtrack._app.safe import markdown
from gtrack._app.screens.run.subject import Subject
from gtrack.display.goals import Goals
from gtrack.ops.curves import preview_of
from gtrack.runs import Runs

__all__ = ["curves_of", "curves_tab", "opened_sections", "settings_of"]

_KEY = "run.curves"
_ALL = 24
"""So many metrics are shown at once without being asked for."""
_AXES = {"step": "Step", "relative": "Time since the start", "time": "Time of day"}


def curves_tab(subject: Subject) -> None:
    """Show the tab."""
    state, link = subject.state, subject.link
    if not state.metrics:
        commands = ["run.log({'loss': 0.3}, step=1)   # a value at a step, as often as you like"]
        empty_state("No curves yet", "What a run logs with a step is drawn here.", commands, language="python")
        return
    known = sections(state.metrics)
    _tools(subject, known)
    table = curves_of(subject)
    settings = _detailed(subject, settings_of(link))
    shown = opened_sections(known, link["sections"])
    metrics = tuple(key for section in shown for key in section.keys)
    goals = Goals(subject.now.repo)
    declared = {key: goal for key in metrics if (goal := goals.among(key, [state])) is not None}
    settings = replace(settings, metrics=metrics, goals=declared)
    runs = subject.drawn(beside=bool(link["beside"]))
    figures = curve_figures(table, runs, settings)
    by_id = {figure.id: figure for figure in figures}
    for section in shown:
        if len(known) > 1:
            st.subheader(markdown(section.name, 80), anchor=False)
        ids = [figure_id("curve", key) for key in section.keys]
        _draw(subject, f"{_KEY}.{section.name}", [by_id[one] for one in ids if one in by_id])
    if preview_of(table) is not None:
        _whole(subject)


def settings_of(link: Link) -> CurveSettings:
    """Return how curves are drawn, as the address says it; what cannot be is left out."""
    return CurveSettings(
        x=link["x"] if link["x"] in _AXES else "step",
        smoothing=min(0.99, max(0.0, link["smoothing"])),
        log_y=link["logy"],
        clip=link["clip"],
    )


def opened_sections(known: list[Section], wanted: tuple[str, ...]) -> list[Section]:
    """Return the sections that are shown: those that are wanted, else all of a few metrics, else the first."""
    chosen = [section for section in known if section.name in wanted]
    if chosen:
        return chosen
    return known if sum(len(section.keys) for section in known) <= _ALL else known[:1]


def curves_of(subject: Subject) -> pa.Table:
    """Return the run's curves, and the reference's where it is to be drawn too; previews of what is in a store."""
    beside = bool(subject.link["beside"]) and subject.reference is not None
    complete = bool(st.session_state.get(_whole_key(subject)))
    key = (*subject.version, "curves", beside, complete)

    def answer() -> pa.Table:
        repo = subject.now.repo
        others = [repo.run(f"run:{subject.reference[0].id}")] if beside and subject.reference is not None else []
        return Runs([subject.run, *others]).curves(preview=not complete)

    return kept(key, answer)


def _draw(subject: Subject, key: str, figures: Sequence[Figure]) -> None:
    if subject.link["plain"]:
        for figure in figures:
            figure_table(figure)
        return
    panels(figures, key=key, columns=3, height=280, events=("zoom",), on_event=lambda: _zoomed(subject, key))


def _tools(subject: Subject, known: list[Section]) -> None:
    link = subject.link
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.slider("Smoothing", 0.0, 0.99, step=0.01, width=180, **link.widget("smoothing"))
        st.selectbox(
            "Along", list(_AXES), format_func=lambda name: _AXES.get(name, name), width=190, **link.widget("x")
        )
        st.toggle("Logarithmic", **link.widget("logy"))
        st.toggle("Without outliers", help="Choose the range by the bulk of the values", **link.widget("clip"))
        if subject.reference is not None:
            st.toggle(f"With {subject.reference[1]}", **link.widget("beside"))
    if len(known) > 1:
        names = [section.name for section in known]
        counts = {section.name: len(section.keys) for section in known}
        st.pills(
            "Sections",
            names,
            selection_mode="multi",
            format_func=lambda name: f"{markdown(name, 40)} {counts.get(name, 0):,}",
            label_visibility="collapsed",
            **link.widget("sections"),
        )


def _zoomed(subject: Subject, key: str) -> None:
    """Remember which part of an axis is looked at: it is drawn with all its points."""
    event = last_event(key)
    if event is not None and event.kind == "zoom":
        st.session_state[f"{_KEY}.zoom"] = (subject.id, subject.link["x"], event.range)


def _detailed(subject: Subject, settings: CurveSettings) -> CurveSettings:
    run_id, x, ends = st.session_state.get(f"{_KEY}.zoom", ("", "", None))
    return replace(settings, x_range=ends) if (run_id, x) == (subject.id, settings.x) else settings


def _whole(subject: Subject) -> None:
    """Offer to fetch what the branch has only a preview of."""
    with st.container(horizontal=True, vertical_alignment="center"):
        remark("These are previews: the whole curves are in the store.")
        key = _whole_key(subject)
        st.button("Fetch them", on_click=lambda: st.session_state.update({key: True}), key=f"{_KEY}.fetch")


def _whole_key(subject: Subject) -> str:
    return f"{_KEY}.whole.{subject.id}"
