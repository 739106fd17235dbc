"""What the panels tell the page: checked, since a browser can send what it likes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KINDS", "Event", "event_of"]

KINDS = ("zoom", "brush", "select", "click", "hidden")
_TEXT = 1000
_IDS = 100_000
_DIMENSIONS = 100
_RANGES = 100


@dataclass(frozen=True, slots=True)
class Event:
    """Something that somebody did to a panel.

    Attributes:
        kind: ``zoom``, ``brush``, ``select``, ``click`` or ``hidden``.
        panel: The figure's id.
        axis: Of a zoom: the figure's axis; None for a figure that stays alone.
        range: Of a zoom: the shown range along x in the data's own unit (also on a logarithmic axis; milliseconds since
            1970 along time), or None for everything.
        ranges: Of a brush: by a dimension's label, the ranges of which a value has to be in one.
        ids: Of a brush, those that pass, where the trace names them in ``meta.ids``; of a selection or a click, the
            points' ``customdata``, or their traces' runs; of ``hidden``, the runs that the legend hides.
    """

    kind: str
    panel: str
    axis: str | None = None
    range: tuple[float, float] | None = None
    ranges: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    ids: tuple[str, ...] = ()


def event_of(value: object) -> Event | None:
    """Return what the browser says has happened; None where that is not in the form of an event.

    Args:
        value: What it sent, out of JSON.
    """
    if not isinstance(value, dict) or value.get("kind") not in KINDS:
        return None
    try:
        axis = value.get("axis")
        span = value.get("range")
        return Event(
            kind=value["kind"],
            panel=_text(value.get("panel")),
            axis=None if axis is None else _text(axis),
            range=None if span is None else _span(span),
            ranges=_ranges(value.get("ranges", {})),
            ids=_ids(value.get("ids", [])),
        )
    except (TypeError, ValueError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _TEXT:
        raise TypeError
    return value


def _span(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError
    low, high = sorted(_number(end) for end in value)
    return low, high


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    try:
        number = float(value)
    except OverflowError:
        raise ValueError from None
    if not math.isfinite(number):
        raise ValueError
    return number


def _ranges(value: Any) -> dict[str, tuple[tuple[float, float], ...]]:
    if not isinstance(value, dict) or len(value) > _DIMENSIONS:
        raise TypeError
    found = {}
    for label, spans in value.items():
        if not isinstance(spans, list) or len(spans) > _RANGES:
            raise TypeError
        found[_text(label)] = tuple(_span(span) for span in spans)
    return found


def _ids(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _IDS:
        raise TypeError
    return tuple(dict.fromkeys(_text(one) for one in value))
