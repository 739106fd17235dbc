"""The leaderboard as a chart: each row's mean with its interval and its single runs, beside the baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gtrack._app.charts.colours import COLOURS, FOREGROUND, MISSING
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import Trace
from gtrack.errors import UsageError
from gtrack.index.filter import Compare, parse
from gtrack.model.state import RunState
from gtrack.model.statistics import one_sample
from gtrack.ops.leaderboard import Leaderboard, Row

__all__ = ["floor_on", "leaderboard_figure"]

_MOST = 15
_MOST_DOTS = 200
_PER_ROW, _AROUND = 26, 110
_OTHER = COLOURS[1]


def leaderboard_figure(
    board: Leaderboard,
    rows: Sequence[Row],
    states: Mapping[str, RunState],
    *,
    floor: float | None = None,
    chosen: str = "",
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Return the first rows as points with 95 % intervals of their means, the best on top.

    The points' ``customdata`` are the ids of the rows' best runs.

    Args:
        board: The leaderboard.
        rows: Its rows that are shown, the baseline's among them.
        states: The best run of each.
        floor: What a run has to reach of this metric, where it is a matter of this metric.
        chosen: The id of the best run of the row that is looked at.
        labels: What rows are called, by their best runs' ids; by the names of these where nothing is said.
    """
    numbers = _drawn(rows)
    names = {row.best.id: (labels or {}).get(row.best.id) or states[row.best.id].name for row in numbers}
    lower = board.goal.direction == "min"
    return Figure(
        figure_id("leaderboard", board.metric),
        short(f"{board.metric}, {'lower' if lower else 'higher'} is better", 120),
        (*_dots(numbers), _means(numbers, names)),
        _layout(board, numbers, names, floor, chosen),
        note=_note(board, rows, numbers),
        wide=True,
        height=_AROUND + _PER_ROW * max(len(numbers), 2),
    )


def floor_on(text: str | None, metric: str) -> float | None:
    """Return what a floor asks of a metric, where it is one comparison of that metric with a number.

    Example:
        >>> floor_on("metrics.val_auc >= 0.8", "val_auc"), floor_on("metrics.precision >= 0.8", "val_auc")
        (0.8, None)
    """
    if text is None:
        return None
    try:
        found = parse(text)
    except UsageError:
        return None
    if not isinstance(found, Compare) or found.field.scope != "metrics" or found.field.key != metric:
        return None
    value = found.value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _drawn(rows: Sequence[Row]) -> list[Row]:
    """Return the first rows and the baseline's, as far as their means are numbers."""
    shown = list(rows[:_MOST])
    if not any(row.baseline for row in shown):
        shown += [row for row in rows[_MOST:] if row.baseline]
    return [row for row in shown if math.isfinite(row.sample.mean)]


def _layout(
    board: Leaderboard, rows: Sequence[Row], names: Mapping[str, str], floor: float | None, chosen: str
) -> dict[str, Any]:
    """Return the axes, with what is marked behind the rows: the baseline, the floor and the row that is looked at."""
    base = board.baseline
    shapes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    if base is not None and math.isfinite(base.sample.mean):
        _mark(shapes, annotations, base.sample.mean, "baseline", {"color": FOREGROUND, "width": 1.25, "dash": "dash"})
    if floor is not None and math.isfinite(floor):
        _mark(shapes, annotations, floor, "floor", {"color": _OTHER, "width": 1.25, "dash": "dot"})
    shapes += [_band(at) for at, row in enumerate(rows) if row.best.id == chosen]
    return {
        "xaxis": {"title": {"text": escaped(board.metric, 40)}, "zeroline": False},
        "yaxis": {
            "tickvals": list(range(len(rows))),
            "ticktext": [f"{row.rank or '—'}  {escaped(names[row.best.id], 26)}" for row in rows],
            "range": [max(len(rows), 1) - 0.5, -0.5],
            "automargin": True,
            "zeroline": False,
        },
        "shapes": shapes,
        "annotations": annotations,
        "margin": {"t": 24},
        "hovermode": "closest",
        "showlegend": False,
    }


