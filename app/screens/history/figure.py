"""A metric along the commits of branches: single runs, a line for each branch, the best so far, tags, what moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from gtrack._app.charts.colours import FOREGROUND, Ink, inks
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.intervals import interval_of
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import Trace
from gtrack._app.screens.history.axis import axis_of, places_of, tags_of, upright
from gtrack.ids import SHORT
from gtrack.model.statistics import one_sample
from gtrack.ops.blame import Blame, Point
from gtrack.ops.metric_history import CommitPoint, HistoryLine, MetricHistory, RunValue

__all__ = ["CUSTOM", "Value", "history_figure"]

Value = Literal["best", "mean", "last"]
CUSTOM = 12
"""So many digits of a commit's id are the points' ``customdata``."""

_SMALL = 150
"""From so many commits on, their marks are small."""
_SYMBOLS = {"better": "triangle-up", "higher": "triangle-up", "worse": "triangle-down", "lower": "triangle-down"}


def history_figure(
    found: MetricHistory,
    judged: Sequence[Blame],
    *,
    value: Value = "best",
    x: Literal["order", "date"] = "order",
    chosen: str = "",
) -> Figure:
    """Return a metric along commits. The points' ``customdata`` are the first digits of the commits' ids.

    Args:
        found: The metric along branches.
        judged: What is known of each line: which commits moved the metric, and their means.
        value: What stands for a commit: the best, the mean or the newest of its runs.
        x: ``order``, at equal distances; or ``date``.
        chosen: The id of the commit that is looked at.
    """
    place = places_of(found, x)
    colours = inks(line.revision.name for line in found.lines)
    known = [{point.commit.id: point for point in told.points} for told in judged]
    several = len(found.points)
    behind: list[Trace] = []
    lines: list[Trace] = []
    for line, told in zip(found.lines, known, strict=True):
        ink = colours[line.revision.name]
        drawn = {point.commit.id: _value(point, told, found, value) for point in line.points}
        behind += _dots(line, place, ink, drawn)
        lines += _line(found, line, told, place, ink, value, small=several > _SMALL)
    best = _best(found, known, place, value)
    shapes, annotations = tags_of(found, place, x)
    if chosen in place:
        shapes = [*shapes, upright(place[chosen], {"color": FOREGROUND, "width": 1.5}, 0.8)]
    return Figure(
        figure_id("history", found.experiment, found.metric, x),
        short(found.metric, 120),
        (*behind, *best, *lines),
        {
            "xaxis": axis_of(list(place), x),
            "yaxis": {"title": {"text": escaped(found.metric, 40)}},
            "shapes": shapes,
            "annotations": annotations,
            "margin": {"t": 44 if annotations else 12},
            "hovermode": "closest",
            "showlegend": True,
            "uirevision": figure_id("history", found.experiment, found.metric, x),
        },
        note=_note(found, judged, value),
        wide=True,
        height=440,
    )


def _value(point: CommitPoint, told: Mapping[str, Point], found: MetricHistory, value: Value) -> float:
    """Return what stands for a commit: of means that of the runs that blame compares, where it does."""
    judged = told.get(point.commit.id)
    if value == "mean" and judged is not None:
        return judged.sample.mean
    return point.value(value, found.goal)


def _dots(line: HistoryLine, place: Mapping[str, float], ink: Ink, drawn: Mapping[str, float]) -> list[Trace]:
    """Return the single runs: discs, and rings where the code had edits that were not committed.

    A run that is all that the line shows of its commit is left to the line, which says more of it.
    """
    own = line.points[line.parted :]
    committed = [
        (point, run) for point in own for run in point.runs if not run.edited and run.value != drawn[point.commit.id]
    ]
    edited = [(point, run) for point in own for run in (*point.runs, *point.edited) if run.edited]
    out = []
    for name, runs, symbol in (("runs", committed, "circle"), ("uncommitted edits", edited, "circle-open")):
        shown = [(point, run) for point, run in runs if np.isfinite(run.value)]
        if not shown:
            continue
        out.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{escaped(line.revision.name, 40)}: {name}",
                "x": np.array([place[point.commit.id] for point, _ in shown]),
                "y": np.array([run.value for _, run in shown]),
                "customdata": [point.commit.id[:CUSTOM] for point, _ in shown],
                "hovertemplate": "%{y:.6~g}<extra>%{fullData.name}</extra>",
                "legendgroup": figure_id("line", line.revision.name, symbol),
                "showlegend": symbol == "circle-open",
                "marker": {
                    "color": ink.colour,
                    "symbol": symbol,
                    "size": 7 if symbol == "circle-open" else 5,
                    "opacity": 0.85 if symbol == "circle-open" else 0.35,
                },
                "meta": {"role": "raw"},
            }
        )
    return out


def _line(
    found: MetricHistory,
    line: HistoryLine,
    told: Mapping[str, Point],
    place: Mapping[str, float],
    ink: Ink,
    value: Value,
    *,
    small: bool,
) -> list[Trace]:
    """Return a branch's line: from where it parted from another one, to its last commit with runs."""
    with_runs = [(at, point) for at, point in enumerate(line.points) if point.runs]
    values = [_value(point, told, found, value) for _, point in with_runs]
    kept = [(at, point, y) for (at, point), y in zip(with_runs, values, strict=True) if np.isfinite(y)]
    first = next((number for number, (at, *_) in enumerate(kept) if at >= line.parted), None)
    if first is None:
        return []
    shared = kept[max(first - 1, 0) : first]
    own = kept[first:]
    name, group = escaped(line.revision.name, 40), figure_id("line", line.revision.name)
    path: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": group,
        "x": np.array([place[point.commit.id] for _, point, _ in (*shared, *own)]),
        "y": np.array([y for *_, y in (*shared, *own)]),
        "hoverinfo": "skip",  # the points tell
        "line": {"color": ink.colour, "width": 1.5 if small else 2, "dash": ink.dash},
        "meta": {"role": "line", "branch": short(line.revision.name)},
    }
    verdicts = [_verdict(told.get(point.commit.id)) for _, point, _ in own]
    points: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": group,
        "showlegend": False,
        "x": np.array([place[point.commit.id] for _, point, _ in own]),
        "y": np.array([y for *_, y in own]),
        "customdata": [point.commit.id[:CUSTOM] for _, point, _ in own],
        "text": [_text(found, point, told.get(point.commit.id), y, value) for _, point, y in own],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": ink.colour,
            "symbol": [_SYMBOLS.get(verdict, "circle") for verdict in verdicts],
            "size": [13 if verdict else 4 if small else 8 for verdict in verdicts],
            "opacity": 1,
        },
        "meta": {"role": "commits", "branch": short(line.revision.name)},
    }
    if value == "mean":
        half = [_half(told.get(point.commit.id), point) for _, point, _ in own]
        points["error_y"] = {"type": "data", "array": half, "color": ink.colour, "thickness": 1, "width": 3}
    return [path, points]


