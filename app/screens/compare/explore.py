"""Parallel coordinates and the scatter matrix: choosing runs by where they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import streamlit as st

from gtrack._app.asking import Asked, overview
from gtrack._app.charts.colours import Ink
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.matrix import MOST_COLUMNS, matrix_figure
from gtrack._app.charts.parallel import MOST_DIMENSIONS, parallel_figure
from gtrack._app.link import Link, Setting
from gtrack._app.panels import last_event, panels
from gtrack._app.parts import problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell
from gtrack._app.screens.compare.runs import Compared
from gtrack._app.screens.compare.space import (
    brushed,
    facts_table,
    picked,
    read_brush,
    with_brush,
    with_picks,
)
from gtrack._app.usual_axes import usual_axes
from gtrack.errors import GtrackError
from gtrack.index.columns import line_of
from gtrack.index.fields import Field, read_field
from gtrack.index.query import Query
from gtrack.model.state import RunState

__all__ = ["MOST_KEPT", "SCOPES", "show_matrix", "show_parallel"]

SCOPES = ("selected", "filtered")
"""Which runs are drawn."""
MOST_KEPT = 100
"""So many runs can become the selection."""
_MOST_DRAWN = 5_000
_SAMPLE = 200
_USUAL = 6
_NAME = Field("attributes", "name")


def show_parallel(now: Reading, link: Link, runs: Compared, asked: Asked, inks: dict[str, Ink]) -> None:
    """Show runs as lines through their values, all of the filter if none is selected; brushed ones can be selected."""
    axes, colour = _controls(now, link, runs, asked, "axes", MOST_DIMENSIONS)
    table = _table(now, link, runs, asked, [*axes, *([colour] if colour else [])])
    figure = _drawn(table, lambda: parallel_figure(table, axes, colour=colour or None, run_inks=inks))
    if figure is None:
        return
    brush = read_brush(link["brush"])
    key = "compare.parallel"

    def brushing() -> None:
        event = last_event(key)
        if event is not None and event.kind == "brush":
            link.put(brush={label: [list(span) for span in spans] for label, spans in event.ranges.items()})

    there = {dimension["label"] for trace in figure.traces for dimension in trace["dimensions"]}
    _keep(link, brushed(figure, brush), table.num_rows, active=bool(there & brush.keys()), clear={"brush": {}})
    panels([with_brush(figure, brush)], key=key, columns=1, events=["brush"], on_event=brushing)
    st.caption("Drag along an axis to brush it; drag an axis's name to move it; click beside a range to take it away.")


def show_matrix(now: Reading, link: Link, runs: Compared, asked: Asked, inks: dict[str, Ink]) -> None:
    """Show columns against each other; what is lassoed can become the selection."""
    axes, colour = _controls(now, link, runs, asked, "columns", MOST_COLUMNS)
    table = _table(now, link, runs, asked, [*axes, *([colour] if colour else [])])
    figure = _drawn(table, lambda: matrix_figure(table, axes, colour=colour or None, run_inks=inks))
    if figure is None:
        return
    ids = picked(figure, link["picked"])
    key = "compare.matrix"

    def picking() -> None:
        event = last_event(key)
        if event is not None and event.kind == "select":
            link.put(picked=event.ids)

    _keep(link, ids, table.num_rows, active=bool(ids), clear={"picked": ()})
    panels([with_picks(figure, ids)], key=key, columns=1, events=["select"], on_event=picking)
    st.caption("Drag a box to pick runs out; a double click takes it away.")


def _controls(now: Reading, link: Link, runs: Compared, asked: Asked, name: str, most: int) -> tuple[list[str], str]:
    """Show what chooses the runs, the axes and the colour; return the last two."""
    fields = overview(now).fields
    if len(link[name]) > most:
        link.put(**{name: link[name][:most]})
    usual = _usual(now, link, runs, asked, most)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if runs.runs:
            st.segmented_control(
                "Runs",
                SCOPES,
                format_func=lambda scope: "Selected" if scope == "selected" else f"Filtered ({_count(now, asked):,})",
                required=True,
                **link.widget("scope"),
            )
        known = list(dict.fromkeys([*link[name], *usual, *fields]))
        st.multiselect(
            "Axes, in order",
            known,
            format_func=_short,
            placeholder=", ".join(_short(field).partition(".")[2] or _short(field) for field in usual) or "None",
            max_selections=most,
            width=520,
            **link.widget(name),
        )
        colours = list(dict.fromkeys(["", *([link["colour"]] if link["colour"] else []), *fields]))
        st.selectbox(
            "Colour", colours, format_func=lambda field: _short(field) or "Usual", width=220, **link.widget("colour")
        )
    axes = list(link[name]) or usual
    return axes, link["colour"] or _usual_colour(axes)


def _all(link: Link, runs: Compared) -> bool:
    """Tell whether all runs of the filter are drawn: when that was chosen, and when none is selected."""
    return link["scope"] == "filtered" or not runs.runs


def _short(field: str) -> str:
    return cell(field, 60)


def _usual(now: Reading, link: Link, runs: Compared, asked: Asked, most: int) -> list[str]:
    states = _some(now, asked) if _all(link, runs) else list(runs.runs)
    key = (tuple(run.id for run in states), most)
    return now.kept("compare.axes", key, lambda: usual_axes(states, params=min(_USUAL, most - 2)))


def _some(now: Reading, asked: Asked) -> list[RunState]:
    """Return the newest runs of the filter: by them it is told which params differ."""
    query = Query(asked.query.where, asked.query.experiments, asked.query.statuses, limit=_SAMPLE)
    return now.kept("compare.some", asked.key, lambda: [run.state for run in now.repo.find(query)])


def _usual_colour(axes: Sequence[str]) -> str:
    return next((name for name in axes if name.startswith("metrics.")), "")


def _count(now: Reading, asked: Asked) -> int:
    return now.kept("compare.count", asked.key, lambda: now.repo.facts(asked.query).total)


def _table(now: Reading, link: Link, runs: Compared, asked: Asked, names: Sequence[str]) -> pa.Table:
    """Return the table of the runs; a name that is no field is left out, and told when it is drawn."""
    fields = []
    for name in dict.fromkeys(names):
        try:
            fields.append(read_field(name))
        except ValueError:
            continue
    if not _all(link, runs):
        return facts_table([line_of(run, [_NAME, *fields]) for run in runs.runs], fields)
    key = (asked.key, tuple(map(str, fields)))
    table = now.kept("compare.table", key, lambda: _of_many(now, asked, fields))
    total = _count(now, asked)
    if total > table.num_rows:
        remark(f"The newest {table.num_rows:,} of {total:,} runs are drawn.")
    return table


def _of_many(now: Reading, asked: Asked, fields: Sequence[Field]) -> pa.Table:
    return facts_table(now.repo.facts(asked.query).lines(_NAME, *fields)[:_MOST_DRAWN], fields)


def _drawn(table: pa.Table, draw: Callable[[], Figure]) -> Figure | None:
    if not table.num_rows:
        remark("No run matches.")
        return None
    try:
        figure = draw()
    except GtrackError as error:
        problem(error)
        return None
    if not figure.traces:
        remark("Nothing to draw: choose axes that these runs have.")
        return None
    return figure


def _keep(link: Link, ids: Sequence[str], total: int, *, active: bool, clear: dict[str, Setting]) -> None:
    """Offer to make what passes the selection."""
    fits = 0 < len(ids) <= MOST_KEPT
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(ids):,} of {total:,} runs**" if active else f"{total:,} runs")
        kept = st.button(
            f"Keep these {len(ids):,}" if active else "Keep these",
            icon=":material/filter_alt:",
            disabled=not (active and fits),
            help=None if not active or fits else f"Between 1 and {MOST_KEPT} runs can be selected: brush further",
            on_click=lambda: link.put(runs=tuple(ids), scope="selected", **clear),
        )
        if kept:
            st.rerun()  # this part may be drawn by itself, and the choice of runs is above it
        if active:
            st.button("Clear", type="tertiary", on_click=lambda: link.put(**clear))
