"""The Streamlit command that draws the legend of all charts of a page."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from gtrack._app.assets import panels_url

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

__all__ = ["LegendClick", "click_of", "legend", "legend_click"]

_NAME = "gtrack.legend"
_KINDS = ("toggle", "only", "all", "open")
_MOST_IDS = 1_000
_LONGEST = 100
_LOADER = """
let loading;
export default async function (component) {
  try {
    loading ??= import(new URL(%(url)s, document.baseURI));
    return (await loading).mountLegend(component);
  } catch (error) {
    loading = undefined;
    console.error(error);
    component.parentElement.textContent = "The legend cannot be drawn: load the page again.";
  }
}
"""


@dataclass(frozen=True, slots=True)
class LegendClick:
    """What somebody did in the legend.

    Attributes:
        kind: ``toggle`` (show or hide), ``only`` (hide all others), ``all`` (hide none), or ``open``.
        ids: The runs.
    """

    kind: str
    ids: tuple[str, ...]


def legend(entries: Iterable[dict[str, Any]], *, key: str, label: str, on_click: Callable[[], None]) -> None:
    """Draw a legend. Pointing at a line lets the other curves of all panels on the page fade.

    Args:
        entries: Its lines: ``name``, ``colour``, ``dash``, ``ids``, ``run``, ``hidden``, ``live`` and
            ``strong``; all names are shown as text.
        key: What tells it from others.
        label: What stands before them.
        on_click: Is called when somebody clicked, which :func:`legend_click` tells.
    """
    _component()(key=key, data={"label": label, "entries": list(entries)}, on_event_change=on_click)


def legend_click(key: str) -> LegendClick | None:
    """Return what an ``on_click`` is called for; None for what has no such form: a browser sends what it likes."""
    state: Any = st.session_state.get(key)
    return click_of(state.get("event")) if hasattr(state, "get") else None


def click_of(value: object) -> LegendClick | None:
    """Return what the browser says was clicked; None where that is not in the form of a click."""
    if not isinstance(value, dict) or value.get("kind") not in _KINDS:
        return None
    ids = value.get("ids")
    if not isinstance(ids, list) or len(ids) > _MOST_IDS:
        return None
    if not all(isinstance(run_id, str) and len(run_id) <= _LONGEST for run_id in ids):
        return None
    return LegendClick(value["kind"], tuple(ids))


@functools.cache
def _component() -> ComponentRenderer:
    url = f"{panels_url().rpartition('/')[0]}/legend.js"
    return st.components.v2.component(_NAME, js=_LOADER % {"url": json.dumps(url)}, isolate_styles=False)
