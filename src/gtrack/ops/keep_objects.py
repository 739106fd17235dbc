"""Keeping what sealed files name: objects go to the cache, and a mark of each to the outbox, before the commit."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from gtrack.branch.objects import BLOB
from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError
from gtrack.ops.load import RunFiles
from gtrack.ops.seal import Sealed, seal
from gtrack.ops.seal_artifacts import GIT_BYTES, lines_of
from gtrack.ops.team import has_policy
from gtrack.paths import cache_home
from gtrack.spool.artifacts import FILES
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.reading import JournalData
from gtrack.store.cache import Cache
from gtrack.store.outbox import Outbox

if TYPE_CHECKING:
    from gtrack.ops.seal_artifacts import SpooledObject
    from gtrack.ops.seal_curves import CurveObject

__all__ = ["cache_of", "keep_ahead", "keep_objects", "outbox_of", "seal_and_keep"]

_ATTEMPTS = 5
_MANY = 100


def cache_of(repo: Repository) -> Cache:
    """Return the repository's cache of objects; beside a repository that cannot be written, one in the user's cache."""
    root = repo.paths.objects
    if os.access(root if os.path.isdir(root) else repo.paths.common_dir, os.W_OK):
        return Cache(root)
    return Cache(os.path.join(cache_home(repo.env), "objects"), also=[root])


def outbox_of(repo: Repository) -> Outbox:
    """Return the marks of what this clone may still have to send."""
    return Outbox(repo.paths.outbox)


def seal_and_keep(
    repo: Repository,
    run: SpoolRun,
    recorded: RunFiles,
    *,
    live: bool = False,
    in_store: Callable[[], bool] | None = None,
    read: Callable[[Writer, int], JournalData] | None = None,
) -> Sealed:
    """Seal a spool, and keep the objects that the files name: what is returned may be committed.

    Of a run that has ended, what the team's policy says is among the files.

    Args:
        repo: The repository.
        run: The run's spool.
        recorded: What the branch has of the run.
        live: Take in processes that still write.
        in_store: Tells whether a store is configured; the settings of the repository say so by default.
        read: See :func:`gtrack.ops.seal.seal`.

    Raises:
        DamageError: The spool is damaged.
        OSError: The disk is full or read-only.
    """
    in_store = in_store or partial(_has_store, repo)
    for attempt in range(_ATTEMPTS):
        sealed = seal(
            run,
            recorded,
            live=live,
            in_store=in_store,
            object_format=repo.object_format,
            read=read,
            whole=partial(_cached_curves, repo),
        )
        try:
            keep_objects(repo, sealed)
        except FileNotFoundError:
            # A process that still writes has just freed what an artifact of before needed.
            if attempt + 1 == _ATTEMPTS:
                raise
        else:
            break
    if has_policy(repo):
        from gtrack.ops.policy_runs import record_verdict

        record_verdict(repo, recorded, sealed)
    return sealed


def keep_ahead(repo: Repository, runs: Sequence[SpoolRun]) -> None:
    """Put files of runs that have ended into the cache, as far as that works: under the lock all others would wait.

    Args:
        repo: The repository.
        runs: The runs' spools.
    """
    ended = [writer for run in runs for writer in run.writers() if os.path.isdir(writer.stem + FILES)]
    files = [file for writer in ended if not writer.is_alive() for file in _latest_files(writer)]
    cache = Cache(repo.paths.objects, sync=len(files) <= _MANY)
    for path, digest in files:
        # What goes wrong is told where it is done for good.
        with contextlib.suppress(OSError, GtrackError):
            cache.add_file(path, digest)
    if len(files) > _MANY:
        os.sync()


def _latest_files(writer: Writer) -> list[tuple[str, str]]:
    """Return the files that a writer's latest artifacts need, each with its digest."""
    latest = {line.path: line for line in lines_of(writer.entries())}
    digests = dict.fromkeys(line.artifact.digest for line in latest.values() if line.artifact and not line.packed)
    return [(os.path.join(writer.stem + FILES, digest), digest) for digest in digests]


def keep_objects(repo: Repository, sealed: Sealed) -> None:
    """Put the objects that sealed files name into the cache and the outbox. To be done before the files are committed.

    Args:
        repo: The repository.
        sealed: What sealing a spool came to.

    Raises:
        FileNotFoundError: The run has freed one meanwhile: seal again.
        DamageError: One is not what it was a moment ago.
        OSError: The disk is full or read-only.
    """
    if not sealed.objects and not sealed.curves:
        return
    # One request to the disk for many objects: waiting for each would take minutes.
    many = len(sealed.objects) + len(sealed.curves) > _MANY
    cache, outbox = Cache(repo.paths.objects, sync=not many), Outbox(repo.paths.outbox, sync=not many)
    for found in sealed.objects.values():
        _keep(cache, found)
        outbox.add(found.digest, found.size, found.blob, sealed.run_id)
    for digest, data in sealed.curves.items():
        if hashlib.sha256(data).hexdigest() == digest:
            cache.add_bytes(data)
            blob = repo.objects.id_of(BLOB, data) if len(data) <= GIT_BYTES else None
            outbox.add(digest, len(data), blob, sealed.run_id)
    if many:
        os.sync()


def _cached_curves(repo: Repository, found: CurveObject) -> bytes | None:
    from gtrack.ops.curve_source import CurveSource, Detail

    return CurveSource(repo, Detail.AT_HAND)(found)


def _has_store(repo: Repository) -> bool:
    from gtrack.ops.store_settings import usable_store

    return usable_store(repo) is not None


def _keep(cache: Cache, found: SpooledObject) -> None:
    # Small copies are looked at once more; large ones were, before the lock was taken.
    if cache.has(found.digest, found.size) and (found.size > GIT_BYTES or cache.verify(found.digest)):
        return
    if found.file is not None:
        cache.add_file(found.file, found.digest)
    else:
        cache.add_pieces(found.pieces, found.digest)
