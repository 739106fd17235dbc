"""What a run is compared with where nobody says with what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.errors import NotFoundError
from gtrack.ids import SHORT
from gtrack.index.query import Query
from gtrack.model.state import RunState
from gtrack.ops.experiments import experiment_of

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["reference_of"]


def reference_of(repo: Repo, run: RunState) -> tuple[RunState, str]:
    """Return what to compare a run with, and what that is in a few words.

    That is its experiment's baseline, where that is here and another run; else the run that was started before it in
    the same experiment.

    Raises:
        NotFoundError: There is neither.
    """
    baseline = experiment_of(repo.repository, run.experiment).baseline
    if baseline is not None and baseline != run.id:
        try:
            return repo.run(f"run:{baseline}").state, "the baseline"
        except NotFoundError:
            pass
    # Of thousands of runs nothing but the start is asked for.
    lines = repo.facts(Query(experiments=(run.experiment,))).lines()
    before = [
        (moment, other)
        for moment, other, *_ in lines
        if isinstance(moment, int) and isinstance(other, str) and other != run.id and moment <= (run.started or 0)
    ]
    if not before:
        raise NotFoundError(
            f"run {run.id[:SHORT]} is the first of {run.experiment!r:.80}, which has no baseline",
            hint="gtrack diff A B compares any two runs",
        )
    return repo.run(f"run:{max(before)[1]}").state, "the run before it"
