"""The table of groups of runs: seeds and repeats as mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.asking import Asked
from gtrack._app.grids import html_table
from gtrack._app.link import Link
from gtrack._app.parts import problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell
from gtrack._app.screens.runs.rows import orders_of
from gtrack.display.goals import Goals
from gtrack.display.main_metrics import main_of
from gtrack.display.words import plural, value_text
from gtrack.errors import GtrackError, UsageError
from gtrack.index.fields import Field, Value, read_field
from gtrack.index.filter import And, Compare, Filter, IsNull, parse
from gtrack.model.goal import Goal
from gtrack.ops.group_order import sort_groups
from gtrack.ops.grouping import Aggregate, RunGroup, configuration, group_runs, grouping_columns

__all__ = ["condition_of", "show_groups"]

_KEY = "runs.groups"
_MOST = 1000


def show_groups(now: Reading, link: Link, asked: Asked, sort: str = "") -> None:
    """Show the groups, in the order of their values or by a metric's mean; a click on one shows its runs."""
    try:
        order = orders_of(sort)
        extra = tuple(one.field.key for one in order if one.field.scope == "metrics")
        key = (asked.key, link["group"], extra)
        by, metrics, groups = now.kept("groups", key, lambda: _groups(now, asked, link["group"], extra))
    except (GtrackError, ValueError) as error:
        problem(str(error))
        return
    if not groups:
        remark("No run matches.")
        return
    try:
        shown = sort_groups(groups, by, order, ("mean",))[:_MOST]
    except UsageError as error:
        remark(error.message)
        shown = groups[:_MOST]

    def open_group() -> None:
        click = st.session_state.get(f"{_KEY}.open")
        if click is not None:
            where = condition_of(asked.where, by, shown[int(click["row"])].values)
            link.put(where=where, group="", page=1)

    table, shape = _table(by, metrics, shown)
    shape[" runs"] = st.column_config.ButtonColumn(
        "runs", type="tertiary", width=80, pinned=True, key=f"{_KEY}.open", on_click=open_group
    )
    alt = plural(len(shown), "group")
    if link["plain"]:
        html_table(table, alt=alt)
    else:
        height = min(680, 38 + 35 * len(shown))
        st.dataframe(
            table, hide_index=True, column_config=shape, height=height, alt=f"{len(shown)} groups", placeholder=""
        )
    more = f", the first {_MOST:,} are shown" if len(groups) > _MOST else ""
    st.caption(
        f"{plural(len(groups), 'group')}{more}. Metrics are mean ± standard deviation over the runs of a group: "
        "of each run's best value where a goal was declared, else of its last."
    )


def condition_of(where: str, by: Sequence[Field], values: Sequence[Value | None]) -> str:
    """Return the filter that selects the runs of one group.

    Example:
        >>> condition_of("status = 'finished'", [Field("params", "lr")], [0.1])
        "status = 'finished' AND params.lr = 0.1"
    """
    parts: list[Filter] = [parse(where)] if where else []
    parts += [IsNull(f) if value is None else Compare(f, "=", value) for f, value in zip(by, values, strict=True)]
    return str(And(tuple(parts)) if len(parts) > 1 else parts[0])


def _groups(
    now: Reading, asked: Asked, group: str, extra: Sequence[str]
) -> tuple[list[Field], dict[str, Goal | None], list[RunGroup]]:
    facts = now.repo.facts(asked.query)
    by = configuration(facts.params) if group == "configuration" else [read_field(group)]
    known = Goals(now.repo)
    protocol = known.protocol_of(facts.experiments)
    main = main_of(facts.metrics, set[str]().union(*facts.declared.values()))
    first = None if protocol is None else protocol.metric
    if first is not None and first in facts.metrics:
        main = [first, *(key for key in main if key != first)]
    main += [key for key in extra if key not in main and key in facts.metrics]
    metrics = {key: known.of(key, asked.query.experiments) for key in main if Field("metrics", key) not in by}
    return by, metrics, group_runs(facts.lines(*grouping_columns(by, metrics)), by, metrics)


def _table(
    by: Sequence[Field], metrics: dict[str, Goal | None], groups: Sequence[RunGroup]
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
