"""Which runs stand for the two sides of a range of commits, such as ``main..feature``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gtrack.branch.code_history import Revision, resolve_revision
from gtrack.branch.code_range import commits_between, history_of, merge_base
from gtrack.branch.tracking import is_shallow
from gtrack.errors import GtrackError, NotFoundError, UsageError
from gtrack.index.fields import Field
from gtrack.index.filter import And, Compare, In, Prefix, parse
from gtrack.index.query import Query
from gtrack.model.state import RunState
from gtrack.ops.commit_runs import Wanted, runs_of_commits, unfetched
from gtrack.ops.experiments import experiment_of
from gtrack.ops.goals import near_metrics

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.reader import Repo

__all__ = ["CommitRuns", "Pair", "Range", "find_sides", "parse_range"]

_AT_ONCE = 500
_FORCED = re.compile(r"(run|name|rev):")


@dataclass(frozen=True, slots=True)
class Range:
    """A range of commits, in git's notation.

    Attributes:
        left: The revision before the dots; ``HEAD`` where there is none.
        right: That behind them, likewise.
        from_base: Three dots: the left side is where the two parted.
    """

    left: str
    right: str
    from_base: bool = False

    def __str__(self) -> str:
        return f"{self.left}{'...' if self.from_base else '..'}{self.right}"


@dataclass(frozen=True, slots=True)
class CommitRuns:
    """The runs of one commit.

    Attributes:
        name: The revision whose history it was found in.
        commit: Its id.
        runs: The finished runs, the oldest first; at least one.
        unfinished: How many more did not finish.
    """

    name: str
    commit: str
    runs: tuple[RunState, ...]
    unfinished: int


@dataclass(frozen=True, slots=True)
class Pair:
    """The runs of both sides.

    Attributes:
        protocol: What was said of their experiment.
        left: The left side's runs.
        right: The right side's.
        good: The ids of the runs that meet the experiment's floor.
        remark: What is to be told about the choice of the experiment, if anything.
    """

    protocol: ExperimentState
    left: CommitRuns
    right: CommitRuns
    good: frozenset[str]
    remark: str = ""


def parse_range(text: str) -> Range | None:
    """Return the range that a text means, or None where it is none.

    Example:
        >>> parse_range("main..feature"), parse_range("last")
        (Range(left='main', right='feature', from_base=False), None)
    """
    if _FORCED.match(text) or ".." not in text:
        return None
    left, dots, right = text.partition("..." if "..." in text else "..")
    return Range(left or "HEAD", right or "HEAD", dots == "...")


def find_sides(repo: Repo, asked: Range, wanted: Wanted) -> Pair:
    """Return the runs of both sides.

    The right side's are those of the newest commit that the right revision has and the left one has not; the left
    side's those of the newest commit of the left revision's history, or with three dots of the history that both
    share. Commits without finished runs that count are passed over.

    Args:
        repo: The repository.
        asked: The range.
        wanted: Which runs count; without an experiment, those of the newest run on the right side; without a metric,
            those that have the experiment's.

    Raises:
        UsageError: There is no such revision, or the right side's runs have no such metric.
        NotFoundError: A side has no runs.
    """
    left, right = _revisions(repo, asked)
    if left.commit == right.commit:
        raise NotFoundError(f"{left.name} and {right.name} are the same commit", hint="gtrack diff A B compares runs")
    between = commits_between(repo.repository, left, right)
    if not between:
        other = shlex.quote(f"{asked.right}..{asked.left}")
        raise NotFoundError(
            f"{right} has no commit that {left} has not", hint=f"the other way round: gtrack diff {other}"
        )
    newest = _newest(repo, right.name, between, wanted)
    if newest is None:
        raise _no_runs(repo, asked, between, wanted)
    experiment, remark = _experiment(newest.runs)
    protocol = experiment_of(repo.repository, experiment)
    wanted = replace(wanted, experiments=(experiment,), metric=wanted.metric or protocol.metric)
    start = merge_base(repo.repository, left, right) if asked.from_base else left
    found = _newest(repo, right.name, between, wanted)
    if found is None:
        raise _no_match(repo, f"the runs of {asked}", protocol, wanted)
    before = _newest(repo, start.name, history_of(repo.repository, start), wanted)
    if before is None:
        raise _no_match(repo, f"the runs of {start} and before", protocol, wanted)
    return Pair(protocol, before, found, _good(repo, protocol, [*before.runs, *found.runs]), remark)


def _revisions(repo: Repo, asked: Range) -> tuple[Revision, Revision]:
    """Return both ends of a range.

    Raises:
        UsageError: One is no revision; a run may have such a name.
    """
    try:
        return resolve_revision(repo.repository, asked.left), resolve_revision(repo.repository, asked.right)
    except UsageError as error:
        named = repo.find(Query(Compare(Field("attributes", "name"), "=", str(asked)), limit=1))
        if not named:
            raise
        forced = shlex.quote(f"name:{asked}")
        raise UsageError(error.message, hint=f"a run is named so: gtrack diff {forced}") from None


def _newest(repo: Repo, name: str, commits: Sequence[str], wanted: Wanted) -> CommitRuns | None:
    """Return the runs of the first commit that has finished ones."""
    for at in range(0, len(commits), _AT_ONCE):
        part = commits[at : at + _AT_ONCE]
        by_commit = runs_of_commits(repo, part, wanted)
        for commit in part:
            runs = by_commit.get(commit, [])
            finished = tuple(run for run in runs if run.status == "finished")
            if finished:
                return CommitRuns(name, commit, finished, len(runs) - len(finished))
    return None


def _experiment(runs: Sequence[RunState]) -> tuple[str, str]:
    """Return the newest run's experiment, and what is to be told where there are others."""
    newest = max(runs, key=lambda run: (run.started or 0, run.id)).experiment
    others = sorted({run.experiment for run in runs} - {newest})
    if not others:
        return newest, ""
    return newest, f"of experiment {newest}, the newest run's; --experiment chooses another: {', '.join(others[:5])}"


