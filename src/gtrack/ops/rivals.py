"""What an experiment's leaderboard is made from: its runs, what they are held to, and what they are compared with."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.errors import NotFoundError, UsageError
from gtrack.ids import SHORT
from gtrack.index.filter import And, Filter, parse
from gtrack.index.query import Query
from gtrack.ops.experiments import experiment_of

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = ["Rivals", "near_experiments", "newest_experiment", "no_experiment", "rivals"]


@dataclass(frozen=True, slots=True)
class Rivals:
    """The runs of an experiment, and what they are held to.

    Attributes:
        protocol: What was said of the experiment.
        runs: Its runs that match the filter, newest first.
        good: The ids of those that meet the floor.
        baseline: The run to compare with, or None.
        remarks: What the protocol asks for and cannot be had.
    """

    protocol: ExperimentState
    runs: tuple[RunState, ...]
    good: frozenset[str]
    baseline: RunState | None = None
    remarks: tuple[str, ...] = ()

    def meets(self, run: RunState) -> bool:
        """Tell whether a run meets the floor."""
        return run.id in self.good


def rivals(
    repo: Repo, experiment: str, where: Filter | None = None, *, protocol: ExperimentState | None = None
) -> Rivals:
    """Return the runs of an experiment, and what its protocol holds them to.

    Args:
        repo: The repository.
        experiment: The experiment's name.
        where: Only the runs that match.
        protocol: What was said of the experiment, where that is known already.

    Example:
        >>> rivals(repo, "churn").protocol.metric
        'val_auc'
    """
    protocol = experiment_of(repo.repository, experiment) if protocol is None else protocol
    runs = tuple(run.state for run in repo.find(Query(where=where, experiments=(experiment,))))
    good = frozenset(run.id for run in runs)
    if protocol.floor is not None:
        floor = parse(protocol.floor)
        both = floor if where is None else And((where, floor))
        good = frozenset(run.id for run in repo.find(Query(where=both, experiments=(experiment,))))
    baseline, remark = _baseline(repo, protocol)
    return Rivals(protocol, runs, good, baseline, (remark,) if remark else ())


def newest_experiment(repo: Repo, where: Filter | None = None) -> tuple[str, bool] | None:
    """Return the experiment of the newest run that matches, and whether all such runs are of it; None without any."""
    newest = repo.find(Query(where=where, limit=1))
    if not newest:
        return None
    name = newest[0].experiment
    return name, repo.find(Query(where=where, experiments=(name,), limit=1)).total == newest.total


def no_experiment(repo: Repo, name: str) -> NotFoundError:
    """Return the error that nobody has heard of an experiment, with the nearest one that there is."""
    close = near_experiments(repo, name)
    meant = f"; did you mean {close[0]!r:.80}?" if close else ""
    return NotFoundError(f"no run is of an experiment {name!r:.80}{meant}", hint="gtrack experiment ls")


def near_experiments(repo: Repo, name: str) -> list[str]:
    """Return the experiments with runs whose names are most like another name; one that differs in case alone first."""
    known = sorted({run.experiment for run in repo.find(Query())} - {name})
    same = [other for other in known if other.lower() == name.lower()]
    return same or difflib.get_close_matches(name[:200], known, 1)


def _baseline(repo: Repo, protocol: ExperimentState) -> tuple[RunState | None, str]:
    if protocol.baseline is None:
        return None, ""
    try:
        return repo.run(f"run:{protocol.baseline}").state, ""
    except (NotFoundError, UsageError):
        return None, f"its baseline, run {protocol.baseline[:SHORT]}, is not here; gtrack pull may bring it"
