"""Statuses of runs as a terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.cli.terminal import Terminal
from gtrack.text import clean

__all__ = ["status_mark", "status_style"]

_MARKS = {
    "running": ("●", "*", "blue"),
    "lost": ("?", "?", "yellow"),
    "finished": ("✓", "+", "green"),
    "failed": ("✗", "x", "red"),
    "killed": ("✗", "x", "red"),
    "preempted": ("◼", "-", "yellow"),
}


def status_mark(status: str, terminal: Terminal) -> str:
    """Return a status with its symbol."""
    pretty, plain, _ = _MARKS.get(status, ("?", "?", "yellow"))
    return f"{pretty if terminal.unicode else plain} {clean(status)}"


def status_style(status: str) -> Sequence[str]:
    """Return the style of a status."""
    return (_MARKS.get(status, ("", "", "yellow"))[2],)
