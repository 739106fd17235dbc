"""Finishing a run: recording it from its own process, or from one that outlives it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gtrack.errors import GtrackError
from gtrack.spool.directory import SpoolRun

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.state import RunState

__all__ = ["finish", "record_detached"]

_detached: list[subprocess.Popen[bytes]] = []
_RECOVER = "import sys; from gtrack.ops.finish import main; main(*sys.argv[1:])"


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
    return next((state for state in done.runs if state.id == run_id), None) or _recorded(repo, run_id)


def _recorded(repo: Repository, run_id: str) -> RunState | None:
    """The state of a run whose last end is on the branch, or None."""
    from gtrack.model.fold import fold_run
    from gtrack.ops.load import load_run_files

    try:
        state = fold_run(run_id, load_run_files(repo, [repo.tree_of(repo.tip)], run_id).documents)
    except (KeyError, GtrackError, OSError):
        return None
    return None if state.status == "running" else state


def record_detached(root: str, env: Mapping[str, str], *, live: str = "") -> None:
    """Record what ended, from a process of its own that training neither waits for nor can take down.

    Args:
        root: The repository.
        env: The environment.
        live: A run that still runs, to record what it has logged so far.
    """
    # Those that are done are reaped here, so that a long training collects no zombies.
    _detached[:] = [process for process in _detached if process.poll() is None]
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _RECOVER, root, live],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**env, "GTRACK_QUIET": "1"},
        )
    except OSError:
        return  # the next command records it
    _detached.append(process)


def main(root: str, live: str = "") -> None:
    """Entry point of the detached process."""
    from gtrack.branch.repository import Repository
    from gtrack.config import Settings, environment
    from gtrack.ops.recover import recover, seal_spools

    env = environment()
    with Repository(root, env) as repo:
        spools = Settings.from_env(env).extra_spools
        recover(repo, spools)
        if live:
            folders = [os.path.join(spool, live) for spool in [repo.paths.spool, *spools]]
            with repo.lock():
                seal_spools(repo, [SpoolRun(path) for path in folders if os.path.isdir(path)], live=True)
