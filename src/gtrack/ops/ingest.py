"""Taking in runs that were recorded elsewhere: on a cluster, in a container, beside a read-only repository."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.branch.keep import DAY
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GtrackError, NotFoundError
from gtrack.format.schema import check_document
from gtrack.ops.load import RunFiles
from gtrack.ops.seal import seal
from gtrack.ops.seal_artifacts import wrong_lines
from gtrack.ops.sealing import SEALED, put_aside, seal_spools
from gtrack.ops.staging import copy_run, signature
from gtrack.spool.directory import SpoolRun, Writer, read_document
from gtrack.spool.reading import read_journal

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Report", "ingest"]

_FOLDER = re.compile(r"(?P<id>[0-9a-f]{32})(?:-[0-9]{1,3})?\Z")
_DEPTH = 3
_MOST_FOLDERS = 100_000
_BATCH = 64
# What reading and sealing raise on files that are not what gtrack wrote.
_DAMAGE = (GtrackError, OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Report:
    """What was taken in.

    Attributes:
        taken: The ids of the runs that the branch got something new of.
        skipped: The folder of each run that was left where it is, in whole or in part, and why.
    """

    taken: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Staged:
    """A run's folder, its copy, and whether the copy is all of it."""

    source: str
    copy: str
    seen: list[tuple[str, int, int]]
    whole: bool


def ingest(repo: Repo, directory: str, *, force: bool = False) -> Report:
    """Take in the ended runs of a folder. Taking the same ones in again changes nothing.

    Several processes may do so at once. Runs that are recorded completely are put aside in the folder ``.sealed``
    beside them, where the place can be written; otherwise it is only read.

    Args:
        repo: The repository that gets them.
        directory: A spool, a folder that holds spools, or the folder of one run.
        force: Take in runs that seem to be live as well; they count as killed.

    Raises:
        NotFoundError: There is no such folder.
        LockedError: Another process held the repository's lock for too long.
        RepositoryError: The branch cannot be written.
        OSError: The repository's disk is full or read-only.

    Example:
        >>> ingest(gtrack.Repo("."), "/scratch/spool").taken
        ('3f2a9c1d7b6e4a508c2f9e0d1a7b3c55',)
    """
    if not os.path.isdir(directory):
        raise NotFoundError(f"{directory} is no folder", hint="name the folder that GTRACK_SPOOL named")
    taken: dict[str, None] = {}
    skipped: list[tuple[str, str]] = []
    with _staging(repo.repository) as staging:
        batch: dict[str, _Staged] = {}
        for number, folder in enumerate(_folders(os.path.abspath(directory))):
            staged = _stage(folder, os.path.join(staging, str(number)), skipped, force=force)
            if staged is None:
                continue
            run_id = os.path.basename(staged.copy)
            # Parts of one run on several machines come one after the other: each sees what the one before it added.
            if run_id in batch or len(batch) >= _BATCH:
                taken.update(dict.fromkeys(_record(repo.repository, batch, skipped)))
                batch = {}
            batch[run_id] = staged
        taken.update(dict.fromkeys(_record(repo.repository, batch, skipped)))
    return Report(tuple(taken), tuple(skipped))


