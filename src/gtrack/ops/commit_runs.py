"""The runs of commits, and which of a commit's runs stand for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from gtrack.branch.code_history import CodeCommit
from gtrack.index.fields import Field
from gtrack.index.filter import And, Filter, In, IsNull, Not
from gtrack.index.query import Query
from gtrack.model.goal import Direction
from gtrack.model.state import RunState
from gtrack.model.statistics import sample
from gtrack.ops.leaderboard import configuration

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Choice", "Wanted", "choose_configuration", "runs_by_commit", "runs_of_commits", "same_but_code"]

_AT_ONCE = 500

Value = Callable[[RunState], float | None]
"""The value of a run by which configurations are compared; None where it has none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs of a commit count at all.

    Attributes:
        where: A filter that they match, if any.
        experiments: The experiments that they are of; of any when empty.
        metric: A metric that they have, if any.
        dirty: Runs of a tree with uncommitted edits count as well: their code is not quite the commit's.
    """

    where: Filter | None = None
    experiments: tuple[str, ...] = ()
    metric: str | None = None
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The runs of one configuration.

    Attributes:
        runs: They, the oldest first.
        of: How many configurations there were.
    """

    runs: tuple[RunState, ...]
    of: int


def runs_of_commits(repo: Repo, commits: Iterable[str], wanted: Wanted) -> list[RunState]:
    """Return the runs of some commits, whatever became of them, the oldest first."""
    parts: list[Filter] = [In(Field("attributes", "commit"), tuple(commits))]
    if wanted.metric is not None:
        parts.append(Not(IsNull(Field("metrics", wanted.metric))))
    if wanted.where is not None:
        parts.append(wanted.where)
    found = [run.state for run in repo.find(Query(And(tuple(parts)), wanted.experiments))]
    counted = [run for run in found if wanted.dirty or run.code.get("dirty") is not True]
    return sorted(counted, key=lambda run: (run.started or 0, run.id))


def runs_by_commit(
    repo: Repo, history: Iterable[CodeCommit], wanted: Wanted
) -> Iterator[tuple[CodeCommit, list[RunState]]]:
    """Yield each commit of a history that has runs, and these; in the history's order, asking for a part at a time."""
    commits = iter(history)
    while part := list(islice(commits, _AT_ONCE)):
        by_commit: dict[object, list[RunState]] = {}
        for run in runs_of_commits(repo, (commit.id for commit in part), wanted):
            by_commit.setdefault(run.code.get("commit"), []).append(run)
        yield from ((commit, by_commit[commit.id]) for commit in part if commit.id in by_commit)


def choose_configuration(runs: Sequence[RunState], value: Value, direction: Direction | None) -> Choice:
    """Return the runs of the best configuration, or of the one with most runs where nobody knows what is better.

    Args:
        runs: One run or more, finished or not. Those that did not finish count for no value.
        value: Which value of a run it is about.
        direction: Which way it is better.
    """
    groups: dict[Hashable, list[RunState]] = {}
    for run in sorted(runs, key=lambda run: (run.started or 0, run.id)):
        groups.setdefault(configuration(run), []).append(run)

    def place(members: Iterable[RunState]) -> tuple[bool, float, int, int]:
        members = list(members)
        found = [value(run) for run in members if run.status == "finished"]
        mean = sample(x for x in found if x is not None).mean
        sign = {"min": 1, "max": -1, None: 0}[direction]
        unknown = math.isnan(mean)
        return unknown, 0.0 if unknown or not sign else sign * mean, -len(members), -(members[-1].started or 0)

    return Choice(tuple(min(groups.values(), key=place)), len(groups))


def same_but_code(run: RunState) -> Hashable:
    """Return what runs of one configuration have in common even when their code differs: params but seeds, program."""
    program = {key: run.code[key] for key in ("command", "cwd") if key in run.code}
    return configuration(replace(run, code=program))
