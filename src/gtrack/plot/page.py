"""Charts as one web page that needs nothing else: no network, no server, no other file.

Nothing in it that comes from a run is markup: text is escaped, data is JSON without a character that HTML knows, the
script puts it into the page as text, and the page's policy runs no script but that one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from gtrack.plot.charts import Chart, Series
from gtrack.plot.palette import colour, dash
from gtrack.plot.thinning import extremes, means
from gtrack.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["page"]

_BUCKETS = 1000
"""Into how many parts a long series is cut: more than a screen has columns to show them in."""


def page(charts: Sequence[Chart], *, log: bool = False) -> str:
    """Return the page.

    Args:
        charts: The charts, with the same runs.
        log: Begin with the values on a logarithmic axis.
    """
    style, script, template = (files("gtrack.plot").joinpath(f"page.{kind}").read_text("utf-8") for kind in _PARTS)
    title = ", ".join(clean(chart.metric) for chart in charts)
    return Template(template).substitute(
        title=escape(f"{title} - gtrack"),
        style=style,
        style_hash=_digest(style),
        script=script,
        script_hash=_digest(script),
        data=_json(_data(charts, log)),
    )


_PARTS = ("css", "js", "html")


def _digest(text: str) -> str:
    """Return what a content security policy names an inline script or style by (https://www.w3.org/TR/CSP3/)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(data: object) -> str:
    """Return JSON in ASCII in which no end of a script element or start of a comment can stand."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(charts: Sequence[Chart], log: bool) -> dict[str, Any]:
    labels: dict[int, str] = {}
    for chart in charts:
        for one in chart.series:
            labels[one.number] = one.label
    place = {number: at for at, number in enumerate(sorted(labels))}
    runs = [
        {"label": labels[number], "colour": colour(number), "dash": " ".join(map(str, dash(number)))}
        for number in place
    ]
    drawn = [_chart(chart, place) for chart in charts]
    return {"runs": runs, "weight": charts[0].weight if charts else 0, "log": log, "charts": drawn}


def _chart(chart: Chart, place: dict[int, int]) -> dict[str, Any]:
    goal = chart.goal
    note = "" if goal is None else f"goal: {goal.direction}" + ("" if goal.declared else ", by its name")
    return {
        "metric": clean(chart.metric),
        "x_label": clean(chart.x_label),
        "time": chart.axis.kind == "time",
        "note": note,
        "series": [_series(one, chart.places(one), place[one.number]) for one in chart.series],
    }


def _series(one: Series, x: Floats, run: int) -> dict[str, Any]:
    kept = extremes(x, one.y, _BUCKETS)
    out: dict[str, Any] = {"run": run, "label": one.title, "x": _numbers(x[kept]), "y": _numbers(one.y[kept])}
    low, high = (one.y if end is None else end for end in (one.low, one.high))
    few = means(x, one.y, low, high, _BUCKETS)
    if len(kept) < len(one.y):
        out["means"] = {"x": _numbers(few.x), "y": _numbers(few.y), "per": few.per}
    if one.low is not None:
        out["band"] = {"x": _numbers(few.x), "low": _numbers(few.low), "high": _numbers(few.high)}
    return out


def _numbers(values: Floats) -> list[float | int | None]:
    """Return numbers in as few digits as a chart can show; None where one is not finite."""
    return [_short(value) if abs(value) < 1e300 else None for value in values.tolist()]


def _short(value: float) -> float | int:
    rounded = float(f"{value:.13g}" if abs(value) >= 1e6 else f"{value:.8g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
