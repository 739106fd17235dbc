"""The curves of runs as figures, one for each metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow

from gtrack._app.charts.bands import grouped
from gtrack._app.charts.by_key import curves_by_key
from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.cutting import Clip, clip_of, within
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.lines import Line, lines_of
from gtrack._app.charts.sections import in_order
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import marks_of, traces_of
from gtrack.ops.curves import preview_of
from gtrack.plot.charts import Axis, Chart, Curve, DrawnRun, chart_of, unit_of

__all__ = ["axis_name", "curve_figures", "lines_figure", "x_axis"]

Curves = Mapping[str, Mapping[str, Curve]]
_ALL_POINTS = 100_000
_FEWEST_POINTS = 200
_BAND_POINTS = 1_000
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def curve_figures(
    table: pyarrow.Table, runs: Sequence[ChartRun], settings: CurveSettings | None = None
) -> list[Figure]:
    """Return a figure for each metric, those of validation beside those of training.

    Args:
        table: The curves, as :meth:`gtrack.runs.Runs.curves` returns them; without a column ``run`` all are of the only
            run. Metrics on the axis have to be among them.
        runs: The runs to draw, in the order of the legend; others in the table are left out.
        settings: How they are drawn.

    Raises:
        UsageError: The settings' pattern for names of metrics is none.

    Example:
        >>> figures = curve_figures(found.curves(), [ChartRun(run.id, run.name) for run in found])
        >>> [figure.title for figure in figures]
        ['train_loss', 'val_loss']
    """
    settings = settings or CurveSettings()
    curves = curves_by_key(table, runs)
    axis = settings.axis
    keys = [key for key in curves if settings.selects(key) and not (axis.kind == "metric" and key == axis.metric)]
    charts = _charts(curves, in_order({*keys, *settings.metrics}), runs, settings)
    budget = _budget(charts, settings)
    preview = preview_of(table) is not None
    return [_figure([chart], runs, settings, budget, figure_id("curve", chart.metric), preview) for chart in charts]


def lines_figure(table: pyarrow.Table, runs: Sequence[ChartRun], settings: CurveSettings, *, title: str = "") -> Figure:
    """Return several metrics as one figure, told apart by the patterns of their lines.

    Args:
        table: The curves.
        runs: The runs to draw.
        settings: How they are drawn; ``metrics`` are those to draw.
        title: Shown above it; the metrics by default.
    """
    charts = _charts(curves_by_key(table, runs), list(settings.metrics), runs, settings)
    named = figure_id("lines", title, *settings.metrics)
    figure = _figure(charts, runs, settings, _budget(charts, settings), named, preview_of(table) is not None)
    return replace(figure, title=short(title or ", ".join(settings.metrics), 120))


def axis_name(axis: Axis, unit: str = "") -> str:
    """Return the name by which figures share an axis: the same for figures that zoom together."""
    return f"{axis.kind}:{axis.metric or unit}"


def x_axis(axis: Axis, unit: str, *, log: bool = False) -> dict[str, Any]:
    """Return Plotly's axis for what runs along."""
    if axis.kind == "time":
        return {"type": "date", "title": {"text": "time (UTC)"}}
    title = f"time ({unit})" if axis.kind == "relative" else "step" if axis.kind == "step" else escaped(axis.metric)
    return {"type": "log" if log else "linear", "title": {"text": title}}


def _charts(curves: Curves, keys: Sequence[str], runs: Sequence[ChartRun], settings: CurveSettings) -> list[Chart]:
    """Return the charts of metrics, of one unit of time, since they share their axis."""
    axis = settings.axis
    needed = {*keys, axis.metric} if axis.kind == "metric" else set(keys)
    drawn = [
        DrawnRun(run.id, run.name, run.name, run.started, {}, {k: curves[k][run.id] for k in needed
                                                             if run.id in curves.get(k, {})})
        for run in runs
    ]  # fmt: skip
    weight = 0.0 if settings.best else settings.smoothing
    by_rank = settings.ranks == "each"
    charts = [chart_of(key, drawn, axis, weight=weight, by_rank=by_rank) for key in keys]
    if axis.kind != "relative":
        return charts
    ends = [float(series.x.max()) for chart in charts for series in chart.series if len(series.x)]
    unit = unit_of(max(ends, default=0.0))
    return [replace(chart, unit=unit) for chart in charts]


