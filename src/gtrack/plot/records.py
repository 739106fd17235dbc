"""The points of charts as records, for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gtrack.clock import iso
from gtrack.plot.charts import Chart, DrawnRun

__all__ = ["columns", "records"]

_PLACES = {"step": "step", "time": "time", "relative": "seconds"}


def records(chart: Chart, names: Mapping[str, DrawnRun]) -> Iterator[dict[str, object]]:
    """Yield a record for every point of a chart, none left out.

    Args:
        chart: The chart.
        names: The runs by id.
    """
    place = _PLACES.get(chart.axis.kind, "x")
    for one in chart.series:
        ranks = {} if one.rank is None else {"rank": one.rank}
        fixed = {"run": one.run, "name": names[one.run].name, "metric": chart.metric, **ranks}
        smoothed = [None] * len(one.y) if one.smoothed is None else one.smoothed.tolist()
        for step, x, value, soft in zip(one.step.tolist(), one.x.tolist(), one.y.tolist(), smoothed, strict=True):
            record: dict[str, object] = {**fixed, "step": step}
            if chart.axis.kind != "step":
                record[place] = iso(round(x * 1e6)) if chart.axis.kind == "time" else x
            record["value"] = value
            if one.smoothed is not None:
                record["smoothed"] = soft
            yield record


def columns(chart: Chart) -> list[str]:
    """Return the names in the records of a chart, in their order."""
    ranks = ["rank"] if any(one.rank is not None for one in chart.series) else []
    place = [] if chart.axis.kind == "step" else [_PLACES.get(chart.axis.kind, "x")]
    smoothed = ["smoothed"] if chart.weight else []
    return ["run", "name", "metric", *ranks, "step", *place, "value", *smoothed]
