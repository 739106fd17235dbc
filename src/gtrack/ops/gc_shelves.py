"""Where objects are: the configured store, this clone's part of the git store, its cache; and what was condemned.

An object that nothing names is not removed from a shared store at once. It is *condemned* first, in
``condemned/<stamp>-<clone>.yaml`` of the store, and removed by a later collection of the same clone if it has not been
sent anew since: a clone that pushes a run with such an object sends it again, which makes it young.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Mapping, Sequence

from gtrack.branch.bulk_objects import blob_sizes
from gtrack.branch.object_store import held
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import clone_id
from gtrack.clock import iso, iso_to_us, stamp
from gtrack.errors import GtrackError, ParseError
from gtrack.format import yaml
from gtrack.ops.gc_plan import Found, Shelf
from gtrack.ops.objects import object_cache
from gtrack.ops.store_settings import repository_id
from gtrack.store.cache import is_digest
from gtrack.store.place import Place, Stored, key_of
from gtrack.store.workers import in_parallel

__all__ = ["cache_shelf", "condemn", "forget_condemned", "git_shelf", "remove_from_store", "store_shelf"]

_FOLDER = "condemned/"
_PER_LIST = 4000
_LARGEST = 1 << 20
_TOLERANCE = 1.0
"""Seconds: some places tell times to the second only."""


def cache_shelf(repo: Repository) -> Shelf:
    """Return what is in this clone's cache."""
    cache = object_cache(repo)
    out: dict[str, Found] = {}
    for digest in cache.digests():
        with contextlib.suppress(OSError):
            found = os.lstat(cache.path(digest))
            out[digest] = Found(found.st_size, found.st_mtime)
    return Shelf("cache", out)


def git_shelf(repo: Repository) -> Shelf:
    """Return what this clone keeps in the built-in git store; when it came there is told by the cache, if at all."""
    blobs = held(repo)
    sizes = blob_sizes(repo, list(blobs.values())) if blobs else {}
    return Shelf("git", {digest: Found(max(0, sizes.get(blob, 0))) for digest, blob in blobs.items()})


def store_shelf(repo: Repository, place: Place) -> Shelf:
    """Return what is in the store, and what of it this clone condemned before and nobody has sent since."""
    out: dict[str, Found] = {}
    for entry in place.entries("objects/"):
        digest = entry.key.rpartition("/")[2]
        if is_digest(digest) and entry.key == key_of(digest):
            out[digest] = Found(entry.size, entry.modified)
    condemned = {
        digest: since
        for digest, (since, before) in _condemned(repo, place).items()
        if digest in out and _is_same(out[digest], before)
    }
    return Shelf("store", out, condemned, shared=True)


def condemn(repo: Repository, place: Place, objects: Mapping[str, Found], *, now_us: int) -> None:
    """List objects as condemned.

    Args:
        repo: The repository.
        place: The store.
        objects: What is there of them now.
        now_us: The present, microseconds since the epoch.
    """
    digests = sorted(objects)
    for at in range(0, len(digests), _PER_LIST):
        moment = now_us + at // _PER_LIST
        body = {
            "format": 1,
            "repository": repository_id(repo),
            "clone": clone_id(repo),
            "at": iso(now_us),
            "objects": {digest: _described(objects[digest]) for digest in digests[at : at + _PER_LIST]},
        }
        place.write(f"{_FOLDER}{stamp(moment)}-{clone_id(repo)}.yaml", yaml.dump(body))


def forget_condemned(repo: Repository, place: Place, standing: Iterable[str]) -> None:
    """Remove this clone's lists of which no object is left to be removed.

    Args:
        repo: The repository.
        place: The store.
        standing: The objects that are there, and that nothing names.
    """
    left = frozenset(standing)
    for entry in _lists(repo, place):
        if left.isdisjoint(_read(place, entry)):
            place.remove(entry.key)


def remove_from_store(
    place: Place, objects: Mapping[str, Found], *, stop: threading.Event | None = None
) -> tuple[dict[str, int], dict[str, str]]:
    """Remove objects from a store, but for those that have been sent anew since they were looked at.

    Args:
        place: The store.
        objects: What was there of them.
        stop: Set to end early.

    Returns:
        The sizes of those that are gone, and why others are not, by digest.
    """
    gone: dict[str, int] = {}
    failed: dict[str, str] = {}
    stop = stop or threading.Event()

    def work(digest: str) -> bool:
        now = place.stat(key_of(digest))
        if now is not None and not _is_same(Found(now.size, now.modified), objects[digest]):
            return False
        place.remove(key_of(digest))
        return now is not None

    for digest, came in in_parallel(sorted(objects), work, stop):
        if isinstance(came, Exception):
            failed[digest] = came.message if isinstance(came, GtrackError) else str(came) or type(came).__name__
        elif came:
            gone[digest] = objects[digest].size
    return gone, failed


def _condemned(repo: Repository, place: Place) -> dict[str, tuple[float, Found]]:
    """Return what this clone condemned, each object with the earliest time that counts and what it was then."""
    out: dict[str, tuple[float, Found]] = {}
    for entry in _lists(repo, place):
        for digest, (since, found) in _read(place, entry).items():
            present = out.get(digest)
            # One that was sent anew in between was condemned anew: the later list knows it as it is.
            if present is None or not _is_same(present[1], found):
                out[digest] = since, found
    return out


def _lists(repo: Repository, place: Place) -> Sequence[Stored]:
    """Return this clone's lists, the oldest first. Those of others are theirs: nobody's word but one's own counts."""
    ending = f"-{clone_id(repo)}.yaml"
    found = (entry for entry in place.entries(_FOLDER) if entry.key.endswith(ending))
    return sorted(found, key=lambda entry: entry.key)


def _read(place: Place, entry: Stored) -> dict[str, tuple[float, Found]]:
    """Return what a list says; nothing where it cannot be read, which only makes what it lists wait longer.

    A clock that was slow when the list was made does not make it older than it is by the store's.
    """
    try:
        body = yaml.load(place.read(entry.key, 0, _LARGEST), name=entry.key)
        since = max(iso_to_us(str(body.get("at"))) / 1e6, entry.modified or 0.0)
    except (ParseError, ValueError, OverflowError):
        return {}
    objects = body.get("objects")
    out: dict[str, tuple[float, Found]] = {}
    for digest, said in objects.items() if isinstance(objects, Mapping) else ():
        size, modified = (said.get("size"), said.get("modified")) if isinstance(said, Mapping) else (None, None)
        if is_digest(digest) and isinstance(size, int):
            out[digest] = since, Found(size, float(modified) if isinstance(modified, int | float) else None)
    return out


def _described(found: Found) -> dict[str, object]:
    return {"size": found.size, "modified": found.modified}


def _is_same(one: Found, other: Found) -> bool:
    """Tell whether an object is as it was: nobody has sent it since."""
    if one.size != other.size or (one.modified is None) != (other.modified is None):
        return False
    if one.modified is None or other.modified is None:
        return True
    return abs(one.modified - other.modified) <= _TOLERANCE
