"""One line about a run: for the subject of its commit, and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.ids import SHORT
from gtrack.model.state import RunState

__all__ = ["commit_message", "headline", "headline_metrics", "number"]


def number(value: float) -> str:
    """Return a metric's value with four significant digits, as people write it.

    Example:
        >>> number(0.94123), number(12345678.0), number(3.0)
        ('0.9412', '1.235e+07', '3')
    """
    return f"{value:.4g}"


def headline_metrics(state: RunState, limit: int = 3) -> list[tuple[str, float]]:
    """Return the metrics to name first: those with a goal (their best), then by name."""
    ordered = sorted(state.metrics.items(), key=lambda item: (item[1].goal is None, item[0]))
    return [(key, s.best if s.best is not None else s.last) for key, s in ordered[:limit]]


def headline(state: RunState) -> str:
    """Return ``run 3f2a9c1 kind-prairie-28 finished: val_auc=0.941``."""
    metrics = ", ".join(f"{_line(key)}={number(value)}" for key, value in headline_metrics(state))
    text = f"run {state.id[:SHORT]} {_line(state.name)} {state.status}"
    return f"{text}: {metrics}" if metrics else text


def commit_message(states: Sequence[RunState]) -> tuple[str, str]:
    """Return subject and body of the commit that records some runs."""
    lines = [headline(state) for state in states]
    if not lines:
        return "gtrack", ""
    if len(lines) == 1:
        return lines[0], ""
    counts = {status: sum(s.status == status for s in states) for status in dict.fromkeys(s.status for s in states)}
    return f"{len(lines)} runs: " + ", ".join(f"{n} {status}" for status, n in counts.items()), "\n".join(lines)


def _line(text: str) -> str:
    """One line of at most 80 characters, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text[:80])
