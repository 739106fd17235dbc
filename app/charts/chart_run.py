"""A run as charts know it."""

from __future__ import annotations

from dataclasses import dataclass

from gtrack._app.charts.colours import FOREGROUND

__all__ = ["ChartRun"]


@dataclass(frozen=True, slots=True)
class ChartRun:
    """A run to draw.

    Attributes:
        id: Its id.
        name: Its name, as it was given: hostile or not.
        colour: Its colour; see :func:`gtrack._app.charts.colours.inks`.
        dash: Its line's pattern, one of Plotly's.
        group: The group it is a member of, where means over groups are drawn; by itself without one.
        emphasis: It is drawn stronger than the others, and above them: the baseline, or what is looked at.
        started: Its start in microseconds since the epoch, where known.
    """

    id: str
    name: str
    colour: str = FOREGROUND
    dash: str = "solid"
    group: str | None = None
    emphasis: bool = False
    started: int | None = None
