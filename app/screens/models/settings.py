"""The settings of the page, as its address says them."""

from __future__ import annotations

from gtrack._app.link import Setting

__all__ = ["DEFAULTS", "TABS", "tabs_of"]

DEFAULTS: dict[str, Setting] = {"model": "", "version": "", "against": "", "tab": "Versions", "plain": False}
TABS = ("Versions", "Details", "Change", "Compare", "Lineage", "History")
"""The parts of the page of one model."""


def tabs_of(*, read_only: bool) -> tuple[str, ...]:
    """Return the tabs that there are: nothing is changed from a dashboard that is read only."""
    return tuple(tab for tab in TABS if tab != "Change" or not read_only)
