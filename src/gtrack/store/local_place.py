"""A store in a folder: a disk of one's own, or one that a team has mounted. It needs no package."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from gtrack.errors import NotFoundError
from gtrack.ids import new_session_id
from gtrack.store.place import Content, Progress, Stored

__all__ = ["LocalPlace"]


class LocalPlace:
    """A store in a folder; see :class:`gtrack.store.place.Place`.

    An upload is written to ``.<digest>.<mark>.part`` beside its name. The next one compares what is there with what it
    sends and goes on at the first difference.

    Args:
        root: The folder.
        mark: Tells this clone's unfinished uploads from others'.
    """

    def __init__(self, root: str, mark: str) -> None:
        self._root = root
        self._mark = mark

    def prepare(self) -> None:
        """Make the folder."""
        os.makedirs(self._root, exist_ok=True)

    def stat(self, key: str) -> Stored | None:
        """Tell what is under a name, or None."""
        try:
            found = os.stat(self._at(key))
        except FileNotFoundError:
            self._check_root()
            return None
        return Stored(key, found.st_size, found.st_mtime)

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return bytes of an object."""
        with open(self._at(key), "rb") as file:
            file.seek(start)
            return file.read(length)

    def put(self, key: str, content: Content, progress: Progress) -> None:
        """Send a file, and give it its name when all of it is there."""
        self._check_root()
        target = self._at(key)
        folder, name = os.path.split(target)
        os.makedirs(folder, exist_ok=True)
        part = os.path.join(folder, f".{name}.{self._mark}.part")
        with _opened(part) as file:
            for block in content.blocks():
                at = file.tell()
                if file.read(len(block)) != block:
                    file.seek(at)
                    file.truncate()
                    file.write(block)
                progress(at + len(block))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o444)
        os.replace(part, target)
        _sync(folder)

    def write(self, key: str, data: bytes) -> None:
        """Write a small object at once."""
        target = self._at(key)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        draft = f"{target}.{self._mark}-{new_session_id()}.new"
        try:
            with open(draft, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise

    def remove(self, key: str) -> None:
        """Remove an object."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(key))

    def entries(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below a folder."""
        self._check_root()
        for folder, _, names in os.walk(self._at(prefix)):
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    found = os.lstat(path)
                    key = os.path.relpath(path, self._root).replace(os.sep, "/")
                    yield Stored(key, found.st_size, found.st_mtime)

    def refresh(self, key: str) -> bool:
        """Make an object as young as one that is sent now."""
        try:
            os.utime(self._at(key))
        except OSError:  # somebody else's file
            return False
        return True

    def close(self) -> None:
        """There is nothing to let go."""

    def _at(self, key: str) -> str:
        return os.path.join(self._root, *key.split("/"))

    def _check_root(self) -> None:
        """Refuse to make the folder by the way: where a disk is not mounted, it would be on another one."""
        if not os.path.isdir(self._root):
            raise NotFoundError(
                f"there is no folder {self._root}: is the disk mounted?", hint="gtrack store check makes a new one"
            )


def _sync(folder: str) -> None:
    """Have a new name on the disk: what is sent is forgotten here."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _opened(part: str) -> BinaryIO:
    """Open an unfinished upload, or begin one."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(part, flags, 0o644)
    except PermissionError:  # killed between making it read-only and giving it its name
        os.unlink(part)
        fd = os.open(part, flags, 0o644)
    return os.fdopen(fd, "r+b")
