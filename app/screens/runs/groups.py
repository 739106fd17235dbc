"""The table of groups of runs: seeds and repeats as mean and spread, to be opened and selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.asking import Asked
from gtrack._app.bulk import Chosen, bulk_bar
from gtrack._app.downloads import Download
from gtrack._app.grids import html_table
from gtrack._app.link import Link
from gtrack._app.parts import problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell
from gtrack._app.screens.runs.grouped import Grouped, condition_of, grouped_of
from gtrack.display.words import plural, value_text
from gtrack.errors import GtrackError
from gtrack.index.fields import Field
from gtrack.model.goal import Goal
from gtrack.ops.grouping import Aggregate, RunGroup

__all__ = ["chosen_groups", "show_groups"]

_KEY = "runs.groups.table"
_MOST = 1000


def show_groups(now: Reading, link: Link, asked: Asked, sort: str, download: Download) -> None:
    """Show the groups, in the order of their values or by a metric's mean; a click on one shows its runs.

    Args:
        now: The repository.
        link: The page's settings.
        asked: Which runs.
        sort: What to sort by.
        download: What a file of the runs holds, when no group is selected.
    """
    try:
        found = grouped_of(now, asked, link["group"], sort)
    except (GtrackError, ValueError) as error:
        problem(str(error))
        return
    if not found.groups:
        remark("No run matches.")
        return
    bulk_bar(now, link, chosen_groups(link, found), download)
    if found.trouble:
        remark(found.trouble)
    shown = found.groups[:_MOST]
    table, shape = _table(found.by, found.metrics, shown)
    if link["plain"]:
        html_table(table, alt=plural(len(shown), "group"))
    else:
        _draw(link, asked, found, table, shape)
    more = f", the first {_MOST:,} are shown" if len(found.groups) > _MOST else ""
    st.caption(
        f"{plural(len(found.groups), 'group')}{more}. Metrics are mean ± standard deviation over the runs of a group: "
        "of each run's best value where a goal was declared, else of its last."
    )


def chosen_groups(link: Link, found: Grouped) -> Chosen:
    """Return the runs of the groups that are selected, and how many they are."""
    chosen = found.chosen(link["groups"])
    ids = tuple(run_id for group in chosen for run_id in group.runs)
    told = f"{plural(len(ids), 'run')} of {plural(len(chosen), 'group')}"
    every = sum(len(group.runs) for group in found.groups)
    bar = f"{told} selected" if chosen else f"{plural(every, 'run')} in {plural(len(found.groups), 'group')}"
    return Chosen(ids, told, bar)


def _draw(link: Link, asked: Asked, found: Grouped, table: pa.Table, shape: dict[str, Any]) -> None:
    """Draw the table, in which groups are opened and selected."""
    shown = found.keys[: table.num_rows]
    wanted = set(link["groups"])
    rows = [number for number, key in enumerate(shown) if key in wanted]
    st.session_state[_KEY] = {"selection": {"rows": rows, "columns": [], "cells": []}}

    def open_group() -> None:
        click = st.session_state.get(f"{_KEY}.open")
        if click is not None:
            where = condition_of(asked.where, found.by, found.groups[int(click["row"])].values)
            link.put(where=where, group="", groups=(), page=1)

    def select() -> None:
        rows = st.session_state[_KEY]["selection"]["rows"]
        below = [key for key in found.keys[len(shown) :] if key in wanted]
        link.put(groups=(*(shown[row] for row in rows if row < len(shown)), *below))

    opens = st.column_config.ButtonColumn(
        "runs", type="tertiary", width=80, pinned=True, key=f"{_KEY}.open", on_click=open_group
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={**shape, " runs": opens},
        key=_KEY,
        on_select=select,
        selection_mode="multi-row",
        height=min(680, 38 + 35 * table.num_rows),
        row_height=35,
        placeholder="",
        alt=plural(table.num_rows, "group"),
    )


def _table(
    by: Sequence[Field], metrics: Mapping[str, Goal | None], groups: Sequence[RunGroup]
) -> tuple[pa.Table, dict[str, Any]]:
    columns: dict[str, Any] = {" runs": pa.array([f"{len(group.runs):,}" for group in groups])}
    shape: dict[str, Any] = {}
    for number, field in enumerate(by):
        texts = ["—" if (v := group.values[number]) is None else cell(value_text(v), 200) for group in groups]
        columns[str(field)] = pa.array(texts)
        shape[str(field)] = st.column_config.TextColumn(cell(field.key, 60), pinned=number == 0)
    for key, goal in metrics.items():
        columns[f"metrics.{key}"] = pa.array([_spread(group.metrics[key]) for group in groups])
        shape[f"metrics.{key}"] = st.column_config.TextColumn(cell(key, 60), alignment="right")
        if goal is None:
            continue
        columns[f" best {key}"] = pa.array([group.metrics[key].best for group in groups], pa.float64())
        shape[f" best {key}"] = st.column_config.NumberColumn(f"best {cell(key, 50)}", format="%.5g")
    return pa.table(columns), shape


def _spread(of: Aggregate) -> str:
    if of.mean is None:
        return "—"
    return f"{of.mean:.5g}" if of.std is None else f"{of.mean:.5g} ± {of.std:.2g}"