def _half(judged: Point | None, point: CommitPoint) -> float:
    """Return half of a mean's 95 % interval."""
    if judged is None:
        return interval_of(run.value for run in point.runs)[1]
    return one_sample(judged.sample).half_width or 0.0


def _verdict(judged: Point | None) -> str:
    step = None if judged is None else judged.step
    return step.verdict or "" if step is not None and step.moved else ""


def _text(found: MetricHistory, point: CommitPoint, judged: Point | None, y: float, value: Value) -> str:
    """Return what a commit says of itself."""
    tags = ", ".join(found.tags.get(point.commit.id, ()))
    verdict = _verdict(judged)
    what = "best" if value == "best" and found.goal is not None else "newest" if value == "last" else "mean"
    of = f"{what} of {counted(len(point.runs), 'run')}" if len(point.runs) > 1 else "1 run"
    lines = [
        f"<b>{point.commit.id[:SHORT]}</b> {escaped(point.commit.subject)}",
        f"{y:.6g} ({of})",
        f"<b>moved it: {verdict}</b>" if verdict else "",
        escaped(point.commit.author, 40) if point.commit.author else "",
        f"tagged {escaped(tags, 40)}" if tags else "",
    ]
    return "<br>".join(filter(None, lines))


def _best(
    found: MetricHistory, known: Sequence[Mapping[str, Point]], place: Mapping[str, float], value: Value
) -> list[Trace]:
    """Return the best so far along the first line that has any."""
    if found.goal is None:
        return []
    for line, told in zip(found.lines, known, strict=True):
        shown = [point for point in line.points if point.runs]
        values = np.array([_value(point, told, found, value) for point in shown])
        if not np.isfinite(values).any():
            continue
        values = np.where(np.isfinite(values), values, np.nan)
        so_far = (np.fmin if found.goal.direction == "min" else np.fmax).accumulate(values)
        return [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "best so far",
                "x": np.array([place[point.commit.id] for point in shown]),
                "y": so_far,
                "hoverinfo": "skip",
                "line": {"color": FOREGROUND, "width": 1, "dash": "dot", "shape": "hv"},
                "opacity": 0.6,
                "meta": {"role": "best"},
            }
        ]
    return []


def _note(found: MetricHistory, judged: Sequence[Blame], value: Value) -> str:
    points = found.points
    runs: list[RunValue] = [run for point in points for run in (*point.runs, *point.edited)]
    lost = sum(not np.isfinite(run.value) for run in runs)
    said = [
        f"{counted(lost, 'run')} without a finite value" if lost else "",
        "triangles: moved by more than chance explains" if any(told.moved_most for told in judged) else "",
        "bars: 95 % intervals" if value == "mean" else "",
        "whether high or low is better is unknown" if found.goal is None else "",
    ]
    return "; ".join(filter(None, said))
