"""The same charts in the command line and in Python."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from gtrack._app.asking import Asked, python_filter
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.screens.charts.runs import Chosen, order_of
from gtrack.ids import SHORT
from gtrack.model.goal import Goal

__all__ = ["cli_of", "python_of"]

_MOST_METRICS = 6


def cli_of(asked: Asked, chosen: Chosen, settings: CurveSettings, keys: Sequence[str], count: int) -> str:
    """Return the command that draws these charts.

    Args:
        asked: Which runs match.
        chosen: Which of them are drawn.
        settings: How.
        keys: The metrics, where only some are wanted; empty for the main ones.
        count: How many runs.
    """
    parts = ["gtrack plot"]
    if chosen.selected or chosen.best:  # the command takes the newest
        parts += [state.id[:SHORT] for state in chosen.states]
    else:
        where = _where(asked)
        parts += [f"--where {shlex.quote(where)}"] if where else []
        parts += [f"--experiment {shlex.quote(name)}" for name in asked.query.experiments[:1] if _is_one(asked)]
        parts += [f"-n {count}"]
    parts += [f"-m {shlex.quote(key)}" for key in keys[:_MOST_METRICS]]
    if settings.x != "step":
        parts.append(f"--x {shlex.quote(settings.x)}")
    if settings.smoothing:
        parts.append(f"--smooth {settings.smoothing:g}")
    if settings.log_y:
        parts.append("--log-y")
    return " ".join(parts)


def python_of(
    asked: Asked, chosen: Chosen, keys: Sequence[str], count: int, best: tuple[str, Goal] | None = None
) -> str:
    """Return the lines of Python that read the same curves.

    Args:
        asked: Which runs match.
        chosen: Which of them are drawn.
        keys: The metrics, where only some are wanted; empty for all.
        count: How many runs.
        best: The metric that they are the best by, and its goal; None for the newest.
    """
    wanted = repr(list(keys[:_MOST_METRICS])) if keys else ""
    if chosen.selected:
        ids = ", ".join(f'"{state.id[:SHORT]}"' for state in chosen.states)
        curves = ", ".join(filter(None, [f"[{ids}]", wanted]))
        lines = [f"curves = gtrack.curves({curves})"]
    else:
        order = f"order_by={str(order_of(*best))!r}" if best else ""
        arguments = [python_filter(asked), order, f"max_results={count}"]
        lines = [
            f"runs = gtrack.search_runs({', '.join(filter(None, arguments))})",
            f"curves = runs.curves({wanted})",
        ]
    wide = 'curves.to_pandas().pivot_table(index="step", columns=["key", "run"], values="value")'
    return "\n".join(["import gtrack", "", *lines, wide])


def _is_one(asked: Asked) -> bool:
    return len(asked.query.experiments) == 1


def _where(asked: Asked) -> str:
    """Return the filter with what ``gtrack plot`` has no option for."""
    parts = [asked.where] if asked.where else []
    if asked.query.statuses:
        parts.append("status IN ({})".format(", ".join(f"'{status}'" for status in asked.query.statuses)))
    if len(asked.query.experiments) > 1:
        names = ", ".join("'{}'".format(name.replace("'", "''")) for name in asked.query.experiments)
        parts.append(f"experiment IN ({names})")
    return " AND ".join(f"({part})" if len(parts) > 1 else part for part in parts)
