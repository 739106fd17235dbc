"""One object from the cache to a store, and from a store into the cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator

from gtrack.errors import DamageError, NotFoundError
from gtrack.model.retention import GRACE
from gtrack.store.cache import PART, Cache
from gtrack.store.place import CHUNK, Content, Place, Progress, key_of
from gtrack.store.trouble import patiently

__all__ = ["fetch_object", "send_object"]

_READ = 4 << 20
"""Bytes that are asked of a store at a time."""
_SKEW = 300.0
"""Seconds by which clocks may differ before an object's age is not believed."""


def send_object(
    place: Place, cache: Cache, digest: str, size: int, stop: threading.Event, told: Callable[[int], None]
) -> bool:
    """Send an object, unless the store has it and is going to have it for a while.

    Args:
        place: The store.
        cache: Where the object is.
        digest: The object.
        size: Its size in bytes.
        stop: Set when the transfer shall end.
        told: Told how many more bytes are through.

    Returns:
        Whether it was sent; False where it was there.

    Raises:
        NotFoundError: It is not in the cache.
        DamageError: It is not what it should be, and was taken out of the cache.
        StoppedError: The transfer was stopped.
        Exception: What the store's client raised, for the last time.
    """
    key = key_of(digest)
    content = Content(cache.path(digest), size, digest)

    def action(at: Progress) -> bool:
        if _stays(place, key, size):
            at(size)
            return False
        place.put(key, content, at)
        return True

    if not cache.has(digest):
        raise NotFoundError(f"the object {digest[:12]} is not in the cache any more")
    try:
        return patiently(action, stop, told)
    except DamageError:
        cache.remove(digest)  # what has the name has another content: nobody must take it for the object
        raise


def _stays(place: Place, key: str, size: int) -> bool:
    """Tell whether an object is there, whole, and too young for gc to be about to remove it."""
    found = place.stat(key)
    if found is None or found.size != size:
        return False
    if found.modified is not None and -_SKEW < time.time() - found.modified < GRACE / 2:
        return True
    return place.refresh(key)


def fetch_object(
    place: Place, cache: Cache, digest: str, size: int, stop: threading.Event, told: Callable[[int], None]
) -> None:
    """Bring an object into the cache; what an earlier attempt brought of it is not asked for again.

    Args:
        place: The store.
        cache: Where to put it.
        digest: The object.
        size: Its size in bytes: more is not read.
        stop: Set when the transfer shall end.
        told: Told how many more bytes are through.

    Raises:
        NotFoundError: The store does not have it.
        DamageError: The store has something else under that name.
        StoppedError: The transfer was stopped.
        OSError: The disk is full.
        Exception: What the store's client raised, for the last time.
    """
    os.makedirs(cache.root, mode=0o700, exist_ok=True)
    part = os.path.join(cache.root, PART + digest)
    with _alone(part) as fd:
        if cache.has(digest, size):  # another process brought it
            os.unlink(part)
            told(size)
            return

        def action(at: Progress) -> None:
            _check_size(place, digest, size)
            hasher = _continue(fd, size)
            resumed = os.lseek(fd, 0, os.SEEK_CUR) > 0
            _append(place, digest, fd, size, hasher, at)
            if hasher.hexdigest() != digest:
                os.ftruncate(fd, 0)
                if resumed:  # a power loss may have torn what was here: once more from the beginning
                    raise OSError("what an earlier attempt left is damaged")
                raise _something_else(digest)

        patiently(action, stop, told)
        _settle(fd, part, cache.path(digest))


@contextlib.contextmanager
def _alone(part: str) -> Iterator[int]:
    """Open an unfinished download that no other process is at."""
    while True:
        fd = _opened(part)
        try:
            with contextlib.suppress(OSError):  # a disk without locks: the digest is looked at all the same
                fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_at(part, fd):
                yield fd
                return
        finally:
            os.close(fd)


def _opened(part: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(part, flags, 0o600)
    except PermissionError:  # killed between making it read-only and giving it its name
        os.chmod(part, 0o600)
        return os.open(part, flags)


def _settle(fd: int, part: str, target: str) -> None:
    """Give a whole object its name, when the disk has it."""
    os.fsync(fd)
    os.fchmod(fd, 0o444)
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    os.rename(part, target)


def _is_at(path: str, fd: int) -> bool:
    """Tell whether a name still leads to an open file: whoever held its lock may have moved it."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _continue(fd: int, size: int) -> hashlib._Hash:
    """Hash what is there of a download, and stand at its end."""
    if os.fstat(fd).st_size > size:
        os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    hasher = hashlib.sha256()
    while block := os.read(fd, CHUNK):
        hasher.update(block)
    return hasher


def _check_size(place: Place, digest: str, size: int) -> None:
    found = place.stat(key_of(digest))
    if found is None:
        raise NotFoundError("it is not in the store")
    if found.size != size:
        raise _something_else(digest, f": {found.size:,} bytes instead of {size:,}")


def _append(place: Place, digest: str, fd: int, size: int, hasher: hashlib._Hash, at: Progress) -> None:
    """Read on from where the file ends, into the file and the hash."""
    position = os.lseek(fd, 0, os.SEEK_CUR)
    at(position)
    while position < size:
        block = place.read(key_of(digest), position, min(_READ, size - position))
        if not block or len(block) > size - position:
            raise OSError(f"the store gave {len(block)} bytes from byte {position} of {size}")
        hasher.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(fd, view) :]
        position += len(block)
        at(position)


def _something_else(digest: str, what: str = "") -> DamageError:
    return DamageError(f"the store has something else under the name of the object {digest[:12]}{what}")
