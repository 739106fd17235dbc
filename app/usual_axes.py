"""Which params and metrics to draw of runs when nobody has chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gtrack.display.main_metrics import main_metrics
from gtrack.index.fields import Field
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.ops.leaderboard import varying_params

__all__ = ["usual_axes", "usual_params"]

_MOST_PARAMS, _MOST_METRICS = 6, 2


def usual_params(runs: Sequence[RunState], most: int = _MOST_PARAMS) -> list[str]:
    """Return the params in which runs differ as fields, those that most runs have first; no seeds.

    Args:
        runs: Some of the runs.
        most: How many at most.
    """
    # A counter keeps the order in which params were logged, which is mostly that of their weight.
    count = Counter(key for run in runs for key, _ in flatten(run.params))
    varying = set(varying_params(runs))
    common = sorted((key for key in count if key in varying), key=lambda key: -count[key])
    return [str(Field("params", key)) for key in common[:most]]


def usual_axes(runs: Sequence[RunState], *, params: int = _MOST_PARAMS, metrics: int = _MOST_METRICS) -> list[str]:
    """Return the axes to show when nobody has chosen: params in which runs differ, then their main metrics.

    Args:
        runs: Some of the runs.
        params: The most params.
        metrics: The most metrics.
    """
    return usual_params(runs, params) + [str(Field("metrics", key)) for key in main_metrics(runs, metrics)]
