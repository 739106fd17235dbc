"""How the machine did during a run, for ``gtrack show`` and ``gtrack plot --system``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gtrack.capture.system import PREFIX
from gtrack.cli.sections import Section
from gtrack.display.system_use import short_number, use_in_words
from gtrack.display.words import plural
from gtrack.errors import NotFoundError, UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.goal import Goal
    from gtrack.ops.system_curves import Use
    from gtrack.plot.charts import Curve, DrawnRun
    from gtrack.reader import RecordedRun

__all__ = ["SystemMetric", "drawn_system", "system_metrics", "system_section"]

_MAIN = (
    "cpu_utilization_percentage",
    "process_memory_rss_megabytes",
    "gpu_0_utilization_percentage",
    "gpu_0_memory_usage_megabytes",
)
"""What is drawn when nobody says what."""
_MOST_CHARTS = 12
_HINT = "the machine is measured every 5 seconds while a run lives, unless system_metrics is off"


@dataclass(frozen=True, slots=True)
class SystemMetric:
    """What one system metric came to over a run.

    Attributes:
        key: Its name, with ``system/``.
        last: The last point.
        min: The smallest.
        mean: The mean over all samples.
        max: The largest.
        points: How many points there are; of a long run they are means of several samples.
    """

    key: str
    last: float
    min: float
    mean: float
    max: float
    points: int


def system_metrics(run: RecordedRun) -> list[SystemMetric]:
    """Return all system metrics of a run, by name."""
    from gtrack.plot.charts import curves_of

    return [
        SystemMetric(
            key,
            last=float(curve.value[-1]),
            min=float(curve.value.min()),
            mean=_mean(curve),
            max=float(curve.value.max()),
            points=len(curve.value),
        )
        for key, curve in sorted(curves_of(run.system()).items())
    ]


def _mean(curve: Curve) -> float:
    """Return the mean over samples: a point stands for all those up to the next one, however many."""
    import numpy as np

    steps, place = np.unique(curve.step, return_inverse=True)
    lengths = np.diff(steps) if len(steps) > 1 else np.ones(1, np.int64)
    weights = np.append(lengths, lengths[-1])[place.reshape(-1)]
    return float(np.average(curve.value, weights=weights))


def system_section(use: Mapping[str, Use], metrics: Sequence[SystemMetric] | None = None) -> Section:
    """Return what ``gtrack show`` says of the machine.

    Args:
        use: Means and peaks.
        metrics: Every metric, where all of them are to be shown.
    """
    if metrics is not None:
        rows = [
            [clean(m.key.removeprefix(PREFIX)), *map(short_number, (m.last, m.min, m.mean, m.max)), f"{m.points:,}"]
            for m in metrics
        ]
        return Section("System", rows, ("metric", "last", "min", "mean", "max", "points"))
    return Section("System", [list(pair) for pair in use_in_words(use)])


def drawn_system(
    runs: Sequence[RecordedRun], patterns: Sequence[str], tell: Callable[[str], None]
) -> tuple[list[DrawnRun], dict[str, Goal | None]]:
    """Read system metrics of runs to draw them.

    Args:
        runs: The runs.
        patterns: Names, or patterns such as ``gpu_*``, with or without ``system/``; the main ones without any.
        tell: Prints a remark.

    Returns:
        The runs as they are drawn, and the metrics; none has a goal.

    Raises:
        NotFoundError: These runs have no system metrics.
        UsageError: A name is none of these runs' system metrics.
    """
    from gtrack.plot.charts import DrawnRun, curves_of

    drawn = []
    for run in runs:
        label = f"{run.id[:SHORT]} {clean(run.name)}"
        drawn.append(DrawnRun(run.id, run.name, label, run.started, {}, curves_of(run.system())))
    known = sorted({key for run in drawn for key in run.curves})
    if not known:
        whose = "this run has" if len(runs) == 1 else "these runs have"
        raise NotFoundError(f"{whose} no system metrics", hint=_HINT)
    chosen = _chosen(patterns, known)
    if len(chosen) > _MOST_CHARTS:
        tell(f"{_MOST_CHARTS} of {plural(len(chosen), 'metric')}; -m KEY chooses others")
    return drawn, dict.fromkeys(chosen[:_MOST_CHARTS])


def _chosen(patterns: Sequence[str], known: Sequence[str]) -> list[str]:
    if not patterns:
        return [PREFIX + name for name in _MAIN if PREFIX + name in known] or list(known[:1])
    chosen: dict[str, None] = {}
    for pattern in patterns:
        wanted = pattern.removeprefix(PREFIX)
        found = [key for key in known if fnmatchcase(key.removeprefix(PREFIX), wanted)]
        if not found:
            names = [key.removeprefix(PREFIX) for key in known]
            close = difflib.get_close_matches(wanted[:100], names[:5000], 3)
            meant = f"; did you mean {' or '.join(map(clean, close))}?" if close else ""
            raise UsageError(
                f"{clean(pattern):.80} is no system metric of these runs{meant}",
                hint="gtrack show SELECTOR --system lists them",
            )
        chosen.update(dict.fromkeys(found))
    return list(chosen)
