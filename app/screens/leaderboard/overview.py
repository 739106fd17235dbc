"""All experiments at a glance: how many runs, what they are compared by, how far they have come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid, html_table
from gtrack._app.link import Link
from gtrack._app.parts import remark
from gtrack._app.reading import Reading
from gtrack._app.run_list import button_text, open_column
from gtrack._app.safe import cell
from gtrack.display.measured import mean_and_spread
from gtrack.display.words import plural
from gtrack.ops.overview import Overview, overviews

__all__ = ["overview_table", "show_overview"]

_MOST = 1000
_KEY = "leaderboard.experiments"


def overview_table(seen: Sequence[Overview]) -> pa.Table:
    """Return the experiments as a table, a row each."""
    started = [None if each.last is None else each.last.started for each in seen]
    best = [None if each.best_run is None else button_text(each.best_run.name) for each in seen]
    return pa.table(
        {
            " experiment": pa.array([button_text(each.state.name) + _mark(each) for each in seen], pa.string()),
            "runs": pa.array([each.runs for each in seen], pa.int64()),
            "last": pa.array(started, pa.timestamp("us", tz="UTC")),
            "metric": pa.array([_metric(each) for each in seen], pa.string()),
            "best": pa.array([_best(each) for each in seen], pa.string()),
            " run": pa.array(best, pa.string()),
            "floor": pa.array([cell(each.state.floor or "", 120) for each in seen], pa.string()),
            "about": pa.array([cell(each.state.description or "", 200) for each in seen], pa.string()),
        }
    )


def show_overview(now: Reading, link: Link) -> None:
    """Show the experiments; a click on one shows its leaderboard."""
    every = now.kept("overviews", (), lambda: overviews(now.repo))
    away = sum(each.state.archived for each in every)
    if away:
        st.toggle(f"Archived experiments too ({away:,})", **link.widget("archived"))
    seen = [each for each in every if link["archived"] or not each.state.archived][:_MOST]
    if not seen:
        remark(f"All of the {plural(away, 'experiment')} are archived.")
        return
    table = overview_table(seen)
    if link["plain"]:
        html_table(table, alt=plural(len(seen), "experiment"))
    else:
        _show(link, seen, table)
    st.toggle("As an HTML table", help="For screen readers", **link.widget("plain"))


def _show(link: Link, seen: Sequence[Overview], table: pa.Table) -> None:
    def chosen() -> None:
        click = st.session_state.get(_KEY)
        if click is not None and 0 <= int(click["row"]) < len(seen):
            link.put(experiment=(seen[int(click["row"])].state.name,), row="", metric="")

    ids = [each.best_run.id if each.best_run is not None else "" for each in seen]
    shape: dict[str, Any] = {
        " experiment": st.column_config.ButtonColumn(
            "experiment", width=220, pinned=True, type="tertiary", alignment="left", key=_KEY, on_click=chosen
        ),
        "runs": st.column_config.NumberColumn("runs", width=80, format="localized"),
        "last": st.column_config.DatetimeColumn("last run", format="distance"),
        "metric": st.column_config.TextColumn("compared by"),
        "best": st.column_config.TextColumn("best", alignment="right", help="The first row of its leaderboard"),
        " run": open_column("best run", f"{_KEY}.run", ids, width=180),
        "about": st.column_config.TextColumn("about", width=260),
    }
    grid(table, plain=False, alt=f"{len(seen)} experiments", config=shape, rows=19)


def _mark(each: Overview) -> str:
    return " (archived)" if each.state.archived else ""


def _metric(each: Overview) -> str:
    if each.metric is None:
        return "nobody said"
    return cell(each.metric, 80) + (f" ({each.goal.direction})" if each.goal else "")


def _best(each: Overview) -> str | None:
    return None if each.best is None else mean_and_spread(each.best.sample.mean, each.best.sample.std)
