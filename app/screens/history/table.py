"""The commits of the history as a table, as gtrack blame shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid, html_table
from gtrack._app.link import Link
from gtrack._app.run_list import button_text
from gtrack._app.safe import cell
from gtrack._app.screens.history.figure import CUSTOM
from gtrack.display.measured import mean_and_spread, measured
from gtrack.display.words import plural
from gtrack.ids import SHORT
from gtrack.ops.blame import Blame, Point
from gtrack.ops.metric_history import CommitPoint, MetricHistory

__all__ = ["commit_table", "show_commits"]

_MOST = 500
_KEY = "history.commits"
_MARKS = {"better": "▲ better", "worse": "▼ worse", "higher": "▲ higher", "lower": "▼ lower"}


def commit_table(found: MetricHistory, judged: Sequence[Blame]) -> tuple[pa.Table, list[str]]:
    """Return the commits with runs, the newest of each branch first, and their ids."""
    columns: dict[str, list[Any]] = {name: [] for name in _NAMES}
    ids: list[str] = []
    for line, told in zip(found.lines, judged, strict=True):
        known = {point.commit.id: point for point in told.points}
        for point in line.points[line.parted :][::-1][: _MOST - len(ids)]:
            ids.append(point.commit.id)
            row = _row(found, point, known.get(point.commit.id))
            row["branch"] = cell(line.revision.name, 60)
            for name, value in row.items():
                columns[name].append(value)
    types = {"date": pa.timestamp("s", tz="UTC"), "best": pa.float64(), "runs": pa.int64()}
    arrays = {name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()}
    if len(found.lines) < 2:
        del arrays["branch"]
    if not any(columns["tags"]):
        del arrays["tags"]
    return pa.table(arrays), ids


_NAMES = ("commit", "subject", "runs", "mean", "best", "change", "verdict", "date", "author", "tags", "branch")


def _row(found: MetricHistory, point: CommitPoint, judged: Point | None) -> dict[str, Any]:
    step = None if judged is None else judged.step
    change = None if step is None else measured(step.interval.difference, step.interval.half_width, signed=True)
    value = point.value("best", found.goal)
    mean = point.value("mean", found.goal) if judged is None else judged.sample.mean
    moved = _MARKS.get(step.verdict or "", "") if step is not None and step.moved else ""
    return {
        "commit": point.commit.id[:SHORT],
        "subject": cell(point.commit.subject, 120),
        "runs": len(point.runs) or len(point.edited),
        "mean": None if math.isnan(mean) else mean_and_spread(mean, None if judged is None else judged.sample.std),
        "best": None if math.isnan(value) else value,
        "change": change,
        "verdict": moved or ("uncommitted edits" if not point.runs else ""),
        "date": min(max(point.commit.time, 0), 253_402_300_799),  # the last second that a date can be
        "author": cell(point.commit.author, 60),
        "tags": cell(", ".join(found.tags.get(point.commit.id, ())), 60),
    }


def show_commits(link: Link, found: MetricHistory, judged: Sequence[Blame], *, plain: bool = False) -> None:
    """Show the commits; a click on one looks at it."""
    table, ids = commit_table(found, judged)
    if plain:
        html_table(table, alt=plural(table.num_rows, "commit"))
        return

    def clicked() -> None:
        click = st.session_state.get(_KEY)
        if click is not None and 0 <= int(click["row"]) < len(ids):
            link.put(commit=ids[int(click["row"])][:CUSTOM])

    shape: dict[str, Any] = {
        "commit": st.column_config.ButtonColumn(
            "commit", width=90, pinned=True, type="tertiary", alignment="left", key=_KEY, on_click=clicked
        ),
        "subject": st.column_config.TextColumn("subject", width=320),
        "runs": st.column_config.NumberColumn("runs", width=60),
        "mean": st.column_config.TextColumn(button_text(f"mean {found.metric}")[:60], alignment="right"),
        "best": st.column_config.NumberColumn("best", format="%.5g"),
        "change": st.column_config.TextColumn(
            "change", alignment="right", help="To the commit before it that has runs, with Welch's 95 % interval"
        ),
        "verdict": st.column_config.TextColumn("moved it", help="By more than chance explains"),
        "date": st.column_config.DatetimeColumn("committed", format="YYYY-MM-DD HH:mm"),
    }
    shown = {name: column for name, column in shape.items() if name in table.column_names}
    grid(table, plain=False, alt=f"{table.num_rows} commits", config=shown, rows=12)
    total = len(found.points)
    if total > len(ids):
        st.caption(f"{len(ids)} of {total:,} commits; all of them are in the chart")
