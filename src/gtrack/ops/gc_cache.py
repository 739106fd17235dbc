"""Making room in this clone's cache: of what can be had again, the least recently used goes first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from gtrack.branch.object_store import held
from gtrack.branch.repository import Repository
from gtrack.errors import ConflictError, GtrackError
from gtrack.ops.gc import store_of
from gtrack.ops.gc_references import local_references
from gtrack.ops.objects import object_cache, outbox_of
from gtrack.ops.used_files import forget_file
from gtrack.store.place import key_of
from gtrack.store.trouble import said_by

__all__ = ["Trim", "trim", "trim_plan"]


@dataclass(frozen=True, slots=True)
class Trim:
    """What goes from a cache.

    Attributes:
        going: The objects, the least recently used first, each with its size in bytes.
        freed: Their bytes.
        staying: How many objects stay.
        left: Their bytes.
        only_here: Bytes of those that are in no other place that is known.
    """

    going: Mapping[str, int] = field(default_factory=dict)
    freed: int = 0
    staying: int = 0
    left: int = 0
    only_here: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "objects": len(self.going),
            "bytes": self.freed,
            "staying": self.staying,
            "left": self.left,
            "only_here": self.only_here,
        }


def trim_plan(repo: Repository, most: int = 0) -> Trim:
    """Return what goes from the cache so that no more than some bytes are left, as far as it can be had again.

    Args:
        repo: The repository.
        most: How many bytes may stay; 0 to let go of all that can be had again.

    Raises:
        ConflictError: The store cannot be asked, so nothing is known to be there.
    """
    cache = object_cache(repo)
    found: dict[str, tuple[float, int]] = {}
    for digest in cache.digests():
        try:
            stat = os.lstat(cache.path(digest))
        except OSError:
            continue
        # Few disks write down every reading; a day's difference is what most of them tell.
        found[digest] = max(stat.st_atime, stat.st_mtime), stat.st_size
    elsewhere = _elsewhere(repo, {digest: size for digest, (_, size) in found.items()})
    total = sum(size for _, size in found.values())
    going: dict[str, int] = {}
    left = total
    for digest, (_, size) in sorted(found.items(), key=lambda item: (item[1][0], item[0])):
        if left <= most:
            break
        if digest in elsewhere:
            going[digest] = size
            left -= size
    only = sum(size for digest, (_, size) in found.items() if digest not in elsewhere)
    return Trim(going, total - left, len(found) - len(going), left, only)


def trim(repo: Repository, plan: Trim) -> None:
    """Remove what goes; what has got a mark in the outbox meanwhile, or is used by a run that goes on, stays.

    Args:
        repo: The repository.
        plan: What :func:`trim_plan` returned.
    """
    cache = object_cache(repo)
    with repo.lock():  # who seals a run marks what it names under it
        needed = _needed_here(repo)
        for digest in plan.going:
            if digest not in needed:
                forget_file(repo, digest)
                cache.remove(digest)


def _elsewhere(repo: Repository, sizes: Mapping[str, int]) -> set[str]:
    """Return the objects that are in the store or the git store, whole, and are not needed here."""
    there = {digest for digest, oid in held(repo).items() if oid in repo.objects} if sizes else set()
    try:
        with store_of(repo) as place:
            if place is not None:
                keys = {key_of(digest): digest for digest in sizes}
                stored = ((keys.get(entry.key), entry.size) for entry in place.entries("objects/"))
                there.update(digest for digest, size in stored if digest is not None and sizes[digest] == size)
    except GtrackError as error:
        raise ConflictError(
            f"the store cannot be asked what it has, so nothing is removed: {said_by(error)}",
            hint=error.hint or "gtrack store check",
        ) from error
    needed = _needed_here(repo)
    return {digest for digest in sizes if digest in there and digest not in needed}


def _needed_here(repo: Repository) -> set[str]:
    """Return the objects that wait to be sent, and those of live runs: a training may be reading such a file."""
    return {mark.digest for mark in outbox_of(repo).entries()} | local_references(repo).keys()
