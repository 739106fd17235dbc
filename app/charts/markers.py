"""How points of runs are coloured: by run, by a number, or by a category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gtrack._app.charts.colours import MISSING, SCALE, Ink, inks
from gtrack._app.charts.columns import Column, Floats
from gtrack._app.charts.text import counted, escaped

__all__ = ["Colouring", "Part", "colouring", "scale_of"]

_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Part:
    """Points that are drawn as one trace.

    Attributes:
        name: What they have in common, as it was given; empty for all of them.
        places: Their places among the runs.
        marker: Plotly's ``marker``: the colour, and its scale.
    """

    name: str
    places: np.ndarray[Any, np.dtype[np.int64]]
    marker: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Colouring:
    """The parts of a figure.

    Attributes:
        parts: They, those without a value last.
        legend: They are told apart by a legend.
        note: What to say of them.
    """

    parts: tuple[Part, ...]
    legend: bool = False
    note: str = ""


def colouring(
    ids: Sequence[str], shown: np.ndarray[Any, np.dtype[np.bool_]], by: Column | None, run_inks: Mapping[str, Ink]
) -> Colouring:
    """Return the parts that points are drawn in.

    Args:
        ids: The runs.
        shown: Which of them are drawn.
        by: What the colours say; the run itself without it.
        run_inks: The runs' own colours.
    """
    places = np.flatnonzero(shown)
    if by is None:
        own = inks([ids[at] for at in reversed(places.tolist())])  # newest first, as tables are
        colours = [run_inks.get(ids[at], own[ids[at]]).colour for at in places.tolist()]
        return Colouring((Part("", places, {"color": colours}),) if len(places) else ())
    known, missing = np.flatnonzero(shown & by.known), np.flatnonzero(shown & ~by.known)
    rest = (Part(f"no {by.title}", missing, {"color": MISSING, "symbol": "circle-open"}),) if len(missing) else ()
    note = f"{counted(len(missing), 'run')} without {by.title} in grey" if len(missing) else ""
    if by.kind == "category":
        found = inks(by.categories)
        parts = [
            Part(name, members, {"color": found[name].colour})
            for at, name in enumerate(by.categories)
            if len(members := known[by.values[known] == at])
        ]
        return Colouring((*parts, *rest), True, note)
    if not len(known):
        return Colouring(rest, bool(rest), note)
    return Colouring((Part("", known, scale_of(by, by.values[known])), *rest), False, note)


def scale_of(column: Column, values: Floats) -> dict[str, Any]:
    """Return Plotly's colours of numbers, with the bar that explains them; logarithmic where they span decades."""
    log = column.spans_decades
    numbers = np.log10(values) if log else values
    low, high = float(numbers.min()), float(numbers.max())
    if not low < high:
        low, high = low - 0.5, high + 0.5
    bar: dict[str, Any] = {
        "title": {"text": escaped(column.title, 24), "side": "right"},
        "thickness": 10,
        "outlinewidth": 0,
    }
    if log or column.kind == "time":
        ticks = _ticks(low, high, log)
        bar |= {"tickvals": ticks, "ticktext": [_written(tick, column, log) for tick in ticks]}
    return {
        "color": numbers,
        "colorscale": [list(stop) for stop in SCALE],
        "cmin": low,
        "cmax": high,
        "showscale": True,
        "colorbar": bar,
    }


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log and high - low >= 2:
        powers = np.arange(np.ceil(low), np.floor(high) + 1)
        stride = int(len(powers) // _MOST_TICKS + 1)
        found: list[float] = powers[::stride].tolist()
        return found
    evenly: list[float] = np.linspace(low, high, 4).tolist()
    return evenly


def _written(tick: float, column: Column, log: bool) -> str:
    if column.kind == "time":
        return str(np.datetime64(int(tick), "ms")).replace("T", " ")[:16]
    return f"{10.0**tick if log else tick:.3g}"
