"""A metric along the commits of several branches: what the runs of each commit came to, and who moved it.

It is what blame looks at, of several branches at once and for ten thousand runs: the runs are not read whole, but for
those whose difference is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from gtrack.branch.code_diff import FileChange, changed_files
from gtrack.branch.code_history import CodeCommit, Revision, first_parent, resolve_revision, snapshots_of
from gtrack.branch.code_names import CodeNames, code_names
from gtrack.branch.tracking import is_shallow
from gtrack.index.columns import Headline
from gtrack.index.fields import Field
from gtrack.index.filter import And, Filter, IsNull, Not
from gtrack.index.query import Query
from gtrack.model.goal import Goal
from gtrack.model.statistics import sample
from gtrack.ops.blame import Blame, blame
from gtrack.ops.commit_runs import is_whole
from gtrack.ops.experiments import experiment_of
from gtrack.ops.goals import goal_said

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = [
    "MOST_COMMITS",
    "MOST_RUNS",
    "CodeCommit",
    "CodeNames",
    "CommitPoint",
    "FileChange",
    "HistoryLine",
    "MetricHistory",
    "Revision",
    "RunValue",
    "changes_between",
    "find_revisions",
    "metric_history",
    "moves",
    "names_of_code",
]

MOST_COMMITS = 2000
"""How far back a branch is followed."""
MOST_RUNS = 10_000
"""The most runs that are looked at, the newest."""
_MOST_JUDGED = 2000
"""The most runs that are read whole, to tell which differences mean something."""
_ATTRIBUTES = tuple(Field("attributes", name) for name in ("status", "commit", "snapshot", "dirty"))


@dataclass(frozen=True, slots=True)
class RunValue:
    """A run's value.

    Attributes:
        id: The run's id.
        value: Its best where the metric's goal was declared, else its last; may be NaN.
        moment: When it began, in microseconds since the epoch.
        edited: It had edits to its commit that were not committed.
    """

    id: str
    value: float
    moment: int
    edited: bool = False


@dataclass(frozen=True, slots=True)
class CommitPoint:
    """A commit that has finished runs.

    Attributes:
        commit: The commit.
        runs: Its runs that count, the oldest first.
        edited: Runs of uncommitted edits that began at it, where these do not count.
    """

    commit: CodeCommit
    runs: tuple[RunValue, ...] = ()
    edited: tuple[RunValue, ...] = ()

    def value(self, which: Literal["best", "mean", "last"], goal: Goal | None) -> float:
        """Return the best, the mean or the newest value of its runs; NaN without any number.

        Args:
            which: Which one. Where nobody knows which way is better, the mean stands for the best.
            goal: Which way the metric is better.
        """
        values = [run.value for run in self.runs if not math.isnan(run.value)]
        if not values:
            return math.nan
        if which == "last":
            return values[-1]
        if which == "best" and goal is not None:
            return min(values) if goal.direction == "min" else max(values)
        return sample(values).mean


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A branch by its first parents.

    Attributes:
        revision: The branch, as it was found.
        commits: Its commits, the newest first.
        points: Those that have finished runs, the oldest first.
        parted: How many of these points are on a line before this one already: up to there they are one.
    """

    revision: Revision
    commits: tuple[CodeCommit, ...]
    points: tuple[CommitPoint, ...]
    parted: int = 0


@dataclass(frozen=True, slots=True)
class MetricHistory:
    """A metric along branches.

    Attributes:
        metric: The metric.
        experiment: The experiment that the runs are of.
        goal: Which way the metric is better, where known.
        lines: The branches, in the order that was asked for.
        tags: The tags of commits on these lines, by commit.
        unfinished: How many runs of these commits did not finish, and do not count.
        edited: How many runs are of uncommitted edits, and do not count.
        elsewhere: How many runs are of none of these commits.
        more: There are more runs than are looked at.
        shallow: The clone lacks older commits.
    """

    metric: str
    experiment: str
    goal: Goal | None
    lines: tuple[HistoryLine, ...]
    tags: Mapping[str, tuple[str, ...]]
    unfinished: int = 0
    edited: int = 0
    elsewhere: int = 0
    more: bool = False
    shallow: bool = False

    @property
    def points(self) -> list[CommitPoint]:
        """The points of all lines, each once."""
        return [point for line in self.lines for point in line.points[line.parted :]]


