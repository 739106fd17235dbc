"""Charts as data: the curves of runs, placed on an axis and smoothed, ready to be drawn by anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gtrack.model.goal import Goal
from gtrack.model.summary import MetricSummary
from gtrack.plot.smoothing import smooth

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = ["Axis", "Chart", "Curve", "DrawnRun", "Series", "chart_of", "curves_of", "unit_of"]

_UNITS = (("s", 1.0, 180.0), ("min", 60.0, 10_800.0), ("h", 3_600.0, 259_200.0), ("d", 86_400.0, float("inf")))
"""Units of a relative time: name, seconds, and up to how many seconds it serves."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What stands below a chart.

    Attributes:
        kind: ``step``, ``time`` (UTC), ``relative`` (since the run's start), or ``metric``.
        metric: The metric, for that kind.
    """

    kind: str = "step"
    metric: str = ""

    @classmethod
    def parse(cls, text: str) -> Axis:
        """Read ``step``, ``time``, ``relative`` or a metric; ``metrics.time`` is one of such a name."""
        if text in ("step", "time", "relative"):
            return cls(text)
        return cls("metric", text.removeprefix("metrics."))


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one run: arrays of equal length, in the order of step and time.

    Attributes:
        step: The steps.
        time: Microseconds since the epoch.
        value: The values.
        rank: The rank that logged each; -1 for none.
    """

    step: Integers
    time: Integers
    value: Floats
    rank: Integers


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """A run to draw.

    Attributes:
        id: Its id.
        name: Its name, as it was given.
        label: What the legend says: clean text.
        started: Microseconds since the epoch, or None.
        summary: The summaries of its metrics.
        curves: Its curves; see :func:`curves_of`.
    """

    id: str
    name: str
    label: str
    started: int | None
    summary: Mapping[str, MetricSummary]
    curves: Mapping[str, Curve]


@dataclass(frozen=True, slots=True)
class Series:
    """One line.

    Attributes:
        run: The id of the run.
        number: The run's number among those drawn, by which it has its colour.
        label: The run's label.
        rank: The rank, where each has a line of its own.
        step: The steps.
        x: Where the points stand: steps, seconds, or values of a metric.
        y: The values; means over ranks where several logged.
        smoothed: The same smoothed, where that was asked for.
        low: The lowest value of any rank, where there are several.
        high: The highest, likewise.
        summary: The metric's summary.
    """

    run: str
    number: int
    label: str
    step: Integers
    x: Floats
    y: Floats
    rank: int | None = None
    smoothed: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    summary: MetricSummary | None = None

    @property
    def title(self) -> str:
        """The run's label, with the rank where each has a line of its own."""
        return self.label if self.rank is None or self.rank < 0 else f"{self.label} rank {self.rank}"

    @property
    def line(self) -> Floats:
        """What is drawn in full colour."""
        return self.y if self.smoothed is None else self.smoothed


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric of some runs.

    Attributes:
        metric: The metric's key, as it was logged.
        axis: What stands below.
        unit: The unit of a relative time, and its seconds.
        goal: In which direction the metric is better, if anybody knows.
        weight: How much it was smoothed; 0 for not at all.
        series: The lines.
        without: Labels of runs that have no point to draw.
    """

    metric: str
    axis: Axis
    unit: tuple[str, float]
    goal: Goal | None
    weight: float
    series: tuple[Series, ...]
    without: tuple[str, ...] = ()

    @property
    def x_label(self) -> str:
        """What the axis shows, as it was logged where it is a metric's name."""
        if self.axis.kind == "relative":
            return f"time ({self.unit[0]})"
        return {"step": "step", "time": "time (UTC)"}.get(self.axis.kind, self.axis.metric)

    def places(self, series: Series) -> Floats:
        """Return where a line's points stand, in the axis's unit."""
        return series.x / self.unit[1]


def curves_of(table: pyarrow.Table) -> dict[str, Curve]:
    """Return the curves in a table of :meth:`gtrack.reader.RecordedRun.curves`, by key."""
    import numpy as np
    import pyarrow as pa

    if not len(table):
        return {}
    key = table["key"].combine_chunks().dictionary_encode()
    codes = key.indices.to_numpy()
    time = table["time"].cast(pa.int64()).to_numpy()
    rank = np.full(len(table), -1, np.int64)
    if "rank" in table.column_names:
        rank = table["rank"].fill_null(-1).to_numpy().astype(np.int64)
    columns = (table["step"].to_numpy(), time, table["value"].to_numpy(), rank)
    return {
        name: Curve(*(column[codes == code] for column in columns))
        for code, name in enumerate(key.dictionary.to_pylist())
    }


def chart_of(
    metric: str,
    runs: Sequence[DrawnRun],
    axis: Axis,
    *,
    weight: float = 0.0,
    by_rank: bool = False,
    goal: Goal | None = None,
) -> Chart:
    """Return the chart of a metric.

    Values of several ranks at one step become their mean with a band from the lowest to the highest, for lines of many
    ranks of many runs tell nothing.

    Args:
        metric: The metric.
        runs: The runs; those without a point are named in ``without``.
        axis: What stands below. A metric's values join by step and rank.
        weight: How much to smooth; see :func:`gtrack.plot.smoothing.smooth`.
        by_rank: Give each rank a line of its own.
        goal: In which direction the metric is better, if anybody knows.
    """
    lines: list[Series] = []
    without: list[str] = []
    for number, run in enumerate(runs):
        found = [one for one in _lines(metric, run, number, axis, by_rank) if len(one.y)]
        lines += found
        without += [] if found else [run.label]
    if weight:
        lines = [replace(one, smoothed=smooth(one.y, weight)) for one in lines]
    unit = _unit(lines) if axis.kind == "relative" else ("", 1.0)
    return Chart(metric, axis, unit, goal, weight, tuple(lines), tuple(without))


def _lines(metric: str, run: DrawnRun, number: int, axis: Axis, by_rank: bool) -> list[Series]:
    import numpy as np

    curve = run.curves.get(metric)
    if curve is None:
        return []
    placed = _placed(curve, run, axis)
    if placed is None:
        return []
    x, keep = placed
    curve = Curve(curve.step[keep], curve.time[keep], curve.value[keep], curve.rank[keep])
    ranks = np.unique(curve.rank).tolist()
    summary = run.summary.get(metric)
    if len(ranks) > 1 and by_rank:
        masks = [(rank, curve.rank == rank) for rank in ranks]
        return [
            Series(run.id, number, run.label, curve.step[mask], x[mask],
                   curve.value[mask], rank, summary=summary)
            for rank, mask in masks
        ]  # fmt: skip
    if len(ranks) > 1:
        step, x, mean, low, high = _over_ranks(curve.step, x, curve.value)
        return [Series(run.id, number, run.label, step, x, mean, low=low, high=high, summary=summary)]
    return [Series(run.id, number, run.label, curve.step, x, curve.value, summary=summary)]


def _placed(curve: Curve, run: DrawnRun, axis: Axis) -> tuple[Floats, Any] | None:
    """Return where a curve's points stand on an axis, and which of them do; None where none can."""
    import numpy as np

    everything = slice(None)
    if axis.kind == "step":
        return curve.step.astype(np.float64), everything
    if axis.kind == "time":
        return curve.time / 1e6, everything
    if axis.kind == "relative":
        start = run.started if run.started is not None else int(curve.time.min())
        return (curve.time - start) / 1e6, everything
    other = run.curves.get(axis.metric)
    return None if other is None else _joined(curve, other)


def _joined(curve: Curve, other: Curve) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the other metric's value at each point's step and rank, the last one logged, and which points have one."""
    import numpy as np

    if _of_one_rank(curve, other):  # as nearly all are: sorting pairs takes fifty times as long
        place = np.searchsorted(other.step, curve.step, side="right") - 1
        keep = (place >= 0) & (other.step[place] == curve.step) & np.isfinite(other.value[place])
        return other.value[place[keep]], keep
    pairs = np.concatenate([np.stack([c.step, c.rank], axis=1) for c in (other, curve)])
    _, ids = np.unique(pairs, axis=0, return_inverse=True)
    ids = ids.reshape(-1)
    last = np.full(int(ids.max()) + 1, -1)
    last[ids[: len(other.step)]] = np.arange(len(other.step))  # rows are in the order of time: the last one stays
    place = last[ids[len(other.step) :]]
    keep = (place >= 0) & np.isfinite(other.value[place])
    return other.value[place[keep]], keep


def _of_one_rank(curve: Curve, other: Curve) -> bool:
    """Tell whether one process logged both, the other one in the order of its steps, as tables have it."""
    if not len(curve.step) or not len(other.step):
        return False
    rank = curve.rank[0]
    ordered = bool((other.step[1:] >= other.step[:-1]).all())
    return ordered and bool((curve.rank == rank).all() and (other.rank == rank).all())


def _over_ranks(step: Integers, x: Floats, value: Floats) -> tuple[Integers, Floats, Floats, Floats, Floats]:
    """Return steps, places, means, lowest and highest values over the ranks at each step, NaN apart."""
    import numpy as np

    starts = np.flatnonzero(np.r_[True, step[1:] != step[:-1]])
    known = ~np.isnan(value)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.add.reduceat(np.where(known, value, 0.0), starts) / np.add.reduceat(known.astype(np.float64), starts)
        place = np.add.reduceat(x, starts) / np.diff(np.r_[starts, len(step)])
    return step[starts], place, mean, np.fmin.reduceat(value, starts), np.fmax.reduceat(value, starts)


def unit_of(longest: float) -> tuple[str, float]:
    """Return the unit in which relative times of up to so many seconds are shown, and its seconds.

    Example:
        >>> unit_of(600.0)
        ('min', 60.0)
    """
    name, seconds, _ = next(unit for unit in _UNITS if longest <= unit[2])
    return name, seconds


def _unit(lines: Sequence[Series]) -> tuple[str, float]:
    return unit_of(max((float(one.x.max()) for one in lines), default=0.0))
