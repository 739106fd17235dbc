"""The lines of a chart: what each shows, before it is cut to what a screen can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.settings import CurveSettings
from gtrack.model.goal import Goal
from gtrack.plot.charts import Chart, Series

__all__ = ["Floats", "Line", "lines_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: arrays of equal length.

    Attributes:
        name: What it is called, as it was given.
        colour: Its colour.
        dash: Its pattern.
        emphasis: It is drawn stronger than the others, and above them.
        x: Where its points stand, in the axis's unit.
        y: Its values.
        meta: What it is of: ``{"run": id}``, or ``{"group": name, "runs": ids}``.
        group: The group of its run.
        raw: The values as they were logged, where ``y`` was made from them.
        low: The lower end of a band around it, where there is one.
        high: The upper end.
        count: Of a mean, how many runs it is of at each point.
        steps: The line keeps each value until the next.
    """

    name: str
    colour: str
    dash: str
    emphasis: bool
    x: Floats
    y: Floats
    meta: dict[str, Any]
    group: str | None = None
    raw: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    count: Floats | None = None
    steps: bool = False

    @property
    def logged(self) -> Floats:
        """The values as they were logged."""
        return self.y if self.raw is None else self.raw


def lines_of(chart: Chart, runs: Sequence[ChartRun], settings: CurveSettings, goal: Goal | None) -> list[Line]:
    """Return the lines of a chart, as far as they have points.

    Args:
        chart: The chart of these runs.
        runs: The runs.
        settings: How they are drawn.
        goal: Which way the metric is better, for the best so far.
    """
    return [_line(chart, series, runs[series.number], settings, goal) for series in chart.series]


def _line(chart: Chart, series: Series, run: ChartRun, settings: CurveSettings, goal: Goal | None) -> Line:
    best = settings.best and goal is not None
    y = series.line
    if best and goal is not None:
        y = _best_so_far(series.y, goal)
    x = chart.places(series)
    return Line(
        name=series.title,
        colour=run.colour,
        dash=run.dash if series.rank is None or series.rank <= 0 else "dot",
        emphasis=run.emphasis,
        x=x * 1e3 if chart.axis.kind == "time" else x,  # dates are milliseconds to Plotly
        y=y,
        meta={"run": run.id},
        group=run.group,
        raw=None if y is series.y else series.y,
        low=series.low,
        high=series.high,
        steps=best,
    )


def _best_so_far(values: Floats, goal: Goal) -> Floats:
    """Return the best value up to each point; NaN before the first, and infinities are no values."""
    known = np.where(np.isfinite(values), values, np.nan)
    best: Floats = (np.fmin if goal.direction == "min" else np.fmax).accumulate(known)
    return best