def _budget(charts: Sequence[Chart], settings: CurveSettings) -> int:
    """Return how many points each curve may have, so that a page of many stays quick."""
    curves = sum(len(chart.series) for chart in charts)
    return min(settings.points, max(_ALL_POINTS // max(curves, 1), min(_FEWEST_POINTS, settings.points)))


def _figure(
    charts: Sequence[Chart], runs: Sequence[ChartRun], settings: CurveSettings, points: int, named: str, preview: bool
) -> Figure:
    axis, unit = settings.axis, charts[0].unit[0] if charts else ""
    single, notes = _single_lines(charts, runs, settings)
    lines = grouped(single, settings.band, _BAND_POINTS, log_x=settings.log_x) if settings.band else single
    if settings.x_range is not None:
        single = [within(line, settings.x_range) for line in single]
        lines = [within(line, settings.x_range) for line in lines]
    lines = [line for line in lines if len(line.x)]
    clip = clip_of([line.y for line in lines], log=settings.log_y) if settings.clip else None
    marks, unusual = marks_of(single)
    whole = axis.kind == "step"
    # Those with an emphasis are drawn last, above the others.
    traces = [
        trace
        for line in sorted(lines, key=lambda line: line.emphasis)
        for trace in traces_of(line, points, whole=whole, log_y=settings.log_y)
    ]
    notes += [unusual, _outside(clip, lines), _not_on_log(lines, settings), _uneven(lines)]
    notes += ["a preview: the whole curves are in the store"] if preview else []
    return Figure(
        id=named,
        title=short(charts[0].metric if charts else "", 120),
        traces=(*traces, *marks),
        layout=_layout(axis, unit, settings, clip, bool(marks)),
        axis=axis_name(axis, unit),
        note="; ".join(note for note in notes if note),
    )


def _single_lines(
    charts: Sequence[Chart], runs: Sequence[ChartRun], settings: CurveSettings
) -> tuple[list[Line], list[str]]:
    """Return the lines of single runs, and what has to be said of them."""
    lines: list[Line] = []
    notes = []
    for number, chart in enumerate(charts):
        goal = settings.goal(chart.metric)
        found = lines_of(chart, runs, settings, goal)
        if len(charts) > 1:  # colours tell runs apart, patterns tell metrics apart
            dash = _DASHES[number % len(_DASHES)]
            name = short(chart.metric, 30)
            found = [replace(one, name=f"{one.name} · {name}", dash=dash, group=_beside(one.group, name))
                     for one in found]  # fmt: skip
        lines += found
        if settings.best and goal is None:
            notes.append(f"whether high or low is better is unknown of {short(chart.metric)}: not the best so far")
        if not found:
            beside = f" beside {short(settings.axis.metric)}" if settings.axis.metric else ""
            notes.append(f"no run has {short(chart.metric)}{beside}")
    return lines, notes


def _beside(group: str | None, metric: str) -> str | None:
    return None if group is None else f"{group} · {metric}"


def _layout(axis: Axis, unit: str, settings: CurveSettings, clip: Clip | None, marks: bool) -> dict[str, Any]:
    y: dict[str, Any] = {"type": "log" if settings.log_y else "linear"}
    if clip is not None:
        ends = [clip.low, clip.high]
        y["range"] = [float(np.log10(end)) for end in ends] if settings.log_y else ends
    layout: dict[str, Any] = {"xaxis": x_axis(axis, unit, log=settings.log_x), "yaxis": y}
    if marks:
        layout["yaxis2"] = {"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False}
    return layout


def _outside(clip: Clip | None, lines: Sequence[Line]) -> str:
    if clip is None:
        return ""
    every = sum(int(np.isfinite(line.y).sum()) for line in lines)
    sides = [f"{number:,} {side}" for number, side in ((clip.above, "above"), (clip.below, "below")) if number]
    return f"of {counted(every, 'point')}, {' and '.join(sides)} the range shown"


def _not_on_log(lines: Sequence[Line], settings: CurveSettings) -> str:
    """Return how many points a logarithmic axis cannot show."""
    log_x = settings.log_x and settings.axis.kind != "time"
    if not log_x and not settings.log_y:
        return ""
    off = 0
    for line in lines:
        hidden = np.zeros(len(line.x), bool)
        if settings.log_y:
            hidden |= np.isfinite(line.y) & (line.y <= 0)
        if log_x:
            hidden |= np.isfinite(line.x) & (line.x <= 0)
        off += int(hidden.sum())
    return f"{counted(off, 'point')} at 0 or below, where a logarithmic axis does not reach" if off else ""


def _uneven(lines: Sequence[Line]) -> str:
    """Say that means change their runs, where those of a group end at different places."""
    uneven = any(line.count is not None and len(np.unique(line.count)) > 1 for line in lines)
    return "runs differ in length: each mean is of those that have a value there" if uneven else ""
