"""The part of the page that lays the curves of runs over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import streamlit as st

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.colours import Ink
from gtrack._app.charts.curves import curve_figures
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.zoom import draw_near, keep_zooms, read_zooms, with_zoom, zoom_of
from gtrack._app.differing.grid import heads_of
from gtrack._app.link import Link
from gtrack._app.panels import last_event, panels
from gtrack._app.parts import empty_state, problem
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.compare.runs import Compared
from gtrack.display.main_metrics import main_metrics
from gtrack.errors import GtrackError
from gtrack.model.state import RunState
from gtrack.reader import Repo

__all__ = ["charted_metrics", "show_charts"]

_MOST = 6
_SMOOTHEST = 0.99
_KEY = "compare.charts"
_AXES = {"step": "Step", "relative": "Time since the start", "time": "Time"}
_LOG = ('run.log({"val_loss": 0.31, "val_auc": 0.94}, step=step)',)


def charted_metrics(runs: Sequence[RunState]) -> list[str]:
    """Return the metrics that have a curve in some run, the main ones first."""
    with_curve = {key for run in runs for key, summary in run.metrics.items() if summary.count > 1}
    return [key for key in main_metrics(runs, 1_000) if key in with_curve]


def show_charts(now: Reading, link: Link, runs: Compared, inks: Mapping[str, Ink]) -> None:
    """Show a chart for each of the main metrics, or of those that were chosen."""
    known = charted_metrics(runs.runs)
    if not known:
        empty_state("No curves", "None of these runs has a metric of more than one value.", _LOG, language="python")
        return
    _controls(link, known)
    keys = [key for key in link["metrics"] if key in known] or known[:_MOST]
    settings = _settings(link, keys)
    drawn = [
        _chart_run(run, head, inks[run.id], runs) for run, head in zip(runs.runs, heads_of(runs.runs), strict=True)
    ]
    ids = tuple(run.id for run in runs.runs)
    zooms = read_zooms(link["zoom"])
    try:
        table = now.kept("compare.curves", (ids, tuple(keys)), lambda: _curves(now.repo, ids, keys))
        found = draw_near(lambda how: curve_figures(table, drawn, how), settings, zoom_of(settings.axis, zooms))
    except GtrackError as error:
        problem(error)
        return
    figures = [replace(one, layout={**one.layout, "showlegend": False}) for one in found]
    _legend(drawn)

    def zoomed() -> None:
        event = last_event(_KEY)
        if event is not None and event.kind == "zoom" and event.axis is not None:
            link.put(zoom=with_zoom(link["zoom"], event.axis, event.range))

    panels(figures, key=_KEY, columns=2, height=320, events=["zoom"], ranges=zooms, on_event=zoomed)


def _controls(link: Link, known: Sequence[str]) -> None:
    if link["x"] not in _AXES:
        link.put(x="step")
    if not 0.0 <= link["smoothing"] <= _SMOOTHEST:
        link.put(smoothing=0.0)
    if (zoom := keep_zooms(link["zoom"])) != link["zoom"]:
        link.put(zoom=zoom)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Metrics",
            list(dict.fromkeys([*link["metrics"], *known])),
            format_func=lambda key: cell(key, 60),
            placeholder="The main ones",
            width=420,
            **link.widget("metrics"),
        )
        st.segmented_control("Along", list(_AXES), format_func=_AXES.__getitem__, required=True, **link.widget("x"))
        st.slider("Smoothing", 0.0, _SMOOTHEST, step=0.01, width=200, **link.widget("smoothing"))
        st.toggle("Log", help="A logarithmic axis of values", **link.widget("log"))


def _settings(link: Link, keys: Sequence[str]) -> CurveSettings:
    return CurveSettings(x=link["x"], metrics=tuple(keys), smoothing=link["smoothing"], log_y=link["log"])


def _chart_run(run: RunState, head: str, ink: Ink, runs: Compared) -> ChartRun:
    is_reference = run.id == runs.reference.id
    return ChartRun(run.id, head, ink.colour, ink.dash, run.group, emphasis=is_reference, started=run.started)


def _curves(repo: Repo, ids: Sequence[str], keys: Sequence[str]) -> pa.Table:
    from gtrack.runs import Runs

    return Runs([repo.run(f"run:{run_id}") for run_id in ids]).curves(list(keys), preview=True)


def _legend(drawn: Sequence[ChartRun]) -> None:
    """Name the colours; each name leads to the page of its run."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for run in drawn:
            with st.container(horizontal=True, gap=None, width="content", vertical_alignment="center"):
                # No data is in the HTML: the colour is one of our own.
                st.html(f'<span aria-hidden="true" style="color: {run.colour}">●</span>', width="content")
                st.page_link(
                    st.session_state["pages"]["run"], label=markdown(run.name, 60), query_params={"id": run.id}
                )
