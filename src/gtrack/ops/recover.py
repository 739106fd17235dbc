"""Recording what ended: every sealable spool, in one commit, by whoever holds the lock."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from gtrack.branch import keep
from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.lock import repository_lock
from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError
from gtrack.model.fold import fold_run
from gtrack.model.state import RunState
from gtrack.ops.headline import commit_message
from gtrack.ops.seal import Sealed, seal
from gtrack.ops.spooled_objects import take_in_objects
from gtrack.ops.trees import recorded_files
from gtrack.spool.directory import SpoolRun, Writer, hold_folder, list_spool

__all__ = ["Recovered", "recover", "seal_spools", "spools_of"]

SEALED = ".sealed"
_SWEEP_EVERY = 3600.0
_CURVES = 2048
"""Bytes of a journal that holds more than single values, for which no Parquet is written."""


@dataclass(slots=True)
class Recovered:
    """What was recorded.

    Attributes:
        commit: The branch's tip afterwards, or None when there was nothing to record.
        runs: The state of each run that got new files.
        failed: What could not be recorded: the spool's path and why. It stays where it is.
    """

    commit: str | None = None
    runs: list[RunState] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def spools_of(repo: Repository, extra: Sequence[str]) -> list[SpoolRun]:
    """Return the runs waiting in the repository's spool, and those of this repository in other spools.

    Args:
        repo: The repository.
        extra: Spools that may hold runs of several repositories.
    """
    runs = list(list_spool(repo.paths.spool))
    for spool in extra:
        if os.path.realpath(spool) != os.path.realpath(repo.paths.spool):
            runs += [run for run in list_spool(spool) if _belongs(run, repo)]
    return runs


def recover(
    repo: Repository,
    extra_spools: Sequence[str] = (),
    *,
    timeout: float = 60.0,
    certain: bool = False,
) -> Recovered:
    """Record every run whose process ended without doing so itself, killed ones included.

    Args:
        repo: The repository.
        extra_spools: Spools outside the repository to look into.
        timeout: Seconds to wait for the repository's lock.
        certain: There is something to record: look for what may have ended, and see under the lock what has.

    Raises:
        LockedError: Another process held the lock for all that time.
        RepositoryError: The branch cannot be written.
        OSError: The disk is full or read-only.
    """
    # A look without the lock: most commands find nothing to do.
    runs = spools_of(repo, extra_spools)
    due = [run for run in runs if (run.may_have_ended() if certain else _is_due(run))]
    if not due:
        return Recovered()
    waiting = [run.path for run in due]

    def recorded() -> bool:
        while waiting and not os.path.lexists(waiting[-1]):
            waiting.pop()
        return not waiting

    _load_libraries(due)
    # Of many processes that end at once one records all: when it has, the others need no lock.
    with repository_lock(repo.paths.home, timeout=timeout, unless=recorded) as held:
        if not held:
            return Recovered()
        out = seal_spools(repo, [run for run in spools_of(repo, extra_spools) if _is_due(run)])
        if _is_time_to_sweep(repo):
            sweep_sealed(repo, [repo.paths.spool, *extra_spools])
    return out


def _load_libraries(runs: Sequence[SpoolRun]) -> None:
    """Load what sealing needs: under the lock, all others would wait for it."""
    with contextlib.suppress(ImportError, OSError):  # a library that is broken is told of where it is needed
        import numpy as np

        if any(os.path.getsize(writer.journal) > _CURVES for run in runs for writer in run.writers()):
            from gtrack.format.parquet import encode_metrics

            encode_metrics(np.zeros(1, np.int64), ["key"], np.zeros(1), np.zeros(1), np.zeros(1))


def seal_spools(repo: Repository, runs: Iterable[SpoolRun], *, live: bool = False) -> Recovered:
    """Seal some spools in one commit. The caller holds the lock.

    Args:
        repo: The repository.
        runs: The spools.
        live: Take in what processes that still run have written so far.
    """
    out = Recovered()
    tip = keep.readable_tip(repo)
    tree = repo.tree_of(tip)
    done: list[tuple[SpoolRun, Sealed, list[Writer]]] = []
    for run in runs:
        try:
            take_in_objects(repo, run)
            recorded = recorded_files(repo, run, tree)
            writers = run.writers()
            sealed = seal(run, recorded, live=live)
        except (GtrackError, OSError, ValueError, KeyError) as error:
            # One damaged spool must not keep the others from being recorded.
            out.failed.append((run.path, str(error) or type(error).__name__))
            continue
        done.append((run, sealed, writers))
        if sealed.files:
            out.runs.append(fold_run(run.id, [*recorded.documents, *sealed.documents]))
    files = {path: data for _, sealed, _ in done for path, data in sealed.files.items()}
    if files:
        subject, body = commit_message(out.runs)
        out.commit = commit_files(repo, files, subject, body, by=author(repo.config, repo.env)).commit
    for run, sealed, writers in done:
        if sealed.complete:
            _put_aside(run, writers)
    return out


def sweep_sealed(repo: Repository, spools: Sequence[str]) -> None:
    """Remove sealed spools after a day, once the branch is seen to hold all of it. The caller holds the lock."""
    keep.sweep(repo)
    for folder in (os.path.join(spool, SEALED) for spool in spools):
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if time.time() - os.stat(path).st_mtime >= keep.DAY:
                    # What cannot be compared stays: it must not keep other runs from being recorded.
                    with contextlib.suppress(GtrackError, OSError, ValueError, KeyError):
                        _sweep_one(repo, path, name)


def _sweep_one(repo: Repository, path: str, name: str) -> None:
    tree = repo.tree_of(keep.readable_tip(repo))
    run = SpoolRun(path)
    if seal(run, recorded_files(repo, run, tree)).files:
        _put_back(path, name)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _is_time_to_sweep(repo: Repository) -> bool:
    """Once an hour: looking at every spool of the last day costs more than recording one run."""
    mark = os.path.join(repo.paths.home, "swept")
    with contextlib.suppress(FileNotFoundError):
        if 0 <= time.time() - os.stat(mark).st_mtime < _SWEEP_EVERY:
            return False
    with open(mark, "wb"):
        return True


def _is_due(run: SpoolRun) -> bool:
    """A cheap guess whether sealing would find something.

    Workers of a session wait for its owner: a launch of 64 ranks is one commit, not 64.
    """
    alive = {w: w.is_alive() for w in run.writers()}
    if not alive:
        return True
    if all(alive.values()):
        return False  # before its owners' files are read: most spools are those of live runs
    owners = run.owners()
    busy = {w.session for w, is_alive in alive.items() if is_alive and owners.get(w.session) == w.id}
    return any(not is_alive and w.session not in busy for w, is_alive in alive.items())


def _belongs(run: SpoolRun, repo: Repository) -> bool:
    for session in run.owners():
        where = run.owner_document(session).get("repository")
        if isinstance(where, str) and os.path.realpath(where) == os.path.realpath(repo.paths.common_dir):
            return True
    return False


def _put_aside(run: SpoolRun, sealed: Collection[Writer]) -> None:
    """Move a sealed spool out of the way; it is kept for a day.

    Args:
        run: The spool.
        sealed: The writers that were sealed; one that joined since makes it stay.
    """
    folder = os.path.join(os.path.dirname(run.path), SEALED)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with hold_folder(run.path, alone=True) as alone:
        if not alone or not set(run.writers()) <= set(sealed):
            return
        for number in range(1000):
            target = os.path.join(folder, f"{run.id}-{number}")
            if not os.path.lexists(target):
                os.rename(run.path, target)
                os.utime(target)
                return


def _put_back(path: str, name: str) -> None:
    target = os.path.join(os.path.dirname(os.path.dirname(path)), name[:32])
    if not os.path.lexists(target):
        os.rename(path, target)
