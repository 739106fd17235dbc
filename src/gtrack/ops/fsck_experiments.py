"""Checking what is said of experiments: each event by itself, and the protocols that they come to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from gtrack.branch.listing import Entry
from gtrack.branch.repository import Repository
from gtrack.clock import now_ns, stamp
from gtrack.config import Settings
from gtrack.errors import GtrackError, UsageError
from gtrack.format import names
from gtrack.format.schema import EXPERIMENT_EVENTS
from gtrack.ids import SHORT
from gtrack.index.filter import parse
from gtrack.model.experiment import fold_experiment
from gtrack.ops.experiment_files import load_said, names_said
from gtrack.ops.fsck_fields import check_fields
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import documents_of
from gtrack.ops.present import DAY_US
from gtrack.ops.recover import spools_of
from gtrack.ops.trees import visible_trees

__all__ = ["check_event", "check_protocols"]

_MOST = 3000
"""Experiments whose protocol is looked at: a branch with more of them is not one that people made."""


def check_event(entry: Entry, data: bytes, found: Findings) -> None:
    """Check an event of an experiment by itself: digest, stamp, fields.

    Args:
        entry: The file.
        data: Its content.
        found: Takes what is wrong.
    """
    name = entry.path.split("/", 2)[2]
    read = documents_of("", [(name, entry.mode, entry.oid)], {entry.oid: data})
    for problem in read.problems:
        found.error(entry.path, problem.removeprefix(f"{name}: "))
    for doc in read.documents:
        check_fields(entry.path, "experiment", doc, EXPERIMENT_EVENTS, found)


def check_protocols(repo: Repository, found: Findings) -> None:
    """Check that what the events come to can be used: floors are filters, baselines are runs.

    What cannot be read has been named by the check of the files, and is passed over here.

    Args:
        repo: The repository.
        found: Takes what is wrong.
    """
    try:
        trees = visible_trees(repo)
        said = sorted({name for tree in trees for name in names_said(repo, tree)})
    except (GtrackError, KeyError, OSError):
        return
    horizon = stamp(now_ns() // 1000 + DAY_US)
    for name in islice(said, _MOST):
        try:
            state = fold_experiment(name, load_said(repo, trees, name).documents, horizon=horizon)
            known = state.baseline is None or _is_here(repo, trees, state.baseline)
        except (GtrackError, KeyError, OSError):
            continue
        folder = names.experiment_dir(name) or names.EXPERIMENTS
        wrong = _wrong_filter(state.floor)
        if wrong is not None:
            found.warning(folder, f"the floor is not used: {wrong}", "gtrack experiment set NAME --floor FILTER")
        if not known:
            what = f"the baseline {state.baseline!s:.{SHORT}} is no run that is here"
            found.warning(folder, what, _way_to_get_it(repo))


def _wrong_filter(text: str | None) -> str | None:
    """Tell why a filter cannot be used; None for one that can, or none at all."""
    if text is None:
        return None
    try:
        parse(text)
    except UsageError as error:
        return error.message.partition("\n")[0]
    return None


def _is_here(repo: Repository, trees: Sequence[str], run_id: str) -> bool:
    if any(repo.objects.find(tree, names.run_dir(run_id)) is not None for tree in trees):
        return True
    return any(run.id == run_id for run in spools_of(repo, Settings.from_env(repo.env).extra_spools))


def _way_to_get_it(repo: Repository) -> str:
    return "gtrack pull" if repo.remote else "gtrack experiment set NAME --baseline RUN"
