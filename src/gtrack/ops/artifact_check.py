"""Comparing the content of artifacts with their digests, wherever it is."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from gtrack.branch.object_fetch import fetch_blobs, read_objects
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import tracking
from gtrack.errors import DamageError, GtrackError
from gtrack.model.artifact import Artifact
from gtrack.ops.keep_objects import cache_of
from gtrack.ops.objects import opened_store
from gtrack.ops.store_settings import usable_store
from gtrack.store.cache import Cache
from gtrack.store.place import Place, key_of
from gtrack.store.trouble import patiently, said_by, store_trouble

__all__ = ["CACHE", "GIT", "STORE", "Checked", "Damage", "check_artifacts"]

CACHE, GIT, STORE = "cache", "git store", "store"
_CHUNK = 4 << 20


@dataclass(frozen=True, slots=True)
class Damage:
    """Content that is not what its digest says.

    Attributes:
        run: The id of the run whose artifact it is; empty where no run that was asked about names it.
        path: The artifact's path; empty likewise.
        digest: The SHA-256 that its object should have.
        place: Where it is: the cache, the git store, the store.
        what: What is wrong.
    """

    run: str
    path: str
    digest: str
    place: str
    what: str


@dataclass(slots=True)
class Checked:
    """What came of a check.

    Attributes:
        artifacts: How many artifacts there are.
        objects: How many objects hold them, or lie in the cache besides.
        sound: Of these, those of which a sound copy was read.
        absent: Of these, those of which no copy was found; no damage, for they may be elsewhere.
        damage: What is wrong.
        trouble: Why a place could not be looked into.
    """

    artifacts: int = 0
    objects: int = 0
    sound: int = 0
    absent: int = 0
    damage: list[Damage] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


def check_artifacts(
    repo: Repository,
    runs: Mapping[str, Iterable[Artifact]],
    *,
    everything: bool = False,
    deep: bool = False,
    interactive: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Read what is here of some artifacts and compare it with their digests. Nothing is changed.

    Args:
        repo: The repository.
        runs: Artifacts by run.
        everything: What lies in the cache and is named by none of them as well.
        deep: What is in the store as well, and what the git store at the remote has of it.
        interactive: Let git ask for credentials.
        progress: Told how many objects were looked at, of how many.
    """
    check = _Check(repo, runs, everything, progress)
    check.look_into_cache()
    check.look_into_git(deep, interactive)
    if deep:
        check.look_into_store()
    return check.result()


@dataclass(slots=True)
class _Object:
    """An object, and what it holds."""

    digest: str
    size: int
    blob: str | None
    members: list[tuple[str, Artifact]] = field(default_factory=list)
    found: bool = False
    sound: bool = False