def names_of_code(repo: Repo) -> CodeNames:
    """Return the branches and tags that the code has here.

    Raises:
        GitError: Git failed, or is not installed.
    """
    return code_names(repo.repository)


def find_revisions(repo: Repo, texts: Iterable[str]) -> list[Revision]:
    """Return the commits that revisions name; of several names of one commit the first.

    Raises:
        UsageError: There is no such revision.
        GitError: Git failed, or is not installed.
    """
    found: dict[str, Revision] = {}
    for text in texts:
        revision = resolve_revision(repo.repository, text)
        found.setdefault(revision.commit, revision)
    return list(found.values())


def metric_history(
    repo: Repo,
    metric: str,
    revisions: Sequence[str | Revision] = ("HEAD",),
    *,
    experiment: str,
    where: Filter | None = None,
    dirty: bool = False,
) -> MetricHistory:
    """Return a metric along branches.

    A commit's runs are those of its code, wherever that ran, as :func:`gtrack.ops.blame_search.look_back` has them.

    Args:
        repo: The repository.
        metric: The metric.
        revisions: Branches or other revisions; their first parents are followed. The main one first.
        experiment: The experiment that the runs are of.
        where: Only runs that match.
        dirty: Runs of uncommitted edits count for the commit they began at.

    Raises:
        UsageError: There is no such revision.
        GitError: Git failed, or is not installed.

    Example:
        >>> found = metric_history(repo, "val_auc", ["main", "feature"], experiment="churn")
        >>> [(point.commit.subject, point.value("best", found.goal)) for point in found.lines[0].points]
        [('more trees', 0.91), ('drop feature scaling', 0.88)]
    """
    known = [each for each in revisions if isinstance(each, Revision)]
    tips = known if len(known) == len(revisions) else find_revisions(repo, map(str, revisions))
    histories = [first_parent(repo.repository, tip.commit, MOST_COMMITS) for tip in tips]
    having: Filter = Not(IsNull(Field("metrics", metric)))
    facts = repo.facts(Query(having if where is None else And((where, having)), (experiment,)))
    goal = goal_said(metric, facts.declared_goal(metric), experiment_of(repo.repository, experiment))
    lines = facts.lines(*_ATTRIBUTES, Headline(metric, goal))
    make = cast("Callable[[tuple[object, ...]], _Run]", _Run._make)
    found = _Runs(repo, [make(line) for line in lines[:MOST_RUNS] if line[-1] is not None])
    by_commit = found.by_commit(dict.fromkeys(commit.id for history in histories for commit in history))
    made: list[HistoryLine] = []
    taken: set[str] = set()
    for tip, history in zip(tips, histories, strict=True):
        points = _points(history, by_commit, dirty)
        parted = next((at for at, point in enumerate(points) if point.commit.id not in taken), len(points))
        made.append(HistoryLine(tip, tuple(history), points, parted))
        taken |= {commit.id for commit in history}
    here = {run.id: run for runs in by_commit.values() for run in (*runs.counted, *runs.edited)}
    edits = {run.id for runs in by_commit.values() for run in runs.edited}
    unedited = {run.id for runs in by_commit.values() for run in runs.counted}
    tags: dict[str, tuple[str, ...]] = {}
    for name, oid in code_names(repo.repository).tags.items():
        if oid in taken:
            tags[oid] = (*tags.get(oid, ()), name)
    return MetricHistory(
        metric,
        experiment,
        goal,
        tuple(made),
        tags,
        unfinished=sum(run.status != "finished" for run in here.values() if dirty or run.id in unedited),
        edited=0 if dirty else len(edits - unedited),
        elsewhere=len(found.runs) - len(here),
        more=len(lines) > MOST_RUNS,
        shallow=is_shallow(repo.repository),
    )


