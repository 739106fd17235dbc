"""Which way metrics are better, as a listing needs to know it: before it has its runs, and of those it shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.ops.goals import goal_for, test_metric_warning

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.reader import Repo

__all__ = ["Goals"]

_SAMPLE = 50


class Goals:
    """The goals of metrics: by the protocol of the runs' experiment, by what runs declared, by their usual name.

    Args:
        repo: The repository.
        remote: Ask the runs on the branch of this remote instead, for which no protocol of ours counts.
    """

    def __init__(self, repo: Repo, remote: str | None = None) -> None:
        self._repo = repo
        self._remote = remote
        self._known: dict[str, Goal | None] = {}
        self._protocols: dict[str, ExperimentState | None] = {}

    def of(self, key: str, experiments: Sequence[str] = ()) -> Goal | None:
        """Return a metric's goal as the newest runs that have it know it.

        Args:
            key: The metric.
            experiments: Ask only runs of these, if any.
        """
        if key not in self._known:
            from gtrack.index.filter import Field, IsNull, Not
            from gtrack.index.query import Query

            query = Query(Not(IsNull(Field("metrics", key))), tuple(experiments), limit=_SAMPLE)
            self._known[key] = self.among(key, [run.state for run in self._repo.find(query, remote=self._remote)])
        return self._known[key]

    def among(self, key: str, runs: Sequence[RunState]) -> Goal | None:
        """Return a metric's goal among some runs."""
        return goal_for(key, runs, self.protocol(runs))

    def protocol(self, runs: Sequence[RunState]) -> ExperimentState | None:
        """Return how runs are compared, where all are of one experiment that says so."""
        return self.protocol_of({run.experiment for run in runs})

    def protocol_of(self, experiments: Collection[str]) -> ExperimentState | None:
        """Return how the runs of experiments are compared, where it is one alone that says so."""
        if len(experiments) != 1 or self._remote is not None:
            return None
        (name,) = experiments
        if name not in self._protocols:
            from gtrack.ops.experiments import experiment_of

            self._protocols[name] = experiment_of(self._repo.repository, name)
        return self._protocols[name]

    def remark(self, key: str) -> str | None:
        """Return what to tell somebody who chooses by a metric; None where there is nothing to tell."""
        warning = test_metric_warning(key)
        if warning is not None:
            return warning
        goal = self._known.get(key)
        if goal is None or goal.declared:
            return None
        return f"{key}: {'lower' if goal.direction == 'min' else 'higher'} is better, by its name"