def _good(repo: Repo, protocol: ExperimentState, runs: Sequence[RunState]) -> frozenset[str]:
    """Return the ids of those runs that meet the floor."""
    ids = frozenset(run.id for run in runs)
    if protocol.floor is None:
        return ids
    these = In(Field("attributes", "id"), tuple(map(Prefix, sorted(ids))))
    return frozenset(run.id for run in repo.find(Query(And((these, parse(protocol.floor))), (protocol.name,))))


def _no_runs(repo: Repo, asked: Range, commits: Sequence[str], wanted: Wanted) -> GtrackError:
    many = len(commits) > 1
    lacking = f"none of the {len(commits):,} commits of {asked} has" if many else f"the commit of {asked} does not have"
    if not wanted.dirty and _newest(repo, asked.right, commits, replace(wanted, dirty=True)) is not None:
        return NotFoundError(
            f"{lacking} a run, except of code with uncommitted changes",
            hint="commit and run it again, or --dirty counts them",
        )
    others = _newest(repo, asked.right, commits, replace(wanted, metric=None)) if wanted.metric is not None else None
    if others is not None:
        close = near_metrics(str(wanted.metric), others.runs)
        meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        return UsageError(f"{lacking} a finished run with {wanted.metric!r:.80}{meant}", hint="-m KEY names another")
    narrowed = " that matches" if wanted.where or wanted.experiments else ""
    return NotFoundError(
        f"{lacking} a finished run{narrowed}",
        hint=unfetched(repo) or _unshallow(repo) or f"run the experiment on {asked.right}, or gtrack pull",
    )


def _no_match(repo: Repo, where: str, protocol: ExperimentState, wanted: Wanted) -> NotFoundError:
    metric = f" with {wanted.metric}" if wanted.metric else ""
    return NotFoundError(
        f"among {where} none is a finished one of {protocol.name!r:.80}{metric}",
        hint=_unshallow(repo)
        or "run the experiment there, or gtrack pull; --experiment, --metric and --dirty choose others",
    )


def _unshallow(repo: Repo) -> str:
    """Return what to type where the commits with runs may be those that a shallow clone does not have."""
    return "the clone is shallow: git fetch --unshallow" if is_shallow(repo.repository) else ""