@contextlib.contextmanager
def _staging(repo: Repository) -> Iterator[str]:
    """Make a private folder in the repository, and remove it afterwards; also those of processes that were killed."""
    parent = os.path.join(repo.paths.home, "ingest")
    os.makedirs(parent, mode=0o700, exist_ok=True)
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        with contextlib.suppress(OSError):
            if time.time() - os.stat(path).st_mtime > DAY:
                shutil.rmtree(path, ignore_errors=True)
    staging = tempfile.mkdtemp(dir=parent)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _folders(directory: str) -> Iterator[str]:
    """Yield the folders of runs in a folder, in a fixed order; links are not followed."""
    if _FOLDER.match(os.path.basename(directory)):
        yield directory
        return
    left = _MOST_FOLDERS
    waiting = [(directory, _DEPTH)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            names = sorted(os.listdir(folder), reverse=True)
        except OSError:
            continue
        left -= len(names)
        if left < 0:
            raise DamageError(f"{directory} holds more than {_MOST_FOLDERS:,} files", hint="name the spool in it")
        for name in reversed(names):
            if _FOLDER.match(name):
                yield os.path.join(folder, name)
        for name in names:
            path = os.path.join(folder, name)
            if depth and not name.startswith(".") and not _FOLDER.match(name) and _is_folder(path):
                waiting.append((path, depth - 1))


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _stage(source: str, target: str, skipped: list[tuple[str, str]], *, force: bool) -> _Staged | None:
    """Copy a run's folder and check the copy; None, and a reason in ``skipped``, when it is not to be taken."""
    os.mkdir(target, 0o700)
    copy = os.path.join(target, os.path.basename(source)[:32])
    try:
        if os.path.islink(source):
            raise DamageError("it is a symbolic link")
        seen = signature(source)
        run = SpoolRun(source)
        alive = [writer for writer in run.writers() if writer.is_alive()]
        owners = run.owners()
        running = [writer for writer in alive if owners.get(writer.session) == writer.id]
        if running and not force:
            skipped.append((source, f"it still runs{_where(running[0])}"))
            return None
        copy_run(source, copy, without=() if force else alive, closed=alive if force else ())
        _check(SpoolRun(copy))
    except _DAMAGE as error:
        reason = error.message if isinstance(error, GtrackError) else str(error) or type(error).__name__
        skipped.append((source, reason))
        return None
    if alive and not force:
        skipped.append((source, f"{len(alive)} of its processes still write; the rest of the run is taken in"))
    return _Staged(source, copy, seen, whole=not alive)


def _where(writer: Writer) -> str:
    owner = read_document(os.path.join(writer.folder, f"{writer.session}.owner.yaml")) or {}
    host, pid = owner.get("host"), owner.get("pid")
    return f" (process {pid} on {host})" if isinstance(pid, int) and isinstance(host, str) else ""


def _check(run: SpoolRun) -> None:
    """Refuse a run whose files are damaged, or would put on the branch what no reader accepts.

    Raises:
        DamageError: It is such a run.
    """
    names = os.listdir(run.path)
    if not run.writers():
        raise DamageError("nothing was logged there, not even a start")
    for name in names:
        if name.endswith(".yaml") and read_document(os.path.join(run.path, name)) is None:
            raise DamageError(f"{name} is damaged")
    start = run.start
    if start is not None and start.get("id") != run.id:
        raise DamageError("start.yaml is of another run")
    for facts in filter(None, [start, *run.attempts()]):
        code = facts.get("code")
        ids = [code.get(name) for name in ("commit", "snapshot", "tree")] if isinstance(code, dict) else []
        if any(isinstance(oid, str) and oid.startswith("-") for oid in ids):
            raise DamageError("its code has no proper id")
    for writer in run.writers():
        read_journal(writer.journal)
        for problem in wrong_lines(writer.entries()):
            raise DamageError(problem)
    for doc in seal(run, RunFiles(run.id), curves=False).documents:
        for problem in check_document(doc.kind, doc.body):
            raise DamageError(f"it would be recorded wrongly: {problem}")


def _record(repo: Repository, batch: dict[str, _Staged], skipped: list[tuple[str, str]]) -> Sequence[str]:
    """Record copies in one commit, and put the folders aside that are recorded completely."""
    if not batch:
        return ()
    with repo.lock():
        done = seal_spools(repo, [SpoolRun(staged.copy) for staged in batch.values()])
    failed = {**dict(done.lost), **dict(done.failed)}
    for run_id, staged in batch.items():
        if staged.copy in failed:
            skipped.append((staged.source, failed[staged.copy]))
        elif staged.whole and not os.path.lexists(staged.copy):
            # Recording moves a complete copy away: nothing more can come of it.
            _put_aside(staged, run_id)
    return [state.id for state in done.runs]


def _put_aside(staged: _Staged, run_id: str) -> None:
    spool = os.path.dirname(staged.source)
    if os.path.basename(spool) == SEALED:
        return
    # A read-only place, or somebody else's, is left as it is.
    with contextlib.suppress(OSError, DamageError):
        put_aside(staged.source, run_id, lambda: signature(staged.source) == staged.seen)
