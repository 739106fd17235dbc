"""A figure: what a panel shows, as data, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart in Plotly's terms (https://plotly.com/javascript/reference/), without colours of its own background.

    Backgrounds, fonts, grid lines and the colour of text are the page's theme's, and are added where it is drawn.

    Attributes:
        id: What tells it from the page's other figures, the same at every update.
        title: Shown above it, as text.
        traces: Plotly's ``data``: JSON values, and numpy arrays where there are many numbers.
        layout: Plotly's ``layout``: axes, shapes, annotations.
        axis: The name of what runs along x. Figures of a page with the same axis zoom and hover together; None for
            one that stays alone.
        note: A line below it, such as what was left out.
        wide: It takes a row of its own.
        height: In pixels; None for the page's.
    """

    id: str
    title: str
    traces: tuple[dict[str, Any], ...] = ()
    layout: dict[str, Any] = field(default_factory=dict)
    axis: str | None = None
    note: str = ""
    wide: bool = False
    height: int | None = None
