"""The charts of a report as figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.colours import inks
from gtrack._app.charts.curves import axis_name, x_axis
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.lines import lines_of
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.text import figure_id, short
from gtrack._app.charts.traces import marks_of, traces_of
from gtrack.plot.charts import Chart
from gtrack.report.results import Charts

__all__ = ["figures_of", "runs_of"]

_POINTS = 2_000
_FEWEST = 200
_ALL_POINTS = 40_000


def figures_of(charts: Charts, hidden: Collection[str] = ()) -> list[Figure]:
    """Return a figure for each chart of a block.

    Args:
        charts: What the block came to.
        hidden: The ids of runs that are not drawn.
    """
    curves = max(1, sum(len(chart.series) for chart in charts.charts))
    points = max(_FEWEST, min(_POINTS, _ALL_POINTS // curves))
    runs = runs_of(charts)
    return [_figure(chart, runs, hidden, points, log=charts.log) for chart in charts.charts]


def runs_of(charts: Charts) -> dict[str, ChartRun]:
    """Return the runs of all charts by their ids, in colours that they have in each of them."""
    lines = sorted((one for chart in charts.charts for one in chart.series), key=lambda one: -one.number)
    found = inks(one.run for one in lines)  # the newest one has the number 0, and takes no older one's colour
    labels = {one.run: one.label for one in lines}
    return {run: ChartRun(run, labels[run], ink.colour, ink.dash) for run, ink in found.items()}


def _figure(chart: Chart, runs: Mapping[str, ChartRun], hidden: Collection[str], points: int, *, log: bool) -> Figure:
    numbers = {one.number: runs[one.run] for one in chart.series}
    some = next(iter(numbers.values()), ChartRun("", ""))
    placed = [numbers.get(number, some) for number in range(max(numbers, default=-1) + 1)]
    lines = [line for line in lines_of(chart, placed, CurveSettings(log_y=log), None) if line.meta["run"] not in hidden]
    whole = chart.axis.kind == "step"
    traces = [trace for line in lines for trace in traces_of(line, points, whole=whole, log_y=log)]
    marks, unusual = marks_of(lines)
    layout: dict[str, Any] = {
        "xaxis": x_axis(chart.axis, chart.unit[0]),
        "yaxis": {"type": "log" if log else "linear"},
    }
    if marks:
        layout["yaxis2"] = {"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False}
    return Figure(
        id=figure_id("report", chart.metric),
        title=short(chart.metric, 120),
        traces=(*traces, *marks),
        layout=layout,
        axis=axis_name(chart.axis, chart.unit[0]),
        note="; ".join(filter(None, [_goal(chart), unusual])),
    )


def _goal(chart: Chart) -> str:
    smoothed = [f"smoothed {chart.weight:g}"] if chart.weight else []
    ranks = ["mean over ranks"] if any(one.low is not None for one in chart.series) else []
    goal = (
        []
        if chart.goal is None
        else [f"goal: {chart.goal.direction}" + ("" if chart.goal.declared else ", by its name")]
    )
    return "; ".join([*goal, *smoothed, *ranks])
