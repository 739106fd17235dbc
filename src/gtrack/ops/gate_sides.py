"""Which runs a gate judges, and which it judges them by."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from gtrack.branch.code_history import Revision, find_revision, first_parent, parents_of, resolve_revision
from gtrack.branch.tracking import is_shallow
from gtrack.errors import AmbiguousError, NotFoundError, UsageError
from gtrack.ids import SHORT, is_object_id
from gtrack.index.fields import Field
from gtrack.index.filter import In, Prefix
from gtrack.index.query import Query
from gtrack.model.state import RunState
from gtrack.ops.commit_runs import Wanted, runs_by_commit, runs_of_commits, unfetched
from gtrack.ops.gate_reference import Ranking, choose_reference
from gtrack.ops.gate_result import Side
from gtrack.ops.leaderboard import configuration

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.reader import Repo

__all__ = ["only_experiment", "reference_side", "runs_of_revision"]

_HISTORY = 10_000
"""How far back a reference is looked for, in commits."""
_REACH = 50
"""The same in commits with runs: what was run before those is no measure of today's code."""
_DIGITS = re.compile(r"[0-9a-fA-F]{7,64}")
_LONG_ENOUGH = 12


def runs_of_revision(repo: Repo, text: str, wanted: Wanted) -> tuple[Revision, list[RunState]]:
    """Return a commit and its runs.

    An id that runs name is found although its commit is not in this clone: continuous integration fetches few.

    Raises:
        UsageError: There is no such revision.
        NotFoundError: It has no runs; the message says why, where that can be told, and which commit has some.
    """
    revision = find_revision(repo.repository, text) or _recorded(repo, text, wanted)
    if revision is None:
        revision = resolve_revision(repo.repository, text)
    runs = runs_of_commits(repo, [revision.commit], wanted).get(revision.commit)
    if runs:
        return revision, runs
    raise _no_runs(repo, revision, wanted)


def _no_runs(repo: Repo, revision: Revision, wanted: Wanted) -> NotFoundError:
    edited = runs_of_commits(repo, [revision.commit], replace(wanted, dirty=True)).get(revision.commit, [])
    if edited:
        had = (
            "a run, but of code with uncommitted edits"
            if len(edited) == 1
            else f"{len(edited)} runs, but of edited code"
        )
        return NotFoundError(f"{revision} has {had}", hint="commit and run it again, or --dirty counts them")
    what = "no run that matches" if wanted.where or wanted.experiments else "no runs"
    near = _near(repo, revision, wanted)
    if near is None:
        hint = unfetched(repo) or "run the experiment at that commit, or choose another by --rev or --run"
        return NotFoundError(f"{revision} has {what}", hint=hint)
    commit, count, place = near
    return NotFoundError(
        f"{revision} has {what}, but {commit[:SHORT]}, {place}, has {'one' if count == 1 else count}",
        hint=f"run the experiment at {revision.name}, or judge that one: --rev {commit[:_LONG_ENOUGH]}",
    )


def _recorded(repo: Repo, text: str, wanted: Wanted) -> Revision | None:
    """Return the one commit that some digits name among those of runs."""
    if not _DIGITS.fullmatch(text):
        return None
    query = Query(In(Field("attributes", "commit"), (Prefix(text.lower()),)), wanted.experiments)
    commits = {run.state.code.get("commit") for run in repo.find(query)}
    only = commits.pop() if len(commits) == 1 else None
    return Revision(text, only) if isinstance(only, str) and is_object_id(only) else None


def _near(repo: Repo, revision: Revision, wanted: Wanted) -> tuple[str, int, str] | None:
    """Return the commit that is probably meant instead of one without runs: its id, how many it has, where it is.

    Of a merge, as code hosts make one for a pull request, that is what it merges; else the newest one before it.
    """
    if revision.commit not in repo.repository.objects:
        return None
    merged = parents_of(repo.repository, revision.commit)[1:]
    of_merged = runs_of_commits(repo, merged, wanted) if merged else {}
    for parent in merged:
        if parent in of_merged:
            return parent, len(of_merged[parent]), "which it merges"
    history = first_parent(repo.repository, revision.commit, _HISTORY)
    for commit, runs in runs_by_commit(repo, history, wanted):
        before = [each.id for each in history].index(commit.id)
        return commit.id, len(runs), f"{before} commit{'' if before == 1 else 's'} before it"
    return None


