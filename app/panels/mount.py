"""The Streamlit command that draws figures, and says what was done to them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from gtrack._app.assets import panels_url, plotly_url
from gtrack._app.charts.figure import Figure
from gtrack._app.panels.encode import encode
from gtrack._app.panels.events import KINDS, Event, event_of

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

__all__ = ["last_event", "panels"]

_EVENT = "event"
_NAME = "gtrack.panels"
_LOADER = """
let loading;
export default async function (component) {
  try {
    loading ??= import(new URL(%(url)s, document.baseURI));
    return (await loading).mount(component);
  } catch (error) {
    loading = undefined;
    console.error(error);
    component.parentElement.textContent = %(failed)s;
  }
}
"""
_FAILED = (
    "The charts cannot be drawn: the server did not send their code. Load the page again, or start gtrack ui anew."
)


def panels(
    figures: Sequence[Figure],
    *,
    key: str,
    columns: int = 3,
    height: int = 300,
    events: Iterable[str] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    on_event: Callable[[], None] | None = None,
) -> Event | None:
    """Draw figures in a grid, and return what was just done to one of them.

    Figures of one axis zoom and hover together. What is drawn stays as it is when the page runs again, zoom and all, as
    long as the key and the figures' ids are the same: only what changed is drawn anew.

    Args:
        figures: What to draw; their ids differ.
        key: What tells this grid from others of the page.
        columns: How many stand side by side where there is room.
        height: A panel's height in pixels, for figures that name none.
        events: What is of interest: ``zoom``, ``brush``, ``select``, ``click``, ``hidden``. Each runs the page again,
            or the fragment that the panels are in.
        ranges: What is zoomed to, by axis, in the axis's unit, where the page keeps it: the panels follow when it
            changes. None leaves it to the browser.
        on_event: Called before the page runs again for an event, which :func:`last_event` tells.

    Returns:
        The event that the page runs again for; None where it runs for anything else.

    Raises:
        ValueError: Two figures have the same id, or there is no such event.

    Example:
        >>> event = panels(curve_figures(table, runs, settings), key="curves", events=["zoom"])
        >>> if event and event.kind == "zoom": ...
    """
    wanted = tuple(dict.fromkeys(events))
    if unknown := set(wanted) - set(KINDS):
        raise ValueError(f"there is no event {sorted(unknown)[0]!r:.40}: use {', '.join(KINDS)}")
    if len({figure.id for figure in figures}) < len(figures):
        raise ValueError("two figures have the same id")
    data = encode(
        {
            "figures": [_to_dict(figure) for figure in figures],
            "columns": max(1, columns),
            "height": height,
            "events": wanted,
            "ranges": None if ranges is None else {axis: list(ends) for axis, ends in ranges.items()},
            "plotly": plotly_url(),
        }
    )
    result = _component()(key=key, data=data, on_event_change=on_event or _nothing)
    return event_of(result.get(_EVENT))


def last_event(key: str) -> Event | None:
    """Return the event that an ``on_event`` is called for.

    Args:
        key: The panels' key.
    """
    state: Any = st.session_state.get(key)
    return event_of(state.get(_EVENT)) if isinstance(state, Mapping) else None


def _to_dict(figure: Figure) -> dict[str, Any]:
    return {name: getattr(figure, name) for name in figure.__slots__}


def _nothing() -> None:
    """Stand in for a callback: Streamlit keeps an event only where there is one."""


@functools.cache
def _component() -> ComponentRenderer:
    """Return the component: a loader of a few lines, since Streamlit sends it along with every update."""
    script = _LOADER % {"url": json.dumps(panels_url()), "failed": json.dumps(_FAILED)}
    return st.components.v2.component(_NAME, js=script, isolate_styles=False)
