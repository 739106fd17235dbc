"""Sealing spools: what they hold goes to the branch in one commit; then they are put aside, and swept after a day."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from gtrack.branch import keep
from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError
from gtrack.model.fold import fold_run
from gtrack.ops.headline import commit_message
from gtrack.ops.keep_objects import cache_of, seal_and_keep
from gtrack.ops.recover import Recovered, is_of_another
from gtrack.ops.seal import Sealed, seal
from gtrack.ops.spooled_objects import take_in_objects
from gtrack.ops.trees import recorded_files
from gtrack.spool.artifacts import discard_unfinished
from gtrack.spool.directory import SpoolRun, Writer, hold_folder

__all__ = ["SEALED", "is_time_to_sweep", "load_libraries", "put_aside", "seal_spools", "sweep_sealed"]

SEALED = ".sealed"
_NAMED = 3
_SWEEP_EVERY = 3600.0
_CURVES = 2048
"""Bytes of a journal that holds more than single values, for which no Parquet is written."""


def load_libraries(runs: Sequence[SpoolRun]) -> None:
    """Load what sealing needs: under the lock, all others would wait for it."""
    with contextlib.suppress(ImportError, OSError):  # a library that is broken is told of where it is needed
        import numpy as np

        writers = [writer for run in runs for writer in run.writers()]
        if any(os.path.getsize(w.journal) > _CURVES or os.path.exists(w.stem + ".system") for w in writers):
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
            sealed = seal_and_keep(repo, run, recorded, live=live)
        except (GtrackError, OSError, ValueError, KeyError) as error:
            # One damaged spool must not keep the others from being recorded.
            out.failed.append((run.path, str(error) or type(error).__name__))
            continue
        done.append((run, sealed, writers))
        if sealed.lost:
            out.lost.append((run.path, f"the content of {_named(sealed.lost)} is not as it was captured"))
        if sealed.files:
            out.runs.append(fold_run(run.id, [*recorded.documents, *sealed.documents]))
    files = {path: data for _, sealed, _ in done for path, data in sealed.files.items()}
    if files:
        files = _signed(repo, files, out, [run.path for run, sealed, _ in done if sealed.files])
        subject, body = commit_message(out.runs)
        out.commit = commit_files(repo, files, subject, body, by=author(repo.config, repo.env)).commit
    for run, sealed, writers in done:
        if sealed.complete:
            for writer in writers:
                discard_unfinished(writer.stem)
            _put_aside(run, writers)
    return out


def _signed(repo: Repository, files: dict[str, bytes], out: Recovered, spools: Iterable[str]) -> dict[str, bytes]:
    """Return the files with signatures, where the user signs runs; a run is recorded without as well."""
    if not repo.config.flag("gtrack.sign"):
        return files
    from gtrack.ops.signatures import signed_run_files

    whole, why = signed_run_files(repo, files, {state.id: state.author for state in out.runs})
    if why is not None:
        out.lost += [(path, f"it is not signed: {why}") for path in spools]
    return whole


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED:,} more artifacts" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more


def sweep_sealed(repo: Repository, spools: Sequence[str]) -> None:
    """Remove sealed spools after a day, once the branch is seen to hold all of it. The caller holds the lock."""
    keep.sweep(repo)
    cache_of(repo).sweep(keep.DAY)
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
    if not seal(run, recorded_files(repo, run, tree)).files:
        shutil.rmtree(path, ignore_errors=True)
    elif not is_of_another(run, repo):
        _put_back(path, name)


def is_time_to_sweep(repo: Repository) -> bool:
    """Once an hour: looking at every spool of the last day costs more than recording one run."""
    mark = os.path.join(repo.paths.home, "swept")
    with contextlib.suppress(FileNotFoundError):
        if 0 <= time.time() - os.stat(mark).st_mtime < _SWEEP_EVERY:
            return False
    with open(mark, "wb"):
        return True


def _put_aside(run: SpoolRun, sealed: Collection[Writer]) -> None:
    """Move a sealed spool out of the way; it is kept for a day.

    Args:
        run: The spool.
        sealed: The writers that were sealed; one that joined since makes it stay.
    """
    put_aside(run.path, run.id, lambda: set(run.writers()) <= set(sealed))


def put_aside(path: str, run_id: str, is_as_sealed: Callable[[], bool]) -> None:
    """Move a spool into the folder of sealed ones beside it, unless something holds it or has written to it since.

    Args:
        path: The spool.
        run_id: The run.
        is_as_sealed: Tells, while nobody else can write, whether it is as it was when it was sealed.

    Raises:
        OSError: It cannot be moved.
    """
    folder = os.path.join(os.path.dirname(path), SEALED)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with hold_folder(path, alone=True) as alone:
        if not alone or not is_as_sealed():
            return
        for number in range(1000):
            target = os.path.join(folder, f"{run_id}-{number}")
            if not os.path.lexists(target):
                os.rename(path, target)
                os.utime(target)
                return


def _put_back(path: str, name: str) -> None:
    target = os.path.join(os.path.dirname(os.path.dirname(path)), name[:32])
    if not os.path.lexists(target):
        os.rename(path, target)
