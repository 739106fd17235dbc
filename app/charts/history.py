"""A metric along the commits of branches: what each commit's runs came to, and the best so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gtrack._app.charts.colours import FOREGROUND, inks
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.intervals import interval_of
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import Trace
from gtrack.ids import SHORT
from gtrack.model.goal import Goal
from gtrack.ops.leaderboard import value_of

if TYPE_CHECKING:
    from gtrack.ops.blame import Blame

__all__ = ["HistoryPoint", "history_figure", "points_of"]

_MOST_TICKS = 16
_MOST_TAGS = 30


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """A commit and the values of its runs.

    Attributes:
        commit: Its id.
        time: When it was committed, in seconds since the epoch.
        subject: The first line of its message, not to be trusted; likewise the others.
        branch: The branch whose line it is drawn on.
        author: Its author's name.
        values: The ids of its runs, each with its value.
        tags: Tags of the commit, such as ``v1.2``.
        verdict: ``better``, ``worse``, ``higher`` or ``lower``, where it moved the metric further than chance does.
    """

    commit: str
    time: int
    subject: str
    branch: str
    author: str = ""
    values: tuple[tuple[str, float], ...] = ()
    tags: tuple[str, ...] = ()
    verdict: str | None = None


def points_of(blame: Blame, branch: str, tags: Mapping[str, Sequence[str]] | None = None) -> list[HistoryPoint]:
    """Return the commits of a history that was followed, the oldest first.

    Args:
        blame: The metric along the history of a branch.
        branch: The branch.
        tags: The tags of commits, by commit.
    """
    found = []
    for point in blame.points:
        values = [(run.id, value_of(run, blame.metric, blame.goal)) for run in point.runs]
        commit = point.commit
        found.append(
            HistoryPoint(
                commit.id,
                commit.time,
                commit.subject,
                branch,
                commit.author,
                tuple((run, value) for run, value in values if value is not None),
                tuple((tags or {}).get(commit.id, ())),
                point.step.verdict if point.step is not None and point.step.moved else None,
            )
        )
    return found


def history_figure(
    points: Sequence[HistoryPoint], metric: str, goal: Goal | None = None, *, x: str = "order", title: str = ""
) -> Figure:
    """Return a metric along commits: single runs, the mean of each commit, a line for each branch, and the best so far.

    The trace's ``customdata`` are the commits. A commit of several branches is on the line of the first.

    Args:
        points: The commits of each branch from the oldest on; the main branch first.
        metric: The metric.
        goal: Which way it is better, for the best so far.
        x: ``order``, at equal distances; or ``date``.
        title: Shown above it; the metric by default.
    """
    once: dict[str, HistoryPoint] = {}
    for point in points:
        if any(np.isfinite(value) for _, value in point.values):
            once.setdefault(point.commit, point)
    # Of equal times the order that was given stays: git's.
    ordered = sorted(once.values(), key=lambda point: point.time)
    place = {point.commit: point.time * 1e3 if x == "date" else float(at) for at, point in enumerate(ordered)}
    branches: dict[str, list[HistoryPoint]] = {}
    for point in once.values():
        branches.setdefault(point.branch, []).append(point)
    colours = inks(branches)
    traces: list[Trace] = []
    for name, members in branches.items():
        members.sort(key=lambda point: place[point.commit])
        traces += [_runs(members, place, colours[name].colour), _means(name, members, place, colours[name].colour)]
    best = _best(next(iter(branches.values()), []), place, goal)
    shapes, annotations = _tags(ordered, place)
    notes = [_lost(once, points), "" if goal is not None else "whether high or low is better is unknown"]
    return Figure(
        id=figure_id("history", metric, title),
        title=short(title or metric, 120),
        traces=(*best, *traces),
        layout={
            "xaxis": _axis(ordered, x),
            "yaxis": {"title": {"text": escaped(metric, 40)}},
            "shapes": shapes,
            "annotations": annotations,
            "hovermode": "closest",
            "showlegend": len(branches) > 1 or bool(best),
        },
        note="; ".join(note for note in notes if note),
        wide=True,
        height=420,
    )


def _finite(point: HistoryPoint) -> list[float]:
    return [value for _, value in point.values if np.isfinite(value)]


def _runs(points: Sequence[HistoryPoint], place: Mapping[str, float], colour: str) -> Trace:
    single = [(point, value) for point in points if len(_finite(point)) > 1 for value in _finite(point)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "runs",
        "x": [place[point.commit] for point, _ in single],
        "y": [value for _, value in single],
        "customdata": [point.commit for point, _ in single],
        "hoverinfo": "skip",
        "showlegend": False,
        "marker": {"color": colour, "size": 5, "opacity": 0.4},
        "meta": {"role": "raw"},
    }


def _means(branch: str, points: Sequence[HistoryPoint], place: Mapping[str, float], colour: str) -> Trace:
    found = [interval_of(_finite(point)) for point in points]
    symbols = {"better": "triangle-up", "higher": "triangle-up", "worse": "triangle-down", "lower": "triangle-down"}
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": escaped(branch),
        "x": [place[point.commit] for point in points],
        "y": [mean for mean, _ in found],
        "error_y": {"type": "data", "array": [half for _, half in found], "color": colour, "thickness": 1, "width": 3},
        "customdata": [point.commit for point in points],
        "text": [_text(point, mean, half) for point, (mean, half) in zip(points, found, strict=True)],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": colour, "width": 1.75},
        "marker": {
            "color": colour,
            "size": [12 if point.verdict else 8 for point in points],
            "symbol": [symbols.get(point.verdict or "", "circle") for point in points],
        },
        "meta": {"role": "commits", "branch": short(branch)},
    }


def _text(point: HistoryPoint, mean: float, half: float) -> str:
    """Return what a commit says of itself."""
    runs = len(_finite(point))
    spread = f" ± {half:.3g}" if half else ""
    lines = [
        f"<b>{point.commit[:SHORT]}</b> {escaped(point.subject)}",
        f"{mean:.6g}{spread} ({counted(runs, 'run')})",
        *([f"moved it: {point.verdict}"] if point.verdict else []),
        *([escaped(point.author, 40)] if point.author else []),
        *([escaped(", ".join(point.tags))] if point.tags else []),
    ]
    return "<br>".join(lines)


def _best(points: Sequence[HistoryPoint], place: Mapping[str, float], goal: Goal | None) -> list[Trace]:
    """Return the best mean so far, along the first branch."""
    if goal is None or not points:
        return []
    means = np.array([interval_of(_finite(point))[0] for point in points])
    best = (np.fmin if goal.direction == "min" else np.fmax).accumulate(means)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": [place[point.commit] for point in points],
            "y": best,
            "hoverinfo": "skip",
            "line": {"color": FOREGROUND, "width": 1, "dash": "dot", "shape": "hv"},
            "opacity": 0.6,
            "meta": {"role": "best"},
        }
    ]


def _tags(
    points: Sequence[HistoryPoint], place: Mapping[str, float]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a line and a label for each tagged commit, the newest ones where there are very many."""
    tagged = [point for point in points if point.tags][-_MOST_TAGS:]
    shapes = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": place[point.commit],
            "x1": place[point.commit],
            "y0": 0,
            "y1": 1,
            "line": {"color": FOREGROUND, "width": 1, "dash": "dot"},
            "opacity": 0.35,
            "layer": "below",
        }
        for point in tagged
    ]
    annotations = [
        {
            "xref": "x",
            "yref": "paper",
            "x": place[point.commit],
            "y": 1,
            "yanchor": "bottom",
            "text": escaped(", ".join(point.tags), 24),
            "showarrow": False,
            "textangle": -30 if len(tagged) > 8 else 0,
            "font": {"size": 11},
        }
        for point in tagged
    ]
    return shapes, annotations


def _axis(points: Sequence[HistoryPoint], x: str) -> dict[str, Any]:
    if x == "date":
        return {"type": "date", "title": {"text": "committed (UTC)"}}
    stride = max(1, -(-len(points) // _MOST_TICKS))
    places = list(range(0, len(points), stride))
    return {
        "type": "linear",
        "title": {"text": "commits"},
        "tickvals": places,
        "ticktext": [points[place].commit[:SHORT] for place in places],
        "range": [-0.5, max(len(points) - 0.5, 0.5)],
        "zeroline": False,
    }


def _lost(once: Mapping[str, HistoryPoint], points: Sequence[HistoryPoint]) -> str:
    off = len({point.commit for point in points} - once.keys())
    return f"{counted(off, 'commit')} without a finite value" if off else ""
