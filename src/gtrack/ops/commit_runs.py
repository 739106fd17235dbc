"""The runs of commits, and which of a commit's runs stand for it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from gtrack.branch.code_history import CodeCommit, snapshots_of
from gtrack.branch.tracking import tracking
from gtrack.index.fields import Field
from gtrack.index.filter import And, Filter, In, IsNull, Not, Or
from gtrack.index.query import Query
from gtrack.model.goal import Direction
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.statistics import sample
from gtrack.ops.leaderboard import configuration, varying_params

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = [
    "Choice",
    "Wanted",
    "choose_configuration",
    "is_whole",
    "run_otherwise",
    "runs_by_commit",
    "runs_of_commits",
    "same_but_code",
    "unfetched",
]

_AT_ONCE = 500
_MOST_NAMED = 3
_LONGEST = 40

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


def runs_of_commits(repo: Repo, commits: Sequence[str], wanted: Wanted) -> dict[str, list[RunState]]:
    """Return the runs of each of some commits that has any, whatever became of them, the oldest first.

    A commit's runs are those of its code: they ran at it, or elsewhere on an equal tree, before a rebase, a squash or
    a merge, or as edits that were committed afterwards.

    Args:
        repo: The repository; it has the git executable.
        commits: Their ids.
        wanted: Which runs count.
    """
    snapshots = snapshots_of(repo.repository, commits)
    found = _find(repo, commits, list(snapshots.values()), wanted)
    by_code: dict[object, list[RunState]] = {}
    for run in sorted(found, key=lambda run: (run.started or 0, run.id)):
        began = run.code.get("commit") if wanted.dirty or run.code.get("dirty") is not True else None
        for code in {began, run.code.get("snapshot") if is_whole(run) else None} - {None}:
            by_code.setdefault(code, []).append(run)
    runs = {commit: _once([*by_code.get(commit, ()), *by_code.get(snapshots.get(commit), ())]) for commit in commits}
    return {commit: members for commit, members in runs.items() if members}


def runs_by_commit(
    repo: Repo, history: Iterable[CodeCommit], wanted: Wanted
) -> Iterator[tuple[CodeCommit, list[RunState]]]:
    """Yield each commit of a history that has runs, and these; in the history's order, asking for a part at a time.

    Of commits next to each other that have equal code, and so the same runs, it is the oldest: the one that changed it.
    """
    commits = iter(history)
    last: tuple[CodeCommit, list[RunState]] | None = None
    while part := list(islice(commits, _AT_ONCE)):
        found = runs_of_commits(repo, [commit.id for commit in part], wanted)
        for commit in part:
            runs = found.get(commit.id, [])
            if last is not None and [run.id for run in last[1]] != [run.id for run in runs]:
                yield last
            last = (commit, runs) if runs else None
    if last is not None:
        yield last


def _find(repo: Repo, commits: Sequence[str], snapshots: Sequence[str], wanted: Wanted) -> list[RunState]:
    code: list[Filter] = [In(Field("attributes", "commit"), tuple(commits))]
    if snapshots:
        code.append(In(Field("attributes", "snapshot"), tuple(snapshots)))
    parts: list[Filter] = [code[0] if len(code) == 1 else Or(tuple(code))]
    if wanted.metric is not None:
        parts.append(Not(IsNull(Field("metrics", wanted.metric))))
    if wanted.where is not None:
        parts.append(wanted.where)
    return [run.state for run in repo.find(Query(And(tuple(parts)), wanted.experiments))]


def is_whole(run: RunState) -> bool:
    """Tell whether a run's snapshot is all the code that ran."""
    code, submodules = run.code, run.code.get("submodules")
    listed = submodules if isinstance(submodules, list) else []
    edited = any(isinstance(each, Mapping) and each.get("dirty") for each in listed)
    return code.get("dirty") is not True or not (code.get("left_out") or edited)


def _once(runs: Iterable[RunState]) -> list[RunState]:
    unique = {run.id: run for run in runs}
    return sorted(unique.values(), key=lambda run: (run.started or 0, run.id))


def choose_configuration(
    runs: Sequence[RunState], value: Value, direction: Direction | None, *, least: int = 1
) -> Choice:
    """Return the runs of the best configuration, or of the one with most runs where nobody knows what is better.

    Args:
        runs: One run or more, finished or not. Those that did not finish count for no value.
        value: Which value of a run it is about.
        direction: Which way it is better.
        least: How many finished runs a configuration needs for being chosen, as long as any has so many.
    """
    groups: dict[Hashable, list[RunState]] = {}
    for run in sorted(runs, key=lambda run: (run.started or 0, run.id)):
        groups.setdefault(configuration(run), []).append(run)

    def place(group: Iterable[RunState]) -> tuple[bool, bool, float, int, int]:
        members = list(group)
        few = sum(run.status == "finished" for run in members) < least
        found = [value(run) for run in members if run.status == "finished"]
        mean = sample(x for x in found if x is not None).mean
        sign = {"min": 1, "max": -1, None: 0}[direction]
        unknown = math.isnan(mean)
        return few, unknown, 0.0 if unknown or not sign else sign * mean, -len(members), -(members[-1].started or 0)

    return Choice(tuple(min(groups.values(), key=place)), len(groups))


def same_but_code(run: RunState) -> Hashable:
    """Return what runs of one configuration have in common even when their code differs: params but seeds, program."""
    program = {key: run.code[key] for key in ("command", "cwd") if key in run.code}
    return configuration(replace(run, code=program))


def unfetched(repo: Repo) -> str | None:
    """Return what to type where the runs of the remote were never fetched, as in a clone of a single branch.

    Example:
        >>> unfetched(repo)
        'git fetch origin gtrack:refs/remotes/origin/gtrack'
    """
    if repo.repository.remote is None:
        return None
    here = tracking(repo.repository)
    if any(repo.repository.refs.read(name) is not None for name in (here.branch, here.tip_ref)):
        return None
    refspec = f"{here.branch.removeprefix('refs/heads/')}:{here.tip_ref}"
    return f"git fetch {shlex.quote(here.remote)} {shlex.quote(refspec)}"


def run_otherwise(run: RunState, than: RunState) -> str:
    """Return in a few words how a run was made that was not made as another one; empty where nothing tells.

    Example:
        >>> run_otherwise(run, than=the_same_with_another_depth_and_dropout)
        'depth=6, no dropout'
    """
    params, keys = dict(flatten(run.params)), varying_params([run, than])
    if not keys:
        return "" if same_but_code(run) == same_but_code(than) else "another program"
    named = [_param(key, params.get(key)) for key in keys[:_MOST_NAMED]]
    return ", ".join([*named, *(["..."] if len(keys) > _MOST_NAMED else [])])


def _param(key: str, value: object) -> str:
    text = str(value)
    return f"no {key}" if value is None else f"{key}={text if len(text) <= _LONGEST else text[: _LONGEST - 3] + '...'}"
