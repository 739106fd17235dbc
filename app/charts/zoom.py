"""The ranges along x that charts are zoomed to, as an address has them: a link shows a colleague the same part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from gtrack._app.charts.figure import Figure
from gtrack._app.charts.settings import CurveSettings
from gtrack.plot.charts import Axis

__all__ = ["Zooms", "draw_near", "keep_zooms", "read_zooms", "with_zoom", "zoom_of"]

Zooms: TypeAlias = Mapping[str, tuple[float, float]]
"""Ranges by their axes' names (see :func:`gtrack._app.charts.curves.axis_name`); what was zoomed last is the last."""

_KINDS = ("step", "time", "relative", "metric")
_MOST, _LONGEST = 8, 300
_HUGE = 1e300
_DIGITS = 4
_BESIDE = 0.5
"""So much of a range that is zoomed to is read on either side of it, for whoever moves on."""


def read_zooms(texts: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Return the ranges that an address says; what is none is left out.

    Args:
        texts: ``LOW~HIGH~AXIS`` each, in the axis's unit: milliseconds since 1970 of ``time``.

    Example:
        >>> read_zooms(["100~300~step", "0~1.5~relative:min", "nonsense"])
        {'step:': (100.0, 300.0), 'relative:min': (0.0, 1.5)}
    """
    found: dict[str, tuple[float, float]] = {}
    for text in keep_zooms(texts):
        low, high, axis = text.split("~", 2)
        name = axis if ":" in axis else f"{axis}:"
        found.pop(name, None)
        found[name] = float(low), float(high)
    return found


def keep_zooms(texts: Iterable[str]) -> tuple[str, ...]:
    """Return those texts of an address that are ranges, the last ones where there are many."""
    return tuple(text for text in texts if _is_zoom(text))[-_MOST:]


def with_zoom(texts: Sequence[str], axis: str, ends: tuple[float, float] | None) -> tuple[str, ...]:
    """Return the texts of an address after an axis was zoomed, with no more digits than a screen shows.

    Args:
        texts: Those before.
        axis: The axis's name.
        ends: The range; None for all of it.

    Example:
        >>> with_zoom(["0~1.5~relative:min"], "step:", (99.99731, 300.0021))
        ('0~1.5~relative:min', '100~300~step')
    """
    short = axis[:-1] if axis in ("step:", "time:") else axis
    others = tuple(text for text in texts if text.split("~", 2)[-1] != short)
    if ends is None:
        return others
    low, high = (_written(end, ends[1] - ends[0]) for end in ends)
    return keep_zooms((*others, f"{low}~{high}~{short}"))


def zoom_of(axis: Axis, zooms: Zooms) -> tuple[str, float, float] | None:
    """Return what is zoomed of an axis: its name, and a range somewhat wider; None where all of it is shown.

    Args:
        axis: What runs along; a relative one may be zoomed in any unit.
        zooms: The ranges.
    """
    for name, (low, high) in reversed(list(zooms.items())):
        kind, _, rest = name.partition(":")
        if kind == axis.kind and (kind != "metric" or rest == axis.metric):
            beside = (high - low) * _BESIDE
            return name, low - beside, high + beside
    return None


def draw_near(
    draw: Callable[[CurveSettings], list[Figure]], settings: CurveSettings, zoom: tuple[str, float, float] | None
) -> list[Figure]:
    """Return curves with all of their points in the range that is zoomed to, if it is one of the axis that they have.

    Args:
        draw: Draws them.
        settings: How.
        zoom: See :func:`zoom_of`.
    """
    if zoom is not None:
        figures = draw(replace(settings, x_range=zoom[1:]))
        if figures and figures[0].axis == zoom[0]:
            return figures
    return draw(settings)


def _is_zoom(text: str) -> bool:
    low, _, rest = text.partition("~")
    high, _, axis = rest.partition("~")
    kind, named, rest = axis.partition(":")
    if kind not in _KINDS or len(text) > _LONGEST or (kind in ("relative", "metric")) != bool(named and rest):
        return False
    try:
        start, end = float(low), float(high)
    except ValueError:
        return False
    return -_HUGE < start < end < _HUGE


def _written(end: float, span: float) -> str:
    """Return an end of a range in digits that are a thousandth of the range, and of the number itself."""
    more = math.log10(abs(end) / span) if end and span > 0 and abs(end) > span else 0.0
    rounded = float(f"{end:.{min(_DIGITS + math.ceil(more), 15)}g}")
    return f"{rounded:.15g}"
