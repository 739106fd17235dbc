"""Which runs a gate judges, and which it judges them by."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gtrack.branch.code_history import Revision, find_revision, first_parent, resolve_revision
from gtrack.errors import AmbiguousError, NotFoundError, UsageError
from gtrack.ids import SHORT
from gtrack.index.query import Query
from gtrack.model.goal import Direction
from gtrack.model.state import RunState
from gtrack.ops.commit_runs import Wanted, choose_configuration, runs_by_commit, runs_of_commits
from gtrack.ops.gate_result import Side
from gtrack.ops.leaderboard import configuration

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.reader import Repo

__all__ = ["Ranking", "best_side", "only_experiment", "reference_side", "runs_of_revision"]

_HISTORY = 10_000
"""How far back a reference is looked for, in commits."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """By what the best of several configurations is chosen.

    Attributes:
        value: The value of a run; None where it has none that counts.
        direction: Which way it is better, where known.
    """

    value: Callable[[RunState], float | None]
    direction: Direction | None


def runs_of_revision(repo: Repo, text: str, wanted: Wanted) -> tuple[Revision, list[RunState]]:
    """Return a commit and its runs.

    Raises:
        UsageError: There is no such revision.
        NotFoundError: It has no runs; the message says why, where that can be told.
    """
    revision = resolve_revision(repo.repository, text)
    runs = runs_of_commits(repo, [revision.commit], wanted)
    if runs:
        return revision, runs
    dirty = 0 if wanted.dirty else len(runs_of_commits(repo, [revision.commit], replace(wanted, dirty=True)))
    if dirty:
        had = "a run, but of code with uncommitted edits" if dirty == 1 else f"{dirty} runs, but of edited code"
        raise NotFoundError(f"{revision} has {had}", hint="commit and run it again, or --dirty counts them")
    narrowed = bool(wanted.where or wanted.experiments)
    what = "no run that matches" if narrowed else "no runs"
    raise NotFoundError(
        f"{revision} has {what}", hint="run the experiment at that commit, or choose another by --rev or --run"
    )


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


def best_side(label: str, runs: list[RunState], ranking: Ranking, commit: str | None = None) -> Side:
    """Return the best configuration among runs as a side."""
    choice = choose_configuration(runs, ranking.value, ranking.direction)
    return Side(label, choice.runs, choice.of, commit)


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
        Of a revision, the best configuration of the newest commit on its first-parent history that has finished runs
        with the metric. Of a run, that run and those of the same configuration and code.

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
    for commit, runs in runs_by_commit(repo, earlier, wanted):
        known = [run for run in runs if run.status == "finished" and run.id not in own]
        if known:
            return best_side(f"{revision.name}@{commit.id[:SHORT]}", known, ranking, commit.id)
    what = f" with {wanted.metric}" if wanted.metric else ""
    apart = f" before {apart_from.label}" if len(earlier) < len(history) else ""
    raise NotFoundError(
        f"no commit of {revision.name}{apart} has a finished run of {wanted.experiments[0]!r:.80}{what}",
        hint=f"gtrack pull, or run the experiment on {revision.name}",
    )


def _run_side(repo: Repo, selector: str, wanted: Wanted, what: str = "run") -> Side:
    run = repo.run(selector).state
    found = (each.state for each in repo.find(Query(wanted.where, (run.experiment,))))
    same = [each for each in found if each.id != run.id and configuration(each) == configuration(run)]
    return Side(f"{what} {run.id[:SHORT]}", tuple(sorted([run, *same], key=lambda each: (each.started or 0, each.id))))
