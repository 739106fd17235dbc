"""A Plotly figure that a run logged, as a panel draws it: data that was checked, and nothing that leads elsewhere."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from gtrack._app.charts.figure import Figure
from gtrack._app.charts.text import short

__all__ = ["safe_figure"]

_TYPES = frozenset(
    "scatter scattergl bar barpolar box violin histogram histogram2d histogram2dcontour heatmap contour pie sunburst "
    "treemap icicle funnel funnelarea waterfall candlestick ohlc scatter3d surface mesh3d cone streamtube volume "
    "isosurface scatterpolar scatterpolargl scatterternary scattersmith parcats parcoords sankey splom table indicator "
    "carpet scattercarpet contourcarpet".split()
)
"""Kinds of traces that are drawn from their data alone: maps fetch theirs from other hosts."""
_DROPPED = frozenset(
    "images updatemenus sliders template width height autosize paper_bgcolor plot_bgcolor mapbox map geo uirevision "
    "datarevision modebar newshape selections".split()
)
_LOOKS = re.compile(r"</?(?:b|i|em|strong|sub|sup|u|s)>|<br\s*/?>", re.IGNORECASE)
_MARKUP = re.compile(r"<(?!/?(?:b|i|em|strong|sub|sup|u|s|extra)>|br\s*/?>)", re.IGNORECASE)
_LONGEST = 2_000
_DEEPEST = 24
_MOST_TRACES = 300


def safe_figure(logged: Mapping[str, object], *, key: str, title: str) -> Figure:
    """Return a figure to draw.

    Args:
        logged: What :func:`gtrack.media.figures.read_plotly` returns.
        key: What tells it from the page's other figures.
        title: What it is called, where it has no title of its own.

    Returns:
        The figure; the note says what was left out.
    """
    data, layout = logged.get("data"), logged.get("layout")
    listed = data if isinstance(data, list) else []
    traces = [_plain(trace, 0) for trace in listed[:_MOST_TRACES] if _is_drawn(trace)]
    kept = {name: value for name, value in layout.items() if name not in _DROPPED} if isinstance(layout, dict) else {}
    own = _plain(kept, 0)
    own.pop("title", None)
    named = kept.get("title")
    text = named.get("text") if isinstance(named, Mapping) else named
    left = len(listed) - len(traces)
    notes = [f"{left:,} traces that are not drawn here" if left else "", "its animation is not shown"]
    note = "; ".join(notes if logged.get("frames") else notes[:1])
    shown = _LOOKS.sub(" ", text[:_LONGEST]) if isinstance(text, str) and text.strip() else title
    return Figure(f"plotly-{key}", short(shown, 120), tuple(traces), own, note=note, wide=True, height=_height(layout))


def _is_drawn(trace: object) -> bool:
    return isinstance(trace, dict) and trace.get("type", "scatter") in _TYPES


def _height(layout: object) -> int:
    height = layout.get("height") if isinstance(layout, dict) else None
    if not isinstance(height, int | float) or not math.isfinite(height):
        return 440
    return int(min(max(height, 240), 900))


def _plain(value: Any, depth: int) -> Any:
    """Return a value whose texts hold no markup but what changes the looks of letters."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        # Arrays of numbers come as base64, which has no "<" and may be long.
        return _MARKUP.sub("&lt;", value if len(value) <= _LONGEST or "<" not in value else value[:_LONGEST])
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item, depth + 1) for name, item in value.items()}
    return value if value is None or isinstance(value, bool | int | float) else None
