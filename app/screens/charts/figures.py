"""The figures of metrics: a chart of curves for each that has any, bars for those that were logged once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from gtrack._app.charts.bars import bar_figure
from gtrack._app.charts.colours import FOREGROUND, Ink
from gtrack._app.charts.curves import curve_figures
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.text import figure_id
from gtrack._app.charts.zoom import Zooms, draw_near, zoom_of
from gtrack._app.reading import Reading, kept
from gtrack._app.screens.charts.curves import Preview, batches, preview_in, read_curves
from gtrack._app.screens.charts.legend import Legend
from gtrack._app.screens.charts.runs import Chosen, stamp_of
from gtrack.errors import UsageError
from gtrack.index.fields import Field
from gtrack.model.state import RunState
from gtrack.runs import runs_table

__all__ = ["Drawing", "Drawn", "figures_of", "is_single", "key_of"]

_ALL_POINTS = 150_000
_FEWEST_POINTS, _MOST_POINTS = 200, 2_000


@dataclass(frozen=True, slots=True)
class Drawing:
    """What charts are drawn from.

    Attributes:
        chosen: The runs.
        legend: How they are told apart, and which are shown.
        settings: How curves are drawn.
        zooms: The ranges that are zoomed to.
    """

    chosen: Chosen
    legend: Legend
    settings: CurveSettings
    zooms: Zooms = field(default_factory=dict)

    @property
    def states(self) -> list[RunState]:
        """The runs that are drawn."""
        shown = {run.id for run in self.legend.runs}
        return [state for state in self.chosen.states if state.id in shown]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Figures.

    Attributes:
        figures: They, in order.
        preview: Whose curves are a preview.
        nbytes: How much memory they take.
    """

    figures: tuple[Figure, ...] = ()
    preview: Preview = field(default_factory=Preview)
    nbytes: int = 0


def figures_of(now: Reading, drawing: Drawing, keys: Sequence[str]) -> Drawn:
    """Return the figures of metrics, in the order of the metrics.

    Args:
        now: The repository.
        drawing: What they are drawn from.
        keys: The metrics.
    """
    zoom = zoom_of(drawing.settings.axis, drawing.zooms)
    return kept(("charts.figures", key_of(now, drawing), tuple(keys), zoom), lambda: _figures(now, drawing, keys, zoom))


def is_single(states: Sequence[RunState], key: str) -> bool:
    """Tell whether a metric has no more than one value in any of some runs: a bar says it better than a curve."""
    return all(summary is None or summary.count <= 1 for summary in (state.metrics.get(key) for state in states))


def key_of(now: Reading, drawing: Drawing) -> Hashable:
    """Return what charts follow from: while it is the same, so are they."""
    states = drawing.chosen.states
    fetched = st.session_state.get("charts.fetched", 0)
    return stamp_of(now, states), drawing.legend.runs, drawing.legend.by, repr(drawing.settings), fetched


def _figures(now: Reading, drawing: Drawing, keys: Sequence[str], zoom: tuple[str, float, float] | None) -> Drawn:
    states, settings = drawing.states, drawing.settings
    single = [key for key in keys if is_single(states, key)]
    curved = [key for key in keys if key not in set(single)]
    found = _bars(drawing, single)
    preview = Preview()
    points = _points(drawing, curved)
    axis = [settings.axis.metric] if settings.axis.kind == "metric" else []
    every = drawing.chosen.states  # those that are hidden too: a click shows them again
    for batch in batches(every, curved):
        table = read_curves(now, every, [*batch, *axis])
        preview |= preview_in(table)
        found |= _curves(table, drawing, batch, replace(settings, points=points), zoom)
    figures = tuple(found[key] for key in keys if key in found)
    return Drawn(figures, preview, sum(map(_size, figures)))


def _curves(
    table: pa.Table,
    drawing: Drawing,
    keys: Sequence[str],
    settings: CurveSettings,
    zoom: tuple[str, float, float] | None,
) -> dict[str, Figure]:
    runs = drawing.legend.runs
    return _by_key(keys, draw_near(lambda how: curve_figures(table, runs, how), settings, zoom))


def _by_key(keys: Sequence[str], figures: Sequence[Figure]) -> dict[str, Figure]:
    """Return figures by their metrics, whose names they may show cut."""
    known = {figure.id: figure for figure in figures}
    return {key: known[named] for key in keys if (named := figure_id("curve", key)) in known}


def _bars(drawing: Drawing, keys: Sequence[str]) -> dict[str, Figure]:
    if not keys:
        return {}
    table = runs_table(drawing.states)
    inks = {run.id: Ink(run.colour, run.dash) for run in drawing.legend.runs}
    log, goals = drawing.settings.log_y, drawing.settings.goals
    by = drawing.legend.by if drawing.legend.by != "configuration" else None
    found: dict[str, Figure] = {}
    for key in keys:
        column = str(Field("metrics", key))
        try:
            figure = bar_figure(table, column, x=by or None, log_y=log, title=key, run_inks=inks, goals=goals)
        except UsageError:  # nothing but texts in the column, or one that the table has not
            figure = bar_figure(table, column, log_y=log, title=key, run_inks=inks, goals=goals)
        found[key] = replace(
            figure, wide=False, traces=tuple(_coloured(trace, drawing.legend) for trace in figure.traces)
        )
    return found


def _coloured(trace: dict[str, Any], legend: Legend) -> dict[str, Any]:
    """Return bars of groups in the groups' colours."""
    if trace.get("meta", {}).get("role") != "groups":
        return trace
    colours = {run_id: entry.colour for entry in legend.entries for run_id in entry.ids}
    bars = [colours.get(ids[0], FOREGROUND) for ids in trace["customdata"]]
    return {**trace, "marker": {**trace["marker"], "color": bars}}


def _points(drawing: Drawing, keys: Sequence[str]) -> int:
    """Return how many points each curve may have, so that a section of many stays quick."""
    curves = sum(key in state.metrics for state in drawing.states for key in keys)
    return min(_MOST_POINTS, max(_FEWEST_POINTS, _ALL_POINTS // max(curves, 1)))


def _size(figure: Figure) -> int:
    arrays = (value for trace in figure.traces for value in trace.values() if isinstance(value, np.ndarray))
    return 2_000 + sum(value.nbytes for value in arrays)