class _Check:
    def __init__(
        self,
        repo: Repository,
        runs: Mapping[str, Iterable[Artifact]],
        everything: bool,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.repo = repo
        self.cache: Cache = cache_of(repo)
        self.out = Checked()
        self.objects: dict[str, _Object] = {}
        self.damage: dict[Damage, None] = {}
        self.progress = progress
        for run, artifacts in runs.items():
            for artifact in artifacts:
                self.out.artifacts += 1
                if artifact.spooled is not None:
                    continue  # in the spool of a run that is going on
                self._object(artifact).members.append((run, artifact))
        if everything:
            for digest in self.cache.digests():
                self.objects.setdefault(digest, _Object(digest, -1, None))
        self.seen = 0

    def _object(self, artifact: Artifact) -> _Object:
        known = self.objects.setdefault(artifact.object, _Object(artifact.object, artifact.object_size, artifact.blob))
        known.blob = known.blob or artifact.blob
        return known

    def look_into_cache(self) -> None:
        """Read what is in the cache."""
        for each in self.objects.values():
            if self.cache.has(each.digest):
                each.found = True
                self._compare(each, CACHE, partial(_file, self.cache, each.digest))
            self._told()

    def look_into_git(self, deep: bool, interactive: bool) -> None:
        """Read what the object database has; with ``deep``, fetch first what the remote has of it."""
        blobs = {each.digest: each.blob for each in self.objects.values() if each.blob is not None}
        if deep and blobs and self.repo.remote is not None:
            try:
                fetch_blobs(self.repo, tracking(self.repo), blobs.values(), interactive=interactive)
            except GtrackError as error:
                self.out.trouble.append(f"{self.repo.remote} could not be asked: {error.message}")
        for digest, content in read_objects(self.repo, blobs):
            each = self.objects[digest]
            each.found = True
            self._compare(each, GIT, partial(_given, content))

    def look_into_store(self) -> None:
        """Read what the store has, all of it."""
        location = usable_store(self.repo)
        if location is None:
            return
        try:
            with opened_store(self.repo, location) as place, store_trouble(f"cannot read {location.shown}"):
                for each in self.objects.values():
                    self._in_store(place, each)
        except GtrackError as error:
            self.out.trouble.append(error.message)

    def result(self) -> Checked:
        """Return what was found."""
        self.out.damage = list(self.damage)
        self.out.objects = len(self.objects)
        self.out.sound = sum(each.sound for each in self.objects.values())
        self.out.absent = sum(not each.found for each in self.objects.values())
        return self.out

    def _in_store(self, place: Place, each: _Object) -> None:
        key = key_of(each.digest)
        stat = patiently(lambda _: place.stat(key), threading.Event(), lambda _: None)
        if stat is None:
            return
        each.found = True
        self._compare(each, STORE, partial(_stored, place, key, stat.size))

    def _compare(self, each: _Object, place: str, content: Callable[[], _Content]) -> None:
        """Compare a copy of an object with its digest, and what it holds with theirs."""
        try:
            read = content()
        except DamageError as error:
            self._damaged(each, place, error.message)
            return
        except Exception as error:  # the disk's trouble, or whatever the store's client raises
            self.out.trouble.append(f"{each.digest[:12]} in the {place} could not be read: {said_by(error)}")
            return
        if read.digest != each.digest:
            self._damaged(each, place, f"its content has the SHA-256 {read.digest[:12]}...")
            return
        each.sound = True
        for run, artifact in each.members:
            wrong = _member_fault(artifact, read)
            if wrong is not None:
                self._add(Damage(run, artifact.path, artifact.digest, "manifest", wrong))

    def _damaged(self, each: _Object, place: str, what: str) -> None:
        named: Sequence[tuple[str, str]] = [(run, artifact.path) for run, artifact in each.members] or [("", "")]
        for run, path in named:
            self._add(Damage(run, path, each.digest, place, what))

    def _add(self, damage: Damage) -> None:
        self.damage[damage] = None  # each once

    def _told(self) -> None:
        self.seen += 1
        if self.progress is not None:
            self.progress(self.seen, len(self.objects))


@dataclass(frozen=True, slots=True)
class _Content:
    """A copy that was read: its digest and size, and all of it where it is a pack's size at most."""

    digest: str
    size: int
    data: bytes | None = None


_PACK = 8 << 20
"""The largest pack there is: what is larger holds one artifact, and need not be kept in memory."""


def _file(cache: Cache, digest: str) -> _Content:
    with open(cache.path(digest), "rb") as file:
        data = file.read(_PACK)
        hasher, size = hashlib.sha256(data), len(data)
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            size += len(chunk)
    return _Content(hasher.hexdigest(), size, data if size == len(data) else None)


def _given(content: bytes | DamageError) -> _Content:
    if isinstance(content, DamageError):
        raise content
    return _Content(hashlib.sha256(content).hexdigest(), len(content), content)


def _stored(place: Place, key: str, size: int) -> _Content:
    hasher, at, kept = hashlib.sha256(), 0, bytearray()
    while at < size:
        chunk = patiently(partial(_read_at, place, key, at), threading.Event(), lambda _: None)
        if not chunk:
            break
        hasher.update(chunk)
        at += len(chunk)
        kept += chunk if at <= _PACK else b""
    return _Content(hasher.hexdigest(), at, bytes(kept) if at <= _PACK else None)


def _read_at(place: Place, key: str, at: int, _: object) -> bytes:
    return place.read(key, at, _CHUNK)


def _member_fault(artifact: Artifact, read: _Content) -> str | None:
    """Tell what is wrong with what a manifest says of an artifact, where its object is sound."""
    if read.size != artifact.object_size:
        return f"it names an object of {artifact.object_size:,} bytes, which has {read.size:,}"
    if artifact.pack is None:
        return None
    part = (read.data or b"")[artifact.offset : artifact.offset + artifact.size]
    if hashlib.sha256(part).hexdigest() != artifact.digest:
        return "what it names in its pack has another SHA-256"
    return None