def only_experiment(runs: Iterable[RunState], label: str) -> str:
    """Return the experiment that runs are of.

    Raises:
        UsageError: They are of several.
    """
    names = sorted({run.experiment for run in runs})
    if len(names) > 1:
        shown = ", ".join(names[:5])
        raise UsageError(f"the runs of {label} are of {len(names)} experiments: {shown}", hint="--experiment NAME")
    return names[0]


def reference_side(
    repo: Repo, text: str, wanted: Wanted, protocol: ExperimentState, ranking: Ranking, *, apart_from: Side
) -> Side:
    """Return the runs that a candidate is compared with.

    Args:
        repo: The repository.
        text: ``baseline``, a revision, or a run's selector. ``run:``, ``name:`` and ``rev:`` force one.
        wanted: Which runs count; the experiment and the metric among it.
        protocol: The experiment's protocol, which names the baseline.
        ranking: By what the best of several configurations is chosen.
        apart_from: The candidate, which is not compared with itself.

    Returns:
        Of a revision, what :func:`choose_reference` finds among the commits of its first-parent history that have
        finished runs with the metric. Of a run, that run and those of the same configuration and code.

    Raises:
        UsageError: The experiment has no baseline, or there is no such revision.
        NotFoundError: There are no runs to compare with.
    """
    if text == "baseline":
        if protocol.baseline is None:
            raise UsageError(
                f"experiment {protocol.name!r:.80} has no baseline",
                hint=f"gtrack experiment set {shlex.quote(protocol.name)} --baseline RUN",
            )
        return _run_side(repo, f"run:{protocol.baseline}", wanted, "baseline")
    kind, _, rest = text.partition(":")
    forced = kind if rest and kind in ("run", "name", "rev") else None
    if forced == "rev":
        return _history_side(repo, resolve_revision(repo.repository, rest), wanted, ranking, apart_from)
    revision = None if forced else find_revision(repo.repository, text)
    if revision is not None:
        return _history_side(repo, revision, wanted, ranking, apart_from)
    try:
        return _run_side(repo, text, wanted)
    except AmbiguousError:
        raise
    except NotFoundError:
        raise UsageError(
            f"{text!r:.80} is neither a revision here nor a run", hint="git fetch, or gtrack pull"
        ) from None


def _history_side(repo: Repo, revision: Revision, wanted: Wanted, ranking: Ranking, apart_from: Side) -> Side:
    history = first_parent(repo.repository, revision.commit, _HISTORY)
    own = {run.id for run in apart_from.runs}
    earlier = [commit for commit in history if commit.id != apart_from.commit]

    def commits() -> Iterator[tuple[str, list[RunState]]]:
        for commit, runs in runs_by_commit(repo, earlier, wanted):
            known = [run for run in runs if run.status == "finished" and run.id not in own]
            if known:
                yield commit.id, known

    found = choose_reference(revision.name, islice(commits(), _REACH), ranking, apart_from)
    if found is not None:
        return found
    what = f" with {wanted.metric}" if wanted.metric else ""
    apart = f" before {apart_from.label}" if len(earlier) < len(history) else ""
    shallow = is_shallow(repo.repository)
    raise NotFoundError(
        f"no commit of {revision.name}{apart} has a finished run of {wanted.experiments[0]!r:.80}{what}"
        + (", as far as this shallow clone goes" if shallow else ""),
        hint=unfetched(repo)
        or ("git fetch --unshallow" if shallow else f"gtrack pull, or run the experiment on {revision.name}"),
    )


def _run_side(repo: Repo, selector: str, wanted: Wanted, what: str = "run") -> Side:
    run = repo.run(selector).state
    like = configuration(run)
    found = (each.state for each in repo.find(Query(wanted.where, (run.experiment,))))
    same = [each for each in found if each.id != run.id and configuration(each) == like]
    return Side(f"{what} {run.id[:SHORT]}", tuple(sorted([run, *same], key=lambda each: (each.started or 0, each.id))))