def moves(repo: Repo, line: HistoryLine, metric: str, goal: Goal | None) -> Blame:
    """Return which commits of a line moved the metric, as ``gtrack blame`` tells it, of its newest commits.

    Args:
        repo: The repository.
        line: The line.
        metric: The metric.
        goal: Which way it is better.

    Returns:
        What was found, without the runs themselves; of as many commits as have two thousand runs, two at least.
    """
    chosen: list[CommitPoint] = []
    runs = 0
    for point in reversed([point for point in line.points if point.runs]):
        runs += len(point.runs)
        if runs > _MOST_JUDGED and len(chosen) > 1:
            break
        chosen.append(point)
    if len(chosen) < 2:  # nothing to judge: the runs need not be read
        return Blame(metric, goal, ())
    states = repo.facts(Query(deleted=None)).states([run.id for point in chosen for run in point.runs])
    pairs = [(point.commit, [states[run.id] for run in point.runs]) for point in chosen]
    found = blame(line.commits, pairs, metric, goal)
    return replace(found, points=tuple(replace(point, runs=()) for point in found.points))


def changes_between(repo: Repo, base: str, commit: str) -> list[FileChange]:
    """Return the files in which the code of two commits differs.

    Raises:
        GitError: Git failed, such as on a commit that is not here.
        DamageError: There are more than can be listed.
    """
    return changed_files(repo.repository, base, commit)


class _Run(NamedTuple):
    """What has to be known of a run: a line of the index."""

    moment: int
    id: str
    status: str
    commit: str | None
    snapshot: str | None
    dirty: bool | None
    value: float

    @property
    def shown(self) -> RunValue:
        return RunValue(self.id, float(self.value), self.moment, self.dirty is True)


@dataclass(frozen=True, slots=True)
class _CommitRuns:
    """All runs of a commit, whatever became of them, the oldest first."""

    counted: tuple[_Run, ...]
    edited: tuple[_Run, ...]


class _Runs:
    """Runs, to be found by the commits whose code they ran."""

    def __init__(self, repo: Repo, runs: Sequence[_Run]) -> None:
        self._repo = repo
        self.runs = runs

    def by_commit(self, commits: Iterable[str]) -> dict[str, _CommitRuns]:
        """Return the runs of those of some commits that have any."""
        known = list(commits)
        snapshots = snapshots_of(self._repo.repository, known)
        whole = self._whole(set(snapshots.values()))
        began: dict[str | None, list[_Run]] = {}
        same: dict[str | None, list[_Run]] = {}
        for run in self.runs:
            began.setdefault(run.commit, []).append(run)
            if run.dirty is not True or run.id in whole:
                same.setdefault(run.snapshot, []).append(run)
        out = {}
        for commit in known:
            there = began.get(commit, [])
            edited = {run.id: run for run in there if run.dirty is True}
            alike = same.get(snapshots[commit], []) if commit in snapshots else []
            counted = {run.id: run for run in (*there, *alike) if run.id not in edited}
            if edited or counted:
                out[commit] = _CommitRuns(_in_order(counted.values()), _in_order(edited.values()))
        return out

    def _whole(self, snapshots: set[str]) -> set[str]:
        """Return the runs of edits that became a commit, and of which nothing was left out."""
        became = [run.id for run in self.runs if run.dirty is True and run.snapshot in snapshots]
        states = self._repo.facts(Query(deleted=None)).states(became) if became else {}
        return {run_id for run_id, state in states.items() if is_whole(state)}


def _points(history: Sequence[CodeCommit], found: Mapping[str, _CommitRuns], dirty: bool) -> tuple[CommitPoint, ...]:
    """Return the commits with finished runs, the oldest first; of equal code next to each other, the oldest alone."""
    out: list[CommitPoint] = []
    before: set[str] = set()
    for commit in reversed(history):
        runs = found.get(commit.id)
        every = set() if runs is None else {run.id for run in (*runs.counted, *runs.edited)}
        if runs is not None and every != before:
            counted = _in_order((*runs.counted, *runs.edited)) if dirty else runs.counted
            beside = () if dirty else runs.edited
            point = CommitPoint(commit, _finished(counted), _finished(beside))
            if point.runs or point.edited:
                out.append(point)
        before = every
    return tuple(out)


def _in_order(runs: Iterable[_Run]) -> tuple[_Run, ...]:
    return tuple(sorted(runs, key=lambda run: (run.moment, run.id)))


def _finished(runs: Iterable[_Run]) -> tuple[RunValue, ...]:
    return tuple(run.shown for run in runs if run.status == "finished")
