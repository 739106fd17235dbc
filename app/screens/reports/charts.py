"""The charts of a report, drawn, with the legend of their runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from gtrack._app.link import Link
from gtrack._app.panels import last_event, panels
from gtrack._app.panels.legend import LegendClick, legend, legend_click
from gtrack._app.safe import cell
from gtrack._app.screens.reports.figures import figures_of, runs_of
from gtrack._app.screens.reports.tables import show_grid
from gtrack._app.steps import go_to_run
from gtrack.report.results import Charts

__all__ = ["hidden_after", "legend_entries", "show_charts"]

_COLUMNS = 2


def show_charts(charts: Charts, key: str, link: Link) -> None:
    """Show the charts of a block; a click on a curve opens its run, one on the legend hides it.

    Args:
        charts: What the block came to.
        key: What tells it from others of the page.
        link: The page's settings, which hold the hidden runs.
    """
    if not charts.charts:
        return
    entries = legend_entries(charts, link["hidden"])
    ids = [str(entry["run"]) for entry in entries]

    def pointed() -> None:
        event = last_event(key)
        if event is not None and event.kind == "click" and event.ids:
            go_to_run(event.ids[0])

    def named() -> None:
        click = legend_click(f"{key}.legend")
        if click is not None and click.kind == "open":
            go_to_run(click.ids[0])
        elif click is not None:
            link.put(hidden=hidden_after(link["hidden"], ids, click))

    figures = figures_of(charts, frozenset(link["hidden"]))
    panels(figures, key=key, columns=min(_COLUMNS, len(figures)), events=("click",), on_event=pointed)
    legend(entries, key=f"{key}.legend", label="", on_click=named)
    if charts.values.rows:
        with st.expander("Values"):
            show_grid(charts.values, f"{key}.values")


def legend_entries(charts: Charts, hidden: Collection[str]) -> list[dict[str, Any]]:
    """Return the lines of the legend, a run each.

    Args:
        charts: The charts.
        hidden: The ids of runs that are not drawn.
    """
    labels = {one.run: one.label for chart in charts.charts for one in chart.series}
    inks = runs_of(charts)
    return [
        {
            "name": cell(label, 80),
            "colour": inks[run].colour,
            "dash": inks[run].dash,
            "ids": [run],
            "run": run,
            "hidden": run in hidden,
            "live": False,
            "strong": False,
        }
        for run, label in labels.items()
    ]


def hidden_after(hidden: Sequence[str], ids: Sequence[str], click: LegendClick) -> tuple[str, ...]:
    """Return the ids of the runs that are hidden after somebody clicked in the legend.

    Args:
        hidden: Those that were hidden, also of other charts.
        ids: The runs of the legend.
        click: What was clicked.
    """
    here, meant = set(ids), set(click.ids)
    if click.kind == "toggle":
        away = (set(hidden) & here) ^ (meant & here)
    else:
        away = here - meant if click.kind == "only" else set()
    return (*(run for run in hidden if run not in here), *(run for run in ids if run in away))
