"""A bar for each run, or for each value of a param: the mean over its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gtrack._app.charts.colours import COLOURS, FOREGROUND, Ink, inks
from gtrack._app.charts.columns import (
    Column,
    as_categories,
    axis_of,
    column_of,
    goal_of_column,
    ids_of,
    names_of,
    without,
)
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.intervals import interval_of
from gtrack._app.charts.markers import colouring
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import Trace
from gtrack.errors import UsageError
from gtrack.model.goal import Goal

__all__ = ["bar_figure"]

_MOST_BARS = 40
_PER_BAR, _AROUND = 22, 90


def bar_figure(
    table: pa.Table,
    y: str,
    *,
    x: str | None = None,
    colour: str | None = None,
    log_y: bool = False,
    title: str = "",
    run_inks: Mapping[str, Ink] | None = None,
    goals: Mapping[str, Goal] | None = None,
) -> Figure:
    """Return a column as bars.

    Args:
        table: The runs.
        y: The column of the bars' lengths.
        x: One bar for each value of this column: the mean over its runs, with its 95 % interval. One for each run
            without it, the best first.
        colour: Further bars side by side for each value of this column; without ``x`` the runs' colours.
        log_y: A logarithmic axis of lengths.
        title: Shown above it.
        run_inks: The runs' own colours.
        goals: Which way metrics are better, where that was declared.

    Raises:
        UsageError: There is no such column, or its values are no numbers.
    """
    length = column_of(table, y)
    if length.kind == "category":
        raise UsageError(f"bars of {length.title}: its values are no numbers", hint="a histogram counts them")
    by = column_of(table, colour) if colour else None
    named = figure_id("bar", y, x or "", colour or "", title)
    if x is None:
        goal = (goals or {}).get(length.field.key) or goal_of_column(length)
        figure = _of_runs(table, length, by, goal, run_inks or {}, named, log_y)
        return _titled(figure, title or length.title)
    along = as_categories(column_of(table, x))
    figure = _of_groups(ids_of(table), length, along, None if by is None else as_categories(by), named, log_y)
    return _titled(figure, title or f"{length.title} by {along.title}")


def _titled(figure: Figure, title: str) -> Figure:
    return Figure(
        figure.id,
        short(title, 120),
        figure.traces,
        figure.layout,
        note=figure.note,
        wide=figure.wide,
        height=figure.height,
    )


def _of_runs(
    table: pa.Table, length: Column, by: Column | None, goal: Goal | None, own: Mapping[str, Ink], named: str, log: bool
) -> Figure:
    ids, names = ids_of(table), names_of(table)
    order = np.flatnonzero(length.known & (length.values > 0) if log else length.known)
    ascending = goal is not None and goal.direction == "min"
    order = order[np.argsort(length.values[order] if ascending else -length.values[order], kind="stable")]
    shown = order[:_MOST_BARS]
    height = {int(at): row for row, at in enumerate(shown)}
    mask = np.zeros(len(ids), bool)
    mask[shown] = True
    found = colouring(ids, mask, by, own)
    traces: list[Trace] = []
    for part in found.parts:
        places = part.places.tolist()
        marker = {key: value for key, value in part.marker.items() if key != "symbol"}  # bars have none
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": escaped(part.name) if part.name else "runs",
                "x": length.values[part.places],
                "y": [height[at] for at in places],
                "text": [length.shown(at) for at in places],
                "textposition": "auto",
                "customdata": [ids[at] for at in places],
                "hovertext": [f"{names[at]}: {length.shown(at)}" for at in places],
                "hovertemplate": "%{hovertext}<extra></extra>",
                "marker": marker,
                "meta": {"role": "runs"},
            }
        )
    ticks = {"tickvals": list(range(len(shown))), "ticktext": [escaped(table["name"][int(at)], 28) for at in shown]}
    first = "best" if goal is not None else "highest"
    some = f"the {first} {len(shown)} of {counted(len(order), 'run')}" if len(order) > len(shown) else ""
    notes = [some, without([length], log=[length] if log else []), found.note]
    return Figure(
        named,
        "",
        tuple(traces),
        {
            "xaxis": axis_of(length, log=log),
            "yaxis": {**ticks, "range": [len(shown) - 0.5, -0.5], "automargin": True, "zeroline": False},
            "barmode": "overlay",
            "bargap": 0.25,
            "hovermode": "closest",
            "showlegend": found.legend,
        },
        note="; ".join(note for note in notes if note),
        height=_AROUND + _PER_BAR * len(shown) if len(shown) > 8 else None,
    )


def _of_groups(ids: Sequence[str], length: Column, along: Column, by: Column | None, named: str, log: bool) -> Figure:
    shown = length.known & along.known & (by.known if by is not None else True)
    names = by.categories if by is not None else ("",)
    colours = inks(names) if by is not None else {"": Ink(COLOURS[0])}
    traces: list[Trace] = []
    single = False
    for at, name in enumerate(names):
        mine = shown & (by.values == at) if by is not None else shown
        bars = [
            _bar(ids, length, np.flatnonzero(mine & (along.values == place))) for place in range(len(along.categories))
        ]
        places = [place for place, bar in enumerate(bars) if bar is not None]
        known = [bar for bar in bars if bar is not None]
        if not known:
            continue
        single = single or any(bar["single"] for bar in known)
        half = [bar["half"] for bar in known]
        traces.append(
            {
                "type": "bar",
                "name": escaped(name) if name else escaped(length.title),
                "x": places,
                "y": [bar["mean"] for bar in known],
                "error_y": {"type": "data", "array": half, "color": FOREGROUND, "thickness": 1.25, "width": 4},
                "customdata": [bar["ids"] for bar in known],
                "hovertext": [bar["text"] for bar in known],
                "hovertemplate": "%{hovertext}<extra></extra>",
                "marker": {"color": colours[name].colour, "opacity": 0.9},
                "meta": {"role": "groups"},
            }
        )
    notes = ["95 % intervals of the means", "none where there is one run" if single else ""]
    needed = [length, along] if by is None else [length, along, by]
    return Figure(
        named,
        "",
        tuple(traces),
        {
            "xaxis": axis_of(along),
            "yaxis": axis_of(length, log=log),
            "barmode": "group",
            "bargap": 0.3,
            "hovermode": "closest",
            "showlegend": by is not None,
        },
        note="; ".join(note for note in (*notes, without(needed)) if note) if traces else without(needed),
    )


def _bar(ids: Sequence[str], length: Column, places: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, Any] | None:
    if not len(places):
        return None
    mean, half = interval_of(length.values[places].tolist())
    spread = f" ± {half:.3g}" if len(places) > 1 else ""
    return {
        "mean": mean,
        "half": half,
        "single": len(places) < 2,
        "ids": [ids[at] for at in places.tolist()],
        "text": f"{mean:.6g}{spread} ({counted(len(places), 'run')})",
    }
