"""Finishing a run: recording it from its own process, or from one that outlives it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gtrack.errors import GtrackError
from gtrack.ops.detached import Job, start
from gtrack.ops.push_turns import leave_it_to_another

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.state import RunState

__all__ = ["finish", "push_detached", "record_detached"]


def finish(
    run_id: str,
    spool: str,
    repo: Repository | None,
    *,
    owner: bool,
    warn: Callable[[str], None],
    timeout: float = 60.0,
) -> RunState | None:
    """Record a run whose files are closed, together with every other one that waits.

    Args:
        run_id: The run.
        spool: The spool it is in.
        repo: The repository; without one the run waits for ``gtrack ingest``.
        owner: The caller's end is the run's end, so that there certainly is something to record.
        warn: Called with a sentence when it cannot be recorded now. What was logged waits in the spool.
        timeout: Seconds to wait for the repository's lock.

    Returns:
        The run's state if it is recorded, by this process or by another that was there first.
    """
    if repo is None:
        return None
    from gtrack.ops.recover import recover

    try:
        done = recover(repo, [spool], timeout=timeout, certain=owner)
    except Exception as error:  # whatever it is, even a bug of ours: training is over and must not end with it
        reason = str(error) if isinstance(error, GtrackError | OSError) else f"{type(error).__name__}: {error}"
        warn(f"the run is not on the branch yet and waits in {spool}: {reason}")
        return None
    for path, reason in done.failed:
        if os.path.basename(path) == run_id:
            warn(f"the run is not on the branch yet and waits in {spool}: {reason}")
    for path, what in done.lost:
        if os.path.basename(path) == run_id:
            warn(f"the run is recorded, but {what}")
    return next((state for state in done.runs if state.id == run_id), None) or _recorded(repo, run_id)


def _recorded(repo: Repository, run_id: str) -> RunState | None:
    """The state of a run whose last end is on the branch, or None."""
    from gtrack.model.fold import fold_run
    from gtrack.ops.load import load_run_files
    from gtrack.ops.trees import visible_trees

    try:
        state = fold_run(run_id, load_run_files(repo, visible_trees(repo), run_id).documents)
    except (KeyError, GtrackError, OSError):
        return None
    return None if state.status == "running" else state


def record_detached(root: str, env: Mapping[str, str], *, push: str | None = None) -> None:
    """Record what ended, from a process of its own that training neither waits for nor can take down.

    Args:
        root: The repository.
        env: The environment.
        push: Push afterwards, unless it is ``off``; None to do what the environment says.
    """
    # Where no process can be started, the next command records it.
    with contextlib.suppress(OSError):
        start(Job(root, push=push), env)


def push_detached(repo: Repository, *, push: str) -> None:
    """Push what is recorded, from a process of its own; leave it to one that is at it already.

    Args:
        repo: The repository.
        push: ``off``, ``end`` or ``segment``.
    """
    if push == "off" or repo.remote is None:
        return
    with contextlib.suppress(OSError):
        if not leave_it_to_another(repo.paths.home):
            start(Job(repo.paths.root, push=push), repo.env)
