"""How the machine did, aligned in time with what was learnt: panels above each other, over one axis."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gtrack._app.charts.by_key import curves_by_key
from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.colours import COLOURS
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.sections import natural
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import HOVER, Trace
from gtrack.capture.system import PREFIX
from gtrack.plot.charts import Curve, unit_of
from gtrack.plot.thinning import extremes

__all__ = ["system_figure"]

_POINTS = 1_500
_MOST_PANELS = 16
_HEIGHT, _AROUND = 120, 70
_BETWEEN = 26
_UNITS = (
    ("_megabytes_per_second", "MB/s"),
    ("_utilization_percentage", "%"),
    ("_percentage", "%"),
    ("_megabytes", "MB"),
    ("_watts", "W"),
    ("_celsius", "°C"),
    ("_count", ""),
)
_GPU = re.compile(r"gpu_(\d+)_")
_WAY = re.compile(r"_(read|write|receive|transmit)(?=_|$)")
_FIRST = ("GPU", "process", "CPU", "memory", "disk", "network")


@dataclass(frozen=True, slots=True)
class _Member:
    """A metric of a panel.

    Attributes:
        panel: What the panel is called.
        unit: Its unit.
        label: What tells it from the others in it.
        key: The metric.
    """

    panel: str
    unit: str
    label: str
    key: str


def system_figure(
    system: pa.Table, run: ChartRun, *, curves: pa.Table | None = None, metrics: Sequence[str] = ()
) -> Figure:
    """Return what was measured of the machine, below metrics of the run, all over the time since its start.

    Args:
        system: As :meth:`gtrack.recorded_run.RecordedRun.system` returns it.
        run: The run.
        curves: The run's curves, or those of several runs.
        metrics: The metrics to draw above, such as the loss.
    """
    logged = curves_by_key(curves, [run]) if curves is not None else {}
    machine = curves_by_key(system, [run])
    panels: dict[str, list[tuple[_Member, Curve]]] = {}
    for key in metrics:
        for curve in logged.get(key, {}).values():
            panels[short(key, 40)] = [(_Member(short(key, 40), "", "", key), curve)]
    members = sorted((_member(key) for key in machine), key=_place)
    for member in members:
        for curve in machine[member.key].values():
            panels.setdefault(f"{member.panel} ({member.unit})" if member.unit else member.panel, []).append(
                (member, curve)
            )
    shown = dict(list(panels.items())[:_MOST_PANELS])
    times = [int(end) for found in shown.values() for _, curve in found for end in (curve.time.min(), curve.time.max())]
    start = run.started if run.started is not None else min(times, default=0)
    unit, seconds = unit_of(max((max(times, default=start) - start) / 1e6, 0.0))
    traces, layout = _stacked(shown, run, start, seconds)
    layout["xaxis"] = {
        "title": {"text": f"time ({unit})"},
        "anchor": "y" if len(shown) < 2 else f"y{len(shown)}",
        "type": "linear",
    }
    left = len(panels) - len(shown)
    return Figure(
        id=figure_id("system", run.id),
        title="system metrics",
        traces=tuple(traces),
        layout=layout,
        axis=f"relative:{unit}",
        note=f"{counted(left, 'further panel')} left out" if left else "" if traces else "nothing was measured",
        wide=True,
        height=_AROUND + _HEIGHT * max(len(shown), 1),
    )


def _stacked(
    panels: Mapping[str, Sequence[tuple[_Member, Curve]]], run: ChartRun, start: int, seconds: float
) -> tuple[list[Trace], dict[str, Any]]:
    """Return the traces of panels, and a layout with an axis of values for each, from the top."""
    traces: list[Trace] = []
    annotations: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"showlegend": False, "annotations": annotations}
    whole = _HEIGHT * max(len(panels), 1)
    for number, (name, members) in enumerate(panels.items()):
        suffix = "" if number == 0 else str(number + 1)
        top = 1 - number * _HEIGHT / whole
        bottom = top - (_HEIGHT - _BETWEEN) / whole
        percent = members[0][0].unit == "%"
        layout[f"yaxis{suffix}"] = {
            "domain": [max(bottom, 0.0), top],
            "nticks": 4,
            "anchor": "x",
            **({"rangemode": "tozero"} if members[0][0].key.startswith(PREFIX) else {}),
            **({"ticksuffix": "%"} if percent else {}),
        }
        annotations.append(
            {
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": top,
                "xanchor": "left",
                "yanchor": "bottom",
                "text": f"<b>{escaped(name, 60)}</b>",
                "showarrow": False,
                "font": {"size": 11},
            }
        )
        lines = [line for member, curve in members for line in _by_rank(member, curve)]
        for at, (label, x, y) in enumerate(lines):
            colour = run.colour if len(lines) == 1 else COLOURS[at % len(COLOURS)]
            traces.append(_trace(label or name, (x - start) / 1e6 / seconds, y, colour, run.id, suffix))
    return traces, layout


def _by_rank(member: _Member, curve: Curve) -> list[tuple[str, Any, Any]]:
    """Return a line for each process that measured a machine, or that logged the metric."""
    ranks = np.unique(curve.rank).tolist()
    if len(ranks) == 1:
        return [(member.label, curve.time, curve.value)]
    return [
        (f"{member.label} rank {rank}".strip(), curve.time[curve.rank == rank], curve.value[curve.rank == rank])
        for rank in ranks
    ]


def _trace(name: str, x: Any, y: Any, colour: str, run: str, suffix: str) -> Trace:
    # In the order of time, which the order of steps need not be.
    order = np.argsort(x, kind="stable")
    x, y = x[order], np.where(np.isfinite(y[order]), y[order], np.nan)
    keep = extremes(x, y, _POINTS // 5)
    return {
        "type": "scatter",
        "mode": "lines" if len(y) > 1 else "markers",
        "name": escaped(name, 40),
        "x": x[keep],
        "y": y[keep],
        "yaxis": f"y{suffix}",
        "line": {"color": colour, "width": 1.5},
        "marker": {"color": colour, "size": 6},
        "hovertemplate": HOVER,
        "meta": {"run": run, "points": len(y), "name": short(name, 40)},
    }


def _member(key: str) -> _Member:
    """Return the panel of a metric: those of several GPUs, or of both directions, share one."""
    name = key.removeprefix(PREFIX)
    gpu, way = _GPU.match(name), _WAY.search(name)
    ending, unit = next(((ending, unit) for ending, unit in _UNITS if name.endswith(ending)), ("", ""))
    label = f"GPU {gpu[1]}" if gpu else way[1] if way else ""
    stem = _GPU.sub("gpu_", name, count=1).removesuffix(ending)
    stem = _WAY.sub("", stem, count=1)
    words = stem.replace("_", " ").replace("gpu", "GPU").replace("cpu", "CPU").replace("rss", "RSS").strip()
    if ending == "_utilization_percentage":
        words += " utilization"
    if ending == "_count":
        words += " count"
    return _Member(short(words or name, 40), unit, label, key)


def _place(member: _Member) -> tuple[int, str, str, Any]:
    """Sort what trains first: GPUs, the run's processes, then the machine."""
    words = member.panel.split()
    order = next((at for at, word in enumerate(_FIRST) if word in words), len(_FIRST))
    return order, member.panel, member.unit, natural(member.key)
