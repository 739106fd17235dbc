"""What an experiment's leaderboard is made from: its runs, what they are held to, and what they are compared with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gtrack.errors import NotFoundError, UsageError
from gtrack.ids import SHORT
from gtrack.index.columns import line_of
from gtrack.index.filter import And, Filter, parse
from gtrack.index.query import Query
from gtrack.ops.collecting import without_collection
from gtrack.ops.experiments import experiment_of
from gtrack.ops.facts import RunFacts
from gtrack.ops.goals import goal_said, metric_said
from gtrack.ops.leaderboard import Entry, Leaderboard, entries, entry_columns, leaderboard

if TYPE_CHECKING:
    from gtrack.index.fields import Field
    from gtrack.model.experiment import ExperimentState
    from gtrack.model.goal import Goal
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = ["Rivals", "near_experiments", "newest_experiment", "no_experiment", "rivals"]


class Rivals:
    """The runs of an experiment, and what they are held to.

    Attributes:
        protocol: What was said of the experiment.
        facts: What there is to know of its runs that match the filter.
        good: The ids of those that meet the floor; None where there is no floor.
        baseline: The run to compare with, or None.
        remarks: What the protocol asks for and cannot be had.
    """

    def __init__(
        self,
        protocol: ExperimentState,
        facts: RunFacts,
        good: frozenset[str] | None = None,
        baseline: RunState | None = None,
        remarks: tuple[str, ...] = (),
    ) -> None:
        self.protocol = protocol
        self.facts = facts
        self.good = good
        self.baseline = baseline
        self.remarks = remarks

    def metric(self) -> str:
        """Return the metric that the runs are compared by where none is named.

        Raises:
            UsageError: Nobody said by which; the hint is what to type.
        """
        declared = self.facts.declared.get(self.protocol.name, ())
        return metric_said(self.protocol, declared, lambda: self.facts.metrics)

    def goal(self, metric: str) -> Goal | None:
        """Return a metric's goal, or None where nobody knows."""
        return goal_said(metric, self.facts.declared_goal(metric), self.protocol)

    def leaderboard(
        self,
        metric: str,
        goal: Goal,
        *,
        by: Sequence[Field] = (),
        single: bool = False,
        min_runs: int = 1,
        unfinished: bool = False,
        limit: int | None = None,
    ) -> Leaderboard:
        """Rank the runs: see :func:`gtrack.ops.leaderboard.leaderboard` and :func:`entry_columns`."""
        columns = entry_columns(metric, goal, by, single=single)
        grouped = bool(by) and not single
        base = [] if self.baseline is None else entries([line_of(self.baseline, columns)], grouped=grouped)
        with without_collection():
            return leaderboard(
                entries(self.facts.lines(*columns), grouped=grouped),
                metric,
                goal,
                good=self.good,
                baseline=base[0] if base else None,
                min_runs=min_runs,
                unfinished=unfinished,
                limit=limit,
            )

    def states(self, runs: Iterable[Entry]) -> dict[str, RunState]:
        """Return the whole states of runs of a leaderboard, by their ids."""
        base = {} if self.baseline is None else {self.baseline.id: self.baseline}
        return base | self.facts.states([run.id for run in runs if run.id not in base])


def rivals(
    repo: Repo,
    experiment: str,
    where: Filter | None = None,
    *,
    protocol: ExperimentState | None = None,
    among: RunFacts | None = None,
) -> Rivals:
    """Return the runs of an experiment, and what its protocol holds them to.

    Args:
        repo: The repository.
        experiment: The experiment's name.
        where: Only the runs that match.
        protocol: What was said of the experiment, where that is known already.
        among: All runs that match, of any experiment, where they are at hand.

    Example:
        >>> rivals(repo, "churn").protocol.metric
        'val_auc'
    """
    protocol = experiment_of(repo.repository, experiment) if protocol is None else protocol
    facts = (among or repo.facts(Query(where=where))).within(experiment)
    good = None
    if protocol.floor is not None:
        floor = parse(protocol.floor)
        both = floor if where is None else And((where, floor))
        good = frozenset(str(line[1]) for line in RunFacts(facts.view, replace(facts.query, where=both)).lines())
    baseline, remark = _baseline(repo, protocol)
    return Rivals(protocol, facts, good, baseline, (remark,) if remark else ())


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
    known = sorted(set(repo.facts(Query()).experiments) - {name})
    same = [other for other in known if other.lower() == name.lower()]
    return same or difflib.get_close_matches(name[:200], known, 1)


def _baseline(repo: Repo, protocol: ExperimentState) -> tuple[RunState | None, str]:
    if protocol.baseline is None:
        return None, ""
    try:
        return repo.run(f"run:{protocol.baseline}").state, ""
    except (NotFoundError, UsageError):
        return None, f"its baseline, run {protocol.baseline[:SHORT]}, is not here; gtrack pull may bring it"
