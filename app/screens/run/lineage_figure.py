"""Runs and what they were made from as a picture: what came first on the left, what was made of it on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gtrack._app.charts.colours import COLOURS, FOREGROUND, MISSING
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.text import counted, escaped
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.model.uses import Edge, Step
from gtrack.ops.lineage import Lineage

__all__ = ["lineage_figure", "places"]

_MOST = 60
_ROW, _AROUND = 58, 70


def lineage_figure(found: Lineage) -> Figure:
    """Return the runs as points, a click on which tells their ids, and what was used as lines between them.

    Args:
        found: What :func:`gtrack.ops.lineage.lineage` returns, both ways.
    """
    spots = places(found)
    edges = [edge for edge in found.edges if edge.run in spots and edge.user in spots]
    rows = max((abs(y) for _, y in spots.values()), default=0.0)
    left = _left_out(found) - len(spots)
    return Figure(
        id=f"lineage-{found.run}",
        title="",
        traces=(_lines(edges, spots), _points(spots, found.states, found.run)),
        layout={
            "xaxis": {"visible": False, "range": [min(x for x, _ in spots.values()) - 0.6,
                                                  max(x for x, _ in spots.values()) + 0.6]},
            "yaxis": {"visible": False, "range": [-rows - 0.8, rows + 0.8]},
            "showlegend": False,
            "hovermode": "closest",
            "annotations": [_label(edge, spots) for edge in edges],
        },
        note=f"{counted(left, 'run')} more than is drawn" if left > 0 else "",
        wide=True,
        height=int(_AROUND + _ROW * max(2.0, 2 * rows + 1)),
    )  # fmt: skip


def places(found: Lineage) -> dict[str, tuple[float, float]]:
    """Return where each run stands: as many columns from the first as there are steps on the way, rows about 0."""
    columns: dict[str, int] = {found.run: 0}
    for steps, way in ((found.up or (), -1), (found.down or (), 1)):
        for step in steps:
            if len(columns) < _MOST or step.run in columns:
                columns.setdefault(step.run, way * len(step.lasts))
    members: dict[int, list[str]] = {}
    for run_id, column in columns.items():
        members.setdefault(column, []).append(run_id)
    return {
        run_id: (float(column), (len(runs) - 1) / 2 - row)
        for column, runs in members.items()
        for row, run_id in enumerate(runs)
    }


def _left_out(found: Lineage) -> int:
    steps: Sequence[Step] = (*(found.up or ()), *(found.down or ()))
    return len({step.run for step in steps} | {found.run}) + sum(step.more for step in steps)


def _lines(edges: Sequence[Edge], spots: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    for edge in edges:
        (x0, y0), (x1, y1) = spots[edge.run], spots[edge.user]
        x += [x0, x1, None]
        y += [y0, y1, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": MISSING, "width": 1.2},
        "hoverinfo": "skip",
    }


def _points(spots: Mapping[str, tuple[float, float]], states: Mapping[str, RunState], own: str) -> dict[str, Any]:
    names = [escaped(states[run_id].name, 24) if run_id in states else "not here" for run_id in spots]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [x for x, _ in spots.values()],
        "y": [y for _, y in spots.values()],
        "text": names,
        "textposition": "top center",
        "textfont": {"color": FOREGROUND},
        "customdata": list(spots),
        "hovertext": [f"{name} {run_id[:SHORT]}" for name, run_id in zip(names, spots, strict=True)],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "size": [18 if run_id == own else 13 for run_id in spots],
            "color": [COLOURS[1] if run_id == own else COLOURS[0] if run_id in states else MISSING for run_id in spots],
        },
    }


def _label(edge: Edge, spots: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Return the words on a line, and the arrow at its end."""
    (x0, y0), (x1, y1) = spots[edge.run], spots[edge.user]
    return {
        "x": (x0 + x1) / 2,
        "y": (y0 + y1) / 2,
        "text": f"{escaped(edge.path or edge.digest[:SHORT] or 'used', 28)} →",
        "showarrow": False,
        "yshift": 9,
        "font": {"size": 10},
    }
