"""The figure of a panel that somebody put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from gtrack._app.charts.bars import bar_figure
from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.colours import Ink, inks
from gtrack._app.charts.columns import as_categories, column_of, ids_of
from gtrack._app.charts.curves import lines_figure
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.histogram import histogram_figure
from gtrack._app.charts.importance import importance_figure
from gtrack._app.charts.matrix import matrix_figure
from gtrack._app.charts.panel_spec import PanelSpec
from gtrack._app.charts.parallel import parallel_figure
from gtrack._app.charts.scatter import scatter_figure
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.text import short
from gtrack._app.charts.zoom import Zooms, draw_near, zoom_of
from gtrack.errors import UsageError
from gtrack.model.goal import Goal

__all__ = ["PanelData", "build"]


@dataclass(frozen=True, slots=True)
class PanelData:
    """What panels are made from.

    Attributes:
        table: The runs; see :meth:`gtrack.runs.Runs.to_arrow`.
        curves: Their curves, where lines are drawn; see :meth:`gtrack.runs.Runs.curves`.
        runs: The runs as charts know them, with their colours.
        goals: Which way metrics are better, where that was declared.
        zooms: The ranges that are zoomed to: lines have all of their points there.
    """

    table: pa.Table
    curves: pa.Table | None = None
    runs: Sequence[ChartRun] = ()
    goals: Mapping[str, Goal] = field(default_factory=dict)
    zooms: Zooms = field(default_factory=dict)


def build(spec: PanelSpec, data: PanelData) -> Figure:
    """Return the figure of a panel.

    Args:
        spec: What it shows.
        data: What it is made from.

    Raises:
        UsageError: The table has no such column, or its values are none that can be drawn so.

    Example:
        >>> spec = PanelSpec("scatter", x="params.lr", y="metrics.val_auc", log_x=True)
        >>> build(spec, PanelData(found.to_arrow())).title
        'val_auc by lr'
    """
    return _lines(spec, data) if spec.kind == "line" else _of_runs(spec, data)


def _of_runs(spec: PanelSpec, data: PanelData) -> Figure:
    colour, group, title = spec.colour or None, spec.group or None, spec.title
    own = {run.id: Ink(run.colour, run.dash) for run in data.runs}
    match spec.kind:
        case "scatter":
            return scatter_figure(
                data.table, spec.x, spec.y, colour=colour, group=group,
                log_x=spec.log_x, log_y=spec.log_y, title=title, run_inks=own,
            )  # fmt: skip
        case "bar":
            beside = colour or (group if spec.x else None)
            return bar_figure(
                data.table, spec.y, x=spec.x or group, colour=beside,
                log_y=spec.log_y, title=title, run_inks=own, goals=data.goals,
            )  # fmt: skip
        case "histogram":
            return histogram_figure(data.table, spec.x, colour=colour or group, log_x=spec.log_x, title=title)
        case "parallel":
            return parallel_figure(data.table, spec.metrics, colour=colour, title=title, run_inks=own)
        case "matrix":
            return matrix_figure(data.table, spec.metrics, colour=colour, title=title, run_inks=own)
    return importance_figure(data.table, spec.y, params=spec.metrics, title=title)


def _lines(spec: PanelSpec, data: PanelData) -> Figure:
    settings = CurveSettings(
        x=spec.x or "step",
        metrics=tuple(name.removeprefix("metrics.") for name in spec.metrics),
        smoothing=spec.smoothing,
        log_x=spec.log_x,
        log_y=spec.log_y,
        band="interval" if spec.group else "",
        goals=data.goals,
    )
    if data.curves is None:
        raise UsageError("panel: lines need the curves of the runs")
    curves, runs = data.curves, _members(spec.group, data)

    def draw(how: CurveSettings) -> list[Figure]:
        return [lines_figure(curves, runs, how, title=spec.title)]

    return draw_near(draw, settings, zoom_of(settings.axis, data.zooms))[0]


def _members(group: str, data: PanelData) -> list[ChartRun]:
    """Return the runs with the group that each is in by a column."""
    ids, names = ids_of(data.table), data.table["name"].to_pylist()
    own = inks(reversed(ids))
    known = {run.id: run for run in data.runs}
    runs = [
        known.get(run) or ChartRun(run, name or "", own[run].colour, own[run].dash)
        for run, name in zip(ids, names, strict=True)
    ]
    if not group:
        return [replace(run, group=None) for run in runs]
    column = as_categories(column_of(data.table, group))
    titles = [f"{column.title}={short(name, 40)}" for name in column.categories]
    places = [int(place) if known else None for place, known in zip(column.values, column.known, strict=True)]
    return [
        replace(run, group=f"no {column.title}" if place is None else titles[place])
        for run, place in zip(runs, places, strict=True)
    ]
