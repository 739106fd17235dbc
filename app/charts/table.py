"""A figure as rows of a table, for those who do not see it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gtrack._app.charts.figure import Figure
from gtrack._app.charts.text import short
from gtrack._app.charts.traces import Trace

__all__ = ["rows_of"]

_BREAK = re.compile(r"<br>|</?b>")
_ROLES = ("band", "raw", "marks")
_MOST_ROWS = 500


def rows_of(figure: Figure) -> list[dict[str, Any]]:
    """Return a row for each line, bar or part of a figure, at most 500.

    Args:
        figure: The figure.

    Returns:
        Rows of the same keys: of lines and points ``name``, ``points``, ``first``, ``last``, ``min`` and ``max``; of
        bars ``name`` and ``value``. Texts are as they are, without markup.

    Example:
        >>> rows_of(figure)
        [{'name': 'run-1', 'points': 100, 'first': 0.9, 'last': 0.1, 'min': 0.1, 'max': 0.9}]
    """
    rows: list[dict[str, Any]] = []
    for trace in figure.traces:
        if trace.get("meta", {}).get("role") in _ROLES:
            continue
        rows += _rows(trace)
        if len(rows) >= _MOST_ROWS:
            break
    return rows[:_MOST_ROWS]


def _rows(trace: Trace) -> list[dict[str, Any]]:
    kind = trace["type"]
    if kind == "bar":
        return _bars(trace)
    if kind in ("parcoords", "splom"):
        return [
            _row(_plain(dimension["label"]), _numbers(dimension["values"]), None) for dimension in trace["dimensions"]
        ]
    if kind == "heatmap":
        return _columns(trace)
    return [_row(_plain(trace.get("name", "")), _numbers(trace["y"]), trace.get("meta", {}).get("points"))]


def _row(name: str, values: np.ndarray[Any, np.dtype[np.float64]], points: int | None) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    first, last = (float(known[0]), float(known[-1])) if len(known) else (None, None)
    low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
    number = len(values) if points is None else points
    return {"name": name, "points": number, "first": first, "last": last, "min": low, "max": high}


def _bars(trace: Trace) -> list[dict[str, Any]]:
    lengths = trace["x"] if trace.get("orientation") == "h" else trace["y"]
    said: Iterable[Any] = trace.get("hovertext") or trace.get("text") or [trace.get("name", "")] * len(lengths)
    return [{"name": _plain(text), "value": float(value)} for text, value in zip(said, lengths, strict=True)]


def _columns(trace: Trace) -> list[dict[str, Any]]:
    """Return what a map of distributions says at each step: how many values, and which is the most frequent."""
    weights = np.array([[np.nan if share is None else share for share in row] for row in trace["z"]], np.float64)
    heights = np.asarray(trace["y"], np.float64)
    rows = []
    for at, step in enumerate(trace["x"]):
        column = weights[:, at]
        most = int(np.nanargmax(column)) if np.isfinite(column).any() else None
        rows.append({"name": f"step {float(step):g}", "value": None if most is None else float(heights[most])})
    return rows


def _numbers(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _plain(text: str) -> str:
    """Return a text of a figure without Plotly's markup."""
    return short(html.unescape(_BREAK.sub(" ", text)), 120)
