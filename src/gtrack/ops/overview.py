"""Every experiment at a glance: how many runs it has, what they are compared by, how far they have come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.clock import iso
from gtrack.errors import UsageError
from gtrack.index.query import Query
from gtrack.model.experiment import ExperimentState
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.ops.experiments import experiments
from gtrack.ops.goals import goal_for, metric_to_compare
from gtrack.ops.leaderboard import Row, leaderboard
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
        baseline: The run that others are compared with.
    """

    state: ExperimentState
    statuses: Mapping[str, int] = field(default_factory=dict)
    last: RunState | None = None
    metric: str | None = None
    goal: Goal | None = None
    best: Row | None = None
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
        if self.best is None:
            return {**out, "best": None}
        best, of = self.best.best, self.best.sample
        return {**out, "best": {"mean": of.mean, "std": of.std, "n": of.n, "id": best.id, "name": best.name}}


def overview(found: Rivals) -> Overview:
    """Return an experiment at a glance."""
    statuses = Counter(run.status for run in found.runs)
    try:
        metric: str | None = metric_to_compare(found.runs, found.protocol)
    except UsageError:
        metric = None
    goal = None if metric is None else goal_for(metric, found.runs, found.protocol)
    best = None
    if metric is not None and goal is not None:
        rows = leaderboard(found.runs, metric, goal, meets=found.meets).rows
        best = rows[0] if rows else None
    last = found.runs[0] if found.runs else None
    return Overview(found.protocol, dict(sorted(statuses.items())), last, metric, goal, best, found.baseline)


def overviews(repo: Repo) -> list[Overview]:
    """Return every experiment that has runs or of which something was said, the one with the newest run first."""
    runs: dict[str, list[RunState]] = {}
    for run in repo.find(Query()):
        runs.setdefault(run.experiment, []).append(run.state)
    said = {state.name: state for state in experiments(repo.repository)}
    out = []
    for name in [*runs, *(name for name in said if name not in runs)]:
        protocol = said.get(name) or ExperimentState(name)
        if protocol.floor is not None:
            out.append(overview(rivals(repo, name, protocol=protocol)))
        else:
            mine = tuple(runs.get(name, ()))
            out.append(overview(Rivals(protocol, mine, frozenset(run.id for run in mine))))
    return out
