"""Which metrics to show of runs when nobody has said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from gtrack.model.state import RunState

__all__ = ["main_metrics", "main_of", "metric_goals"]


def metric_goals(runs: Iterable[RunState]) -> dict[str, str]:
    """Return the goals that metrics have, ``min`` or ``max``; the newest run's where runs differ."""
    goals: dict[str, str] = {}
    for run in runs:
        for key, summary in run.metrics.items():
            if summary.goal:
                goals.setdefault(key, summary.goal)
    return goals


def main_metrics(runs: Sequence[RunState], limit: int = 3) -> list[str]:
    """Return the metrics to show unasked: those with a goal, then validation and test metrics, then the commonest."""
    return main_of(Counter(key for run in runs for key in run.metrics), metric_goals(runs), limit)


def main_of(count: Mapping[str, int], goals: Container[str], limit: int = 3) -> list[str]:
    """Return the metrics to show unasked, as :func:`main_metrics` does.

    Args:
        count: The metrics, each with the number of runs that have it.
        goals: Those of them that have a goal.
        limit: The most to return.
    """

    def rank(key: str) -> tuple[bool, bool, int, str]:
        return key not in goals, not key.lower().startswith(("val", "test", "eval")), -count[key], key

    return sorted(count, key=rank)[:limit]
