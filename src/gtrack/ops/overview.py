"""Every experiment at a glance: how many runs it has, what they are compared by, how far they have come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.clock import iso
from gtrack.errors import UsageError
from gtrack.index.query import Query, sort_states
from gtrack.model.experiment import ExperimentState
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.ops.experiments import experiments
from gtrack.ops.leaderboard import Row
from gtrack.ops.rivals import Rivals, rivals

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Overview", "overview", "overviews"]


@dataclass(frozen=True, slots=True)
class Overview:
    """An experiment at a glance.

    Attributes:
        state: What was said of it.
        statuses: How many runs of each status there are.
        last: The newest run.
        metric: What its runs are compared by: the protocol's metric, or the only one with a goal.
        goal: Which way that is better.
        best: The first row of its leaderboard.
        best_run: The best run of that row.
        baseline: The run that others are compared with.
    """

    state: ExperimentState
    statuses: Mapping[str, int] = field(default_factory=dict)
    last: RunState | None = None
    metric: str | None = None
    goal: Goal | None = None
    best: Row | None = None
    best_run: RunState | None = None
    baseline: RunState | None = None

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return sum(self.statuses.values())

    def to_dict(self) -> dict[str, object]:
        """Return it as a map, for JSON."""
        out: dict[str, object] = {**self.state.to_dict(), "runs": self.runs, "statuses": dict(self.statuses)}
        started = None if self.last is None else self.last.started
        out["last"] = None if self.last is None else {"id": self.last.id, "name": self.last.name}
        out["last_started"] = None if started is None else iso(started)
        out["compared_by"] = self.metric
        out["direction"] = None if self.goal is None else {"goal": self.goal.direction, "source": self.goal.source}
        run = self.best_run
        if self.best is None or run is None:
            return {**out, "best": None}
        of = self.best.sample
        return {**out, "best": {"mean": of.mean, "std": of.std, "n": of.n, "id": run.id, "name": run.name}}


def overview(found: Rivals) -> Overview:
    """Return an experiment at a glance."""
    facts = found.facts
    try:
        metric: str | None = found.metric()
    except UsageError:
        metric = None
    goal = None if metric is None else found.goal(metric)
    best = None
    if metric is not None and goal is not None:
        best = next(iter(found.leaderboard(metric, goal, limit=1).rows), None)
    best_run = None if best is None else found.states([best.best])[best.best.id]
    statuses = dict(sorted(facts.statuses.items()))
    return Overview(found.protocol, statuses, facts.newest, metric, goal, best, best_run, found.baseline)


def overviews(repo: Repo) -> list[Overview]:
    """Return every experiment that has runs or of which something was said, the one with the newest run first."""
    every = repo.facts(Query())
    said = {state.name: state for state in experiments(repo.repository)}
    known = dict.fromkeys([*every.experiments, *said])
    seen = [
        overview(rivals(repo, name, protocol=said.get(name) or ExperimentState(name), among=every)) for name in known
    ]
    newest = sort_states((each.last for each in seen if each.last is not None), ())
    place = {run.experiment: at for at, run in enumerate(newest)}
    return sorted(seen, key=lambda each: place.get(each.state.name, len(place)))