def _note(board: Leaderboard, rows: Sequence[Row], drawn: Sequence[Row]) -> str:
    """Return how many rows are left out, and what the bars are where there are any."""
    first = rows[:_MOST]
    ranked = sum(row.rank is not None and row in first for row in drawn)
    said = [f"the first {ranked} of {counted(board.total, 'row')}" if board.total > ranked else ""]
    said += ["bars: 95 % intervals of the means" if any(row.sample.std is not None for row in drawn) else ""]
    return "; ".join(filter(None, said))


def _dots(rows: Sequence[Row]) -> list[Trace]:
    """Return the single runs of rows that have several."""
    dots = [(at, row, run) for at, row in enumerate(rows) if row.sample.n > 1 for run in row.runs[:_MOST_DOTS]]
    known = [(at, row, float(run.value)) for at, row, run in dots if run.value is not None and math.isfinite(run.value)]
    if not known:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "runs",
            "x": np.array([value for *_, value in known]),
            "y": np.array([float(at) for at, *_ in known]),
            "customdata": [row.best.id for _, row, _ in known],
            "hovertemplate": "%{x:.6~g}<extra>run</extra>",
            "marker": {"color": COLOURS[0], "size": 6, "opacity": 0.3},
            "meta": {"role": "raw"},
        }
    ]


def _means(rows: Sequence[Row], names: Mapping[str, str]) -> Trace:
    half = [one_sample(row.sample).half_width or 0.0 for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "mean",
        "x": np.array([row.sample.mean for row in rows]),
        "y": np.arange(len(rows), dtype=np.float64),
        "error_x": {"type": "data", "array": half, "color": FOREGROUND, "thickness": 1.25, "width": 4},
        "customdata": [row.best.id for row in rows],
        "text": [_text(row, names[row.best.id], off) for row, off in zip(rows, half, strict=True)],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": [MISSING if row.baseline else COLOURS[0] for row in rows],
            "symbol": ["diamond" if row.baseline else "circle" for row in rows],
            "size": 10,
        },
        "meta": {"role": "rows"},
    }


def _text(row: Row, name: str, half: float) -> str:
    spread = f" ± {half:.3g}" if half else ""
    against = "the baseline" if row.baseline else _against(row)
    lines = [
        f"<b>{row.rank or '—'}</b> {escaped(name)}",
        f"{row.sample.mean:.6g}{spread} ({counted(row.sample.n, 'run')})",
    ]
    return "<br>".join([*lines, *([against] if against else [])])


def _against(row: Row) -> str:
    if row.delta is None:
        return ""
    half = row.delta.half_width
    return f"{row.delta.difference:+.4g}{'' if half is None else f' ± {half:.2g}'} to the baseline"


def _mark(
    shapes: list[dict[str, Any]], annotations: list[dict[str, Any]], x: float, name: str, line: dict[str, Any]
) -> None:
    ends = {"x0": x, "x1": x, "y0": 0, "y1": 1}
    shapes.append({"type": "line", "xref": "x", "yref": "paper", **ends, "line": line, "layer": "below"})
    annotations.append(
        {
            "xref": "x",
            "yref": "paper",
            "x": x,
            "y": 1,
            "yanchor": "bottom",
            "text": name,
            "showarrow": False,
            "font": {"size": 11},
        }
    )


def _band(at: int) -> dict[str, Any]:
    ends = {"x0": 0, "x1": 1, "y0": at - 0.45, "y1": at + 0.45}
    return {
        "type": "rect",
        "xref": "paper",
        "yref": "y",
        **ends,
        "line": {"width": 0},
        "fillcolor": COLOURS[0],
        "opacity": 0.12,
        "layer": "below",
    }
