"""The panels that somebody put together, as the page's address has them: a list of maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gtrack._app.charts.panel_spec import PanelSpec
from gtrack._app.charts.text import short
from gtrack.errors import UsageError
from gtrack.index.fields import read_field

__all__ = ["MOST", "changed", "copied", "moved", "name_of", "read_panels", "removed"]

MOST = 40
"""The most panels of a page."""

Panels = Sequence[Any]


def read_panels(panels: Panels) -> list[PanelSpec | UsageError]:
    """Return what panels show, or what is wrong with one: a link or a saved view may say anything.

    Args:
        panels: The list.
    """
    out: list[PanelSpec | UsageError] = []
    for values in panels[:MOST]:
        try:
            out.append(PanelSpec.from_dict(values))
        except UsageError as error:
            out.append(error)
    return out


def name_of(panel: PanelSpec | UsageError) -> str:
    """Return what a panel is called in the list of panels.

    Example:
        >>> name_of(PanelSpec("scatter", x="params.lr", y="metrics.val_auc"))
        'scatter: val_auc by lr'
    """
    if isinstance(panel, UsageError):
        return "not a panel"
    if panel.title:
        return f"{panel.kind}: {short(panel.title)}"
    along = "" if panel.kind == "line" and panel.x in ("", "step") else _key(panel.x)
    what = _key(panel.y) or ", ".join(map(_key, panel.metrics)) or along
    by = f" by {along}" if along and along != what else ""
    return f"{panel.kind}: {short(what)}{by}"


def changed(panels: Panels, at: int | None, panel: PanelSpec) -> list[Any]:
    """Return the panels with one in the place of another, or behind all where there is no place."""
    out = list(panels)
    if at is None or not 0 <= at < len(out):
        return [*out, panel.to_dict()][-MOST:] if len(out) < MOST else out
    out[at] = panel.to_dict()
    return out


def copied(panels: Panels, at: int) -> list[Any]:
    """Return the panels with one twice, beside each other."""
    out = list(panels)
    return [*out[: at + 1], *out[at : at + 1], *out[at + 1 :]] if len(out) < MOST else out


def removed(panels: Panels, at: int) -> list[Any]:
    """Return the panels without one."""
    return [panel for number, panel in enumerate(panels) if number != at]


def moved(panels: Panels, at: int, by: int) -> list[Any]:
    """Return the panels with one so many places further on; at the end it stays.

    Example:
        >>> moved(["a", "b", "c"], 0, 1)
        ['b', 'a', 'c']
    """
    out = list(panels)
    if 0 <= at < len(out):
        panel = out.pop(at)
        out.insert(min(max(0, at + by), len(out)), panel)
    return out


def _key(name: str) -> str:
    """Return a column's name without its scope: everybody knows that ``lr`` is a param."""
    try:
        return short(read_field(name).key) if name else ""
    except ValueError:
        return short(name)
