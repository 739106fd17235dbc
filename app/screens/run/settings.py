"""What the page of a run shows, as its address says it."""

from __future__ import annotations

from collections.abc import Mapping

from gtrack._app.link import Setting

__all__ = ["DEFAULTS", "TABS", "TICK"]

TABS = (
    "Overview",
    "Charts",
    "System",
    "Console",
    "Artifacts",
    "Code",
    "Data",
    "Environment",
    "Lineage",
    "History",
    "Notes",
)
"""The parts of the page, in order."""

TICK = 1.5
"""Seconds between looks at a run that is live."""

DEFAULTS: Mapping[str, Setting] = {
    "id": "",
    "tab": TABS[0],
    "plain": False,
    # Charts
    "sections": (),
    "x": "step",
    "smoothing": 0.0,
    "logy": False,
    "clip": False,
    "beside": False,
    # Console
    "search": "",
    "matches": False,
    "lines": 500,
    # Artifacts
    "media": "",
    "step": "",
    "ridges": False,
    "folder": "",
    "file": "",
    # Code
    "source": "",
    "sourcefolder": "",
    # Environment
    "package": "",
}
