"""The artifacts of a run, recorded and live, and their content."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GtrackError, NotFoundError
from gtrack.format.manifest import Line, parse_manifest
from gtrack.ids import SHORT
from gtrack.model.artifact import Artifact, Manifest, fold_artifacts
from gtrack.ops.keep_objects import cache_of
from gtrack.ops.load import RunFiles, load_run_files
from gtrack.ops.seal_artifacts import lines_of, recorded_lines
from gtrack.spool.artifacts import FILES, PACK
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.store.cache import Cache

__all__ = ["MOST", "Listed", "artifacts_of", "find_artifact", "list_artifacts", "local_file", "read_artifact"]

MOST = 250_000
"""Artifacts of one run that are read; a hostile branch may name any number."""

_COMPARED = 2000


@dataclass(slots=True)
class Listed:
    """The artifacts of a run.

    Attributes:
        artifacts: They, by path.
        problems: What was left out, each with the manifest and why.
    """

    artifacts: dict[str, Artifact] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def artifacts_of(
    repo: Repository, trees: Iterable[str | None], run_id: str, spools: Sequence[SpoolRun] = ()
) -> dict[str, Artifact]:
    """Return the artifacts of a run by path: those on the branch, and those that its live spools hold so far.

    Args:
        repo: The repository.
        trees: Root trees of the branch, the tracking remote's last: what is published stands.
        run_id: The run.
        spools: The run's spools, where it is live.
    """
    return list_artifacts(repo, load_run_files(repo, trees, run_id), spools).artifacts


def list_artifacts(repo: Repository, files: RunFiles, spools: Sequence[SpoolRun] = ()) -> Listed:
    """Return the artifacts of a run, and what its manifests say that cannot be.

    Args:
        repo: The repository.
        files: What the branch has of the run.
        spools: The run's spools, where it is live.
    """
    out = Listed()
    manifests = [manifest for spool in spools for manifest in _live(spool, files)]
    recorded = files.of_kind("artifacts")
    repo.bring(oid for _, oid in recorded)
    left = MOST
    for file, oid in recorded:
        if left <= 0:
            out.problems.append(f"{file.name}: not read, for the run has more than {MOST:,} artifacts")
            continue
        manifest, wrong = _read(repo, oid)
        left -= len(manifest.files) + len(manifest.removed)
        out.problems += [f"{file.name}: {reason}" for reason in wrong]
        manifests.append(manifest)
    out.artifacts = fold_artifacts(manifests)
    return out


def find_artifact(artifacts: Mapping[str, Artifact], path: str, run_id: str) -> Artifact:
    """Return the artifact of a path.

    Raises:
        NotFoundError: There is none; the message names those that are likest to it.
    """
    found = artifacts.get(path)
    if found is not None:
        return found
    from difflib import get_close_matches

    likely = get_close_matches(path, list(artifacts)[:_COMPARED], n=3)
    raise NotFoundError(
        f"run {run_id[:SHORT]} has no artifact {path!r:.120}" + (f"; did you mean {likely[0]!r}?" if likely else ""),
        hint=f"gtrack artifact ls {run_id[:SHORT]}",
    )


def read_artifact(repo: Repository, artifact: Artifact) -> bytes:
    """Return the content of an artifact, whose SHA-256 is checked; fetched first where it is not here.

    Raises:
        NotFoundError: Its content is nowhere to be had.
        DamageError: It is another content than the manifest says.
        OSError: The disk is full or read-only.
    """
    if artifact.spooled is not None:
        data = _read_spooled(artifact.spooled, artifact)
    else:
        whole = _read_object(repo, artifact)
        data = whole[artifact.offset : artifact.offset + artifact.size] if artifact.pack else whole
    if len(data) != artifact.size or hashlib.sha256(data).hexdigest() != artifact.digest:
        raise DamageError(f"{artifact.path} is not what its manifest says: another size or SHA-256")
    return data


def local_file(repo: Repository, artifact: Artifact) -> str:
    """Return the path of a file in the cache with an artifact's content, whose SHA-256 was checked. Not to be changed.

    Raises:
        NotFoundError: Its content is nowhere to be had.
        DamageError: It is another content than the manifest says.
        OSError: The disk is full or read-only.
    """
    cache = cache_of(repo)
    if cache.has(artifact.digest) and not cache.verify(artifact.digest):
        # Out of the way, or nobody would be asked for a sound copy.
        with contextlib.suppress(OSError):
            cache.remove(artifact.digest)
    if not cache.has(artifact.digest, artifact.size):
        if artifact.spooled is not None:
            _keep_spooled(repo, artifact)
        elif artifact.pack is not None:
            cache.add_bytes(read_artifact(repo, artifact))
        else:
            _bring(repo, artifact)
    return cache.path(artifact.digest)


def _live(spool: SpoolRun, files: RunFiles) -> Iterator[Manifest]:
    """Yield what the writers of a live run have captured and the branch has not."""
    for writer in spool.writers():
        first = recorded_lines(files, writer)
        for line in lines_of(writer.entries()):
            if line.number < first:
                continue
            if line.artifact is None:
                yield Manifest(removed={line.path: line.time})
            else:
                yield Manifest({line.path: _spooled(writer, line)})


def _spooled(writer: Writer, line: Line) -> Artifact:
    """Return an artifact that knows which file of the spool holds it."""
    assert line.artifact is not None
    own = os.path.join(writer.stem + FILES, line.artifact.digest)
    return replace(line.artifact, spooled=writer.stem + PACK if line.packed else own)


def _read(repo: Repository, oid: str) -> tuple[Manifest, tuple[str, ...]]:
    try:
        return parse_manifest(repo.read_blob(oid))
    except (KeyError, GtrackError) as error:
        return Manifest(), (f"it cannot be read: {error}",)


def _read_spooled(path: str, artifact: Artifact) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise _moved(artifact) from None
    with os.fdopen(fd, "rb") as file:
        file.seek(artifact.offset)
        # No more than there is: the ledger may name any size.
        return file.read(min(artifact.size, os.fstat(fd).st_size))


def _keep_spooled(repo: Repository, artifact: Artifact) -> None:
    """Put what a live run holds into the cache, where it will be when it is recorded."""
    assert artifact.spooled is not None
    cache = cache_of(repo)
    try:
        if artifact.spooled.endswith(PACK):
            cache.add_range(artifact.spooled, artifact.offset, artifact.size, artifact.digest)
        else:
            cache.add_file(artifact.spooled, artifact.digest)
            _check(cache, artifact)
    except FileNotFoundError:
        raise _moved(artifact) from None


def _moved(artifact: Artifact) -> NotFoundError:
    return NotFoundError(f"{artifact.path} has just been recorded, or removed by its run", hint="ask again")


def _read_object(repo: Repository, artifact: Artifact) -> bytes:
    """Return the object that holds an artifact, from the first place that has it sound."""
    cache = cache_of(repo)
    for look_further in (True, False):
        with contextlib.suppress(NotFoundError, DamageError), cache.open(artifact.object) as file:
            # What has that digest may be of any size, for a manifest is anybody's: it is not read to find that out.
            if file.seek(0, os.SEEK_END) == artifact.object_size:
                file.seek(0)
                return file.read()
        if look_further:
            _bring(repo, artifact)
    raise _nowhere(artifact)


def _bring(repo: Repository, artifact: Artifact) -> None:
    """Have the object that holds an artifact in the cache, sound.

    Raises:
        NotFoundError: It is nowhere to be had.
    """
    from gtrack.ops.objects import NOBODY, Wanted, bring

    cache = cache_of(repo)
    done = bring(repo, [Wanted(artifact.object, artifact.object_size, artifact.blob)])
    if not cache.has(artifact.object):
        why = done.missing.get(artifact.object, NOBODY)
        raise _nowhere(artifact, None if why == NOBODY else why)
    _check(cache, artifact)


def _check(cache: Cache, artifact: Artifact) -> None:
    """Refuse an object whose size is another than the manifest says."""
    with cache.open(artifact.object) as file:
        size = file.seek(0, os.SEEK_END)
    if size != artifact.object_size:
        raise DamageError(
            f"the object of {artifact.path} has {size:,} bytes, and its manifest says {artifact.object_size:,}"
        )


def _nowhere(artifact: Artifact, why: str | None = None) -> NotFoundError:
    reason = f": {why}" if why else ""
    return NotFoundError(
        f"the content of {artifact.path} is neither here nor where it could be fetched from{reason}",
        hint="gtrack push, where it was logged; gtrack store status",
    )
