"""Which runs are compared, and which of them the others are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gtrack._app.reading import Reading
from gtrack.errors import GtrackError, NotFoundError
from gtrack.ids import is_run_id
from gtrack.model.state import RunState
from gtrack.reader import RecordedRun, Repo

__all__ = ["BASELINE", "MOST", "Compared", "compared", "whole"]

MOST = 20
"""Runs that are compared at once."""
BASELINE = "baseline"
"""The setting that says: with the experiment's baseline."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The runs of a comparison.

    Attributes:
        runs: The runs, the reference first; whole, with their long params and tags.
        chosen: The ids of those that were chosen, in that order.
        what: What the reference is, in a few words.
        baseline: The id of the baseline of the one experiment that all are of, where there is one.
        problems: Why some of what was asked for is not there.
    """

    runs: tuple[RunState, ...] = ()
    chosen: tuple[str, ...] = ()
    what: str = ""
    baseline: str | None = None
    problems: tuple[str, ...] = ()

    @property
    def reference(self) -> RunState:
        """What the others are compared with."""
        return self.runs[0]

    @property
    def others(self) -> tuple[RunState, ...]:
        """The runs that are compared with the reference."""
        return self.runs[1:]

    @property
    def live(self) -> bool:
        """Some of them are going on."""
        return any(run.status == "running" for run in self.runs)


def compared(now: Reading, chosen: Sequence[str], reference: str = "") -> Compared:
    """Return the runs to compare.

    One run alone is compared as ``gtrack diff`` compares it: with its experiment's baseline, else with the run before.

    Args:
        now: The repository.
        chosen: Ids or other selectors.
        reference: The id of the one to compare with, or :data:`BASELINE`; by default the baseline where it is among
            them, else the first.
    """
    key = (tuple(chosen), reference)
    return now.kept("compare.runs", key, lambda: _compared(now.repo, key[0], reference))


def _compared(repo: Repo, chosen: Sequence[str], reference: str) -> Compared:
    problems: list[str] = []
    found: dict[str, RunState] = {}
    for selector in chosen[:MOST]:
        try:
            run = repo.run(f"run:{selector}" if is_run_id(selector) else selector)
        except GtrackError as error:
            problems.append(str(error))
            continue
        found.setdefault(run.id, whole(run))
    if len(chosen) > MOST:
        problems.append(f"{len(chosen):,} runs are selected: the first {MOST} are compared")
    ids = tuple(found)
    baseline = _baseline(repo, tuple(found.values()))
    try:
        first, what = _reference(repo, found, baseline, reference)
    except NotFoundError as error:
        return Compared(tuple(found.values()), ids, "", baseline, (*problems, str(error)))
    rest = [run for run in found.values() if first is None or run.id != first.id]
    return Compared((() if first is None else (first,)) + tuple(rest), ids, what, baseline, tuple(problems))


def _reference(
    repo: Repo, found: dict[str, RunState], baseline: str | None, reference: str
) -> tuple[RunState | None, str]:
    """Return what the others are compared with, and what that is.

    Raises:
        NotFoundError: There is nothing that a single run could be compared with.
    """
    if not found:
        return None, ""
    if reference == BASELINE and baseline is not None:
        known = found.get(baseline)
        return known or whole(repo.run(f"run:{baseline}")), "the baseline"
    if len(found) == 1:
        from gtrack.ops.previous import reference_of

        state, what = reference_of(repo, next(iter(found.values())))
        return whole(repo.run(f"run:{state.id}")), what
    if reference in found:
        return found[reference], "as chosen"
    if baseline in found:
        return found[baseline], "the baseline"
    return next(iter(found.values())), "the first"


def _baseline(repo: Repo, runs: Sequence[RunState]) -> str | None:
    experiments = {run.experiment for run in runs}
    if len(experiments) != 1:
        return None
    baseline = repo.experiment(experiments.pop()).baseline
    if baseline is None:
        return None
    try:
        return repo.run(f"run:{baseline}").id
    except GtrackError:
        return None


def whole(run: RecordedRun) -> RunState:
    """Return a run's state with the params and tags that were too long for its document put back."""
    return replace(run.state, params=run.params, tags=run.tags)
