"""The commits of a branch that have runs with a metric: what blame looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.branch.code_history import CodeCommit, first_parent, resolve_revision
from gtrack.branch.tracking import is_shallow
from gtrack.errors import UsageError
from gtrack.index.filter import Filter
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.ops.commit_runs import Wanted, runs_by_commit
from gtrack.ops.experiments import experiment_of
from gtrack.ops.goals import goal_for

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["History", "look_back"]

_HISTORY = 20_000
"""How far back runs are looked for, in commits."""


@dataclass(frozen=True, slots=True)
class History:
    """What was found on a branch.

    Attributes:
        label: The branch, as it was named.
        experiment: The experiment that the runs are of.
        commits: The branch's commits, the newest first.
        runs: Those that have finished runs with the metric, in the same order, each with these.
        goal: Which way the metric is better, where known.
        unfinished: How many runs of these commits did not finish, and do not count.
        edited: How many runs are of code with uncommitted edits, and do not count.
        more: Older commits have runs as well.
        shallow: The clone lacks older commits.
    """

    label: str
    experiment: str
    commits: tuple[CodeCommit, ...]
    runs: tuple[tuple[CodeCommit, tuple[RunState, ...]], ...]
    goal: Goal | None
    unfinished: int
    edited: int
    more: bool
    shallow: bool = False


def look_back(
    repo: Repo,
    metric: str,
    branch: str,
    *,
    experiment: str,
    where: Filter | None = None,
    since: str | None = None,
    count: int = 30,
    dirty: bool = False,
) -> History:
    """Return the newest commits of a branch that have finished runs with a metric, and these.

    Args:
        repo: The repository.
        metric: The metric.
        branch: A branch, or any revision; its first parents are followed.
        experiment: The experiment that the runs are of.
        where: Only runs that match.
        since: The oldest commit to look at; on the branch.
        count: How many commits with runs to return; at least one.
        dirty: Runs of edited trees count as well.

    Raises:
        UsageError: There is no such revision, or ``since`` is not on the branch.
    """
    revision = resolve_revision(repo.repository, branch)
    commits = _since(repo, first_parent(repo.repository, revision.commit, _HISTORY), since, branch)
    wanted = Wanted(where, (experiment,), metric, dirty=True)
    kept: list[tuple[CodeCommit, tuple[RunState, ...]]] = []
    unfinished = edited = 0
    more = False
    for commit, runs in runs_by_commit(repo, commits, wanted):
        clean = [run for run in runs if dirty or not _began_there_edited(run, commit)]
        good = tuple(run for run in clean if run.status == "finished")
        if good and len(kept) == count:
            more = True
            break
        edited += len(runs) - len(clean)
        unfinished += len(clean) - len(good)
        if good:
            kept.append((commit, good))
    every = [run for _, runs in kept for run in runs]
    goal = goal_for(metric, every, experiment_of(repo.repository, experiment))
    shallow = is_shallow(repo.repository)
    return History(branch, experiment, tuple(commits), tuple(kept), goal, unfinished, edited, more, shallow)


def _began_there_edited(run: RunState, commit: CodeCommit) -> bool:
    """Tell whether a run had edits to a commit, and not edits that became it."""
    return run.code.get("dirty") is True and run.code.get("commit") == commit.id


def _since(repo: Repo, commits: list[CodeCommit], since: str | None, branch: str) -> list[CodeCommit]:
    if since is None:
        return commits
    oldest = resolve_revision(repo.repository, since).commit
    for place, commit in enumerate(commits):
        if commit.id == oldest:
            return commits[: place + 1]
    raise UsageError(f"{since!r:.80} is not on the history of {branch!r:.80} by first parents")
