"""Small curves in the table of runs: the main metric of each, from what is at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gtrack._app.reading import Reading
from gtrack.display.main_metrics import main_metrics
from gtrack.model.state import RunState

__all__ = ["sparks_of"]

_POINTS = 24
_MOST = 200


def sparks_of(now: Reading, runs: Sequence[RunState], metric: str | None = None) -> tuple[str, dict[str, list[float]]]:
    """Return the metric whose curves are shown, and a few values of it for each run, by its id.

    Args:
        now: The repository.
        runs: The runs.
        metric: The metric; by default the main one of those that have a curve.
    """
    known = {key for run in runs for key, summary in run.metrics.items() if summary.count > 1}
    if metric not in known:
        metric = next((key for key in main_metrics(runs, 1000) if key in known), None)
    if metric is None:
        return "", {}
    out: dict[str, list[float]] = {}
    wanted: list[RunState] = []
    for run in runs[:_MOST]:
        summary = run.metrics.get(metric)
        if summary is not None and summary.count > 1:
            wanted.append(run)
    key = (metric, tuple((run.id, run.metrics[metric].count) for run in wanted))
    for run_id, values in now.kept("sparks", key, lambda: _read(now, wanted, metric)).items():
        out[run_id] = values
    return metric, out


def _read(now: Reading, runs: Sequence[RunState], metric: str) -> dict[str, list[float]]:
    import pyarrow.compute as pc

    from gtrack.ops.curves import detail_of
    from gtrack.ops.many_curves import many_curves
    from gtrack.ops.view import View

    view = View(now.repo.repository)
    table = many_curves(((view, run) for run in runs), frozenset({metric}), detail_of(full=False, preview=True))
    out: dict[str, list[float]] = {}
    for batch in table.combine_chunks().to_batches():
        names = batch.column("run")
        for run_id in pc.unique(names).to_pylist():
            values = pc.filter(batch.column("value"), pc.equal(names, run_id)).to_pylist()
            every = max(1, len(values) // _POINTS)
            kept = [value for value in values[::every] if math.isfinite(value)]
            out[run_id] = kept
    return out
