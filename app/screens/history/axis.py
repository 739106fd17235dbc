"""What runs along the history's chart: the commits in order or by date, and the tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gtrack._app.charts.colours import FOREGROUND
from gtrack._app.charts.text import escaped
from gtrack.ids import SHORT
from gtrack.ops.metric_history import MetricHistory

__all__ = ["axis_of", "places_of", "tags_of", "upright"]

_MOST_TICKS = 6
_MOST_TAGS = 30


def places_of(found: MetricHistory, x: str) -> dict[str, float]:
    """Return where each commit with runs stands along x: by date in milliseconds, else one after another.

    Commits of different branches stand in the order of their dates, those of one branch in git's.
    """
    if x == "date":
        return {point.commit.id: point.commit.time * 1e3 for point in found.points}
    order: list[tuple[int, int, int, str]] = []
    for number, line in enumerate(found.lines):
        latest = 0
        for at, point in enumerate(line.points):
            latest = max(latest, point.commit.time)  # a clock that was wrong does not turn the order around
            if at >= line.parted:
                order.append((latest, number, at, point.commit.id))
    return {commit: float(at) for at, (*_, commit) in enumerate(sorted(order))}


def tags_of(
    found: MetricHistory, place: Mapping[str, float], x: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a line and a label for each tagged commit, the newest where there are very many.

    One that has no runs stands halfway between those that have, or at its own date; those older than all runs are left
    out.

    Args:
        found: The metric along branches.
        place: Where commits with runs stand.
        x: As in :func:`places_of`.
    """
    at: dict[float, list[str]] = {}
    for line in found.lines:
        before: float | None = None
        for commit in reversed(line.commits):
            here = place.get(commit.id)
            before = before if here is None else here
            if before is None:
                continue
            between = commit.time * 1e3 if x == "date" else before + 0.5
            known = at.setdefault(between if here is None else here, [])
            known += [tag for tag in found.tags.get(commit.id, ()) if tag not in known]
    tagged = sorted((where, tags) for where, tags in at.items() if tags)[-_MOST_TAGS:]
    shapes = [upright(where, {"color": FOREGROUND, "width": 1, "dash": "dot"}, 0.35) for where, _ in tagged]
    annotations = [
        {
            "xref": "x",
            "yref": "paper",
            "x": where,
            "y": 1,
            "yanchor": "bottom",
            "text": escaped(", ".join(tags), 24),
            "showarrow": False,
            "textangle": -30 if len(tagged) > 8 else 0,
            "font": {"size": 11},
        }
        for where, tags in tagged
    ]
    return shapes, annotations


def upright(where: float, line: dict[str, Any], opacity: float) -> dict[str, Any]:
    """Return an upright line through the whole chart."""
    ends = {"x0": where, "x1": where, "y0": 0, "y1": 1}
    return {"type": "line", "xref": "x", "yref": "paper", **ends, "line": line, "opacity": opacity, "layer": "below"}


def axis_of(commits: Sequence[str], x: str) -> dict[str, Any]:
    """Return the axis along which commits stand, in the order of their places."""
    if x == "date":
        return {"type": "date", "title": {"text": "committed (UTC)"}}
    stride = max(1, -(-len(commits) // _MOST_TICKS))
    places = list(range(0, len(commits), stride))
    return {
        "type": "linear",
        "tickvals": places,
        "ticktext": [commits[at][:SHORT] for at in places],
        "range": [-0.6, max(len(commits) - 0.4, 0.6)],
        "zeroline": False,
    }
