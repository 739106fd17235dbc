"""Bringing objects into the local cache: from the object database, from the store, from the git remote."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gtrack.branch.repository import Repository
from gtrack.branch.tracking import clone_id, tracking
from gtrack.errors import DamageError, GtrackError, NotFoundError, UsageError
from gtrack.ops.keep_objects import cache_of as object_cache
from gtrack.ops.keep_objects import outbox_of
from gtrack.ops.store_settings import store_choice
from gtrack.store.meter import Meter, Silent
from gtrack.store.opening import open_place
from gtrack.store.place import Place
from gtrack.store.trouble import said_by, store_trouble
from gtrack.store.url import Location

__all__ = ["NOBODY", "Brought", "Wanted", "bring", "object_cache", "opened_store", "outbox_of"]

NOBODY = "no place that is asked has it"
"""Why an object did not come when every place answered."""
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that is to be here.

    Attributes:
        digest: Its SHA-256.
        size: In bytes: another size is another object.
        blob: Its git id, where a manifest names one.
    """

    digest: str
    size: int
    blob: str | None = None


@dataclass(slots=True)
class Brought:
    """What came of bringing objects.

    Attributes:
        came: How many came.
        size: Their bytes.
        missing: Why the others did not, by digest.
        damaged: Those of them of which a place has another content under their name.
    """

    came: int = 0
    size: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)


@contextlib.contextmanager
def opened_store(repo: Repository, location: Location) -> Iterator[Place]:
    """Open a store for a repository.

    Raises:
        MissingExtraError: A package is not installed.
        NetworkError: Its client cannot be set up.
    """
    with store_trouble(f"cannot use {location.shown}"):
        place = open_place(location, mark=clone_id(repo), memory=os.path.join(repo.paths.home, "uploads"))
    try:
        yield place
    finally:
        place.close()


def bring(
    repo: Repository,
    wanted: Iterable[Wanted],
    progress: Meter | None = None,
    *,
    interactive: bool = False,
    offline: bool = False,
) -> Brought:
    """Bring objects into the cache, each verified, as many at once as there are threads.

    A git remote is asked last: what a team keeps in a store it would be asked for in vain.

    Args:
        repo: The repository.
        wanted: The objects; those that are here cost a look each.
        progress: Told how far it has come.
        interactive: Let git ask for credentials.
        offline: Ask nobody.

    Returns:
        What came. What did not is no error: the caller knows what for it was wanted.

    Raises:
        OSError: The disk is full or read-only.

    Example:
        >>> bring(repo, [Wanted(artifact.object, artifact.object_size, artifact.blob)]).missing
        {}
    """
    bringing = _Bringing(repo, wanted, progress or Silent(), interactive)
    bringing.from_git_here()
    if bringing.left and not offline:
        bringing.from_store()
    if bringing.left and not offline:
        bringing.from_git_remote()
    return bringing.result()


class _Bringing:
    """What is left to be brought, and why it is."""

    def __init__(self, repo: Repository, wanted: Iterable[Wanted], meter: Meter, interactive: bool) -> None:
        self.repo = repo
        self.cache = object_cache(repo)
        self.meter = meter
        self.interactive = interactive
        self.left = {each.digest: each for each in wanted if not self.cache.has(each.digest, each.size)}
        self.why: dict[str, str] = {}
        self.out = Brought()

    def from_git_here(self) -> None:
        """Take what the object database has."""
        from gtrack.branch.object_fetch import read_objects
        from gtrack.branch.object_tree import held

        kept = held(self.repo) if self.left else {}
        blobs = {
            digest: blob for digest, each in self.left.items() if (blob := each.blob or kept.get(digest)) is not None
        }
        for digest, content in read_objects(self.repo, blobs) if blobs else ():
            if isinstance(content, bytes):
                self.cache.add_bytes(content)
                self._came(digest)
            else:
                self._failed(digest, content)

    def from_store(self) -> None:
        """Ask the store."""
        try:
            choice = store_choice(self.repo)
            if choice is None:
                return
            if not choice.agreed:
                raise UsageError(f"nobody here agreed to use {choice.location.shown}", hint="gtrack store accept")
            with opened_store(self.repo, choice.location) as place:
                self._fetch(place, choice.location)
        except GtrackError as error:
            for digest in self.left:
                self.why.setdefault(digest, str(error))

    def _fetch(self, place: Place, location: Location) -> None:
        from gtrack.store.transfer import fetch_object
        from gtrack.store.workers import in_parallel

        stop = threading.Event()

        def work(each: Wanted) -> None:
            fetch_object(place, self.cache, each.digest, each.size, stop, self.meter.moved)

        items = list(self.left.values())
        self.meter.start(f"fetching from {location.shown}", len(items), sum(each.size for each in items))
        try:
            with contextlib.closing(in_parallel(items, work, stop)) as done:
                for each, failure in done:
                    self._note(each, failure)
        finally:
            self.meter.end()

    def _note(self, each: Wanted, failure: Exception | None) -> None:
        if failure is None:
            self._came(each.digest)
            self.meter.finished()
        elif isinstance(failure, OSError) and failure.errno in _DISK:
            raise failure
        else:
            self._failed(each.digest, failure)

    def from_git_remote(self) -> None:
        """Ask the tracking remote for what it may have."""
        from gtrack.branch.object_fetch import fetch_blobs

        blobs = [each.blob for each in self.left.values() if each.blob is not None]
        if not blobs:
            return
        try:
            fetch_blobs(self.repo, tracking(self.repo), blobs, interactive=self.interactive)
        except GtrackError as error:
            for each in self.left.values():
                if each.blob is not None:
                    self.why.setdefault(each.digest, str(error))
        self.from_git_here()

    def result(self) -> Brought:
        """Return what came, and why the rest did not."""
        self.out.missing = {digest: self.why.get(digest, NOBODY) for digest in self.left}
        return self.out

    def _came(self, digest: str) -> None:
        each = self.left.pop(digest)
        self.out.came += 1
        self.out.size += each.size

    def _failed(self, digest: str, error: Exception) -> None:
        if not isinstance(error, NotFoundError):  # that a place does not have it is no reason: another may
            self.why[digest] = said_by(error)
        if isinstance(error, DamageError):
            self.out.damaged.add(digest)
