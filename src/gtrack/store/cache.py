"""The local cache: objects by their SHA-256, ``<root>/<aa>/<digest>``, read-only files that appear whole.

Every read compares the content with its name. What is found damaged is removed, so that a sound copy can take its
place.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator

from gtrack.errors import DamageError, NotFoundError

__all__ = ["PART", "Cache", "Piece", "is_digest"]

Piece = tuple[str, int, int]
"""A part of a file: its path, where the part begins, and its length."""
PART = ".part-"
"""What the names of unfinished downloads begin with."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FAN = re.compile(r"[0-9a-f]{2}\Z")
_NEW = ".new-"
_CHUNK = 1 << 20
_IN_MEMORY = 4 << 20
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOSYS)


def is_digest(text: object) -> bool:
    """Tell whether something is a SHA-256 in 64 lower-case hex digits: it can then be part of a path."""
    return isinstance(text, str) and _DIGEST.match(text) is not None


class Cache:
    """A folder of objects. Safe across threads and processes; a killed one leaves nothing half-written in view.

    Args:
        root: The folder; made when something is first put there.
        also: Further folders of the same kind to read from, where ``root`` is not the repository's own.
        sync: Ask the disk to keep each object before it gets its name; who puts in many asks once, afterwards.

    Example:
        >>> cache = Cache("/tmp/objects")
        >>> cache.read(cache.add_bytes(b"hello"))
        b'hello'
    """

    def __init__(self, root: str, *, also: Iterable[str] = (), sync: bool = True) -> None:
        self.root = root
        self._sync = sync
        self._roots = (root, *also)

    def path(self, digest: str) -> str:
        """Return where an object is, or would be.

        Raises:
            ValueError: The digest is none.
        """
        if not is_digest(digest):
            raise ValueError(f"{digest!r:.80} is not a SHA-256")
        paths = [os.path.join(root, digest[:2], digest) for root in self._roots]
        return paths[0] if len(paths) == 1 else next(filter(os.path.lexists, paths), paths[0])

    def has(self, digest: str, size: int | None = None) -> bool:
        """Tell whether an object is here; its content is not looked at.

        Args:
            digest: The object.
            size: Its size in bytes, where it is known: one of another size does not count.
        """
        try:
            found = os.lstat(self.path(digest))
        except OSError:
            return False
        return size is None or found.st_size == size

    def read(self, digest: str) -> bytes:
        """Return an object, once its content is found to be what the digest says.

        Raises:
            NotFoundError: It is not here.
            DamageError: It was damaged, and is removed.
            OSError: It cannot be read.
        """
        with self._opened(digest) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != digest:
            raise self._damaged(digest)
        return data

    @contextlib.contextmanager
    def open(self, digest: str) -> Iterator[io.BufferedReader | io.BytesIO]:
        """Open an object, once its content is found to be what the digest says; what is read is what was checked.

        Raises:
            NotFoundError: It is not here.
            DamageError: It was damaged, and is removed.
            OSError: It cannot be read.
        """
        with self._opened(digest) as file:
            if os.fstat(file.fileno()).st_size <= _IN_MEMORY:
                data = file.read()
                if hashlib.sha256(data).hexdigest() != digest:
                    raise self._damaged(digest)
                yield io.BytesIO(data)
                return
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise self._damaged(digest)
            file.seek(0)
            yield file

    def verify(self, digest: str) -> bool:
        """Tell whether an object is here and sound; nothing is removed."""
        try:
            with self._opened(digest) as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except (OSError, NotFoundError):
            return False

    def add_file(self, source: str, digest: str) -> None:
        """Put a file in, by a hard link where the disk allows it; the file must not change afterwards.

        A copy that is here is looked at, and replaced when it is damaged.

        Args:
            source: The file, known to have the digest: it is not read when it can be linked.
            digest: Its SHA-256.

        Raises:
            DamageError: It is not what the digest says.
            OSError: It cannot be read, or the disk is full or read-only.
        """
        found, target = os.lstat(source), self.path(digest)
        size = found.st_size
        if not stat.S_ISREG(found.st_mode):
            raise DamageError(f"{source} is not a plain file")
        if self.has(digest, size) and (os.path.samefile(source, target) or self.verify(digest)):
            return
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        aside = self._aside()
        try:
            os.link(source, aside, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self.add_pieces([(source, 0, size)], digest)
            return
        try:
            self._settle(aside, target)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(aside)

    def add_range(self, source: str, offset: int, length: int, digest: str) -> None:
        """Put a part of a file in.

        Raises:
            DamageError: It is not what the digest says.
            OSError: It cannot be read, or the disk is full or read-only.
        """
        self.add_pieces([(source, offset, length)], digest)

    def add_pieces(self, pieces: Iterable[Piece], digest: str) -> None:
        """Put the parts of files in, one after the other, as one object.

        Raises:
            DamageError: They are not what the digest says.
            OSError: They cannot be read, or the disk is full or read-only.
        """
        self._write((chunk for piece in pieces for chunk in _chunks(piece)), digest)

    def add_bytes(self, data: bytes) -> str:
        """Put content in, and return its digest.

        Raises:
            OSError: The disk is full or read-only.
        """
        digest = hashlib.sha256(data).hexdigest()
        if not self.has(digest, len(data)):
            self._write([data], digest)
        return digest

    def remove(self, digest: str) -> bool:
        """Remove an object; tell whether it was here."""
        try:
            os.unlink(self.path(digest))
        except FileNotFoundError:
            return False
        return True

    def digests(self) -> Iterator[str]:
        """Yield the objects that are here, in their order."""
        for fan in sorted(filter(_FAN.match, _names(self.root))):
            for name in sorted(_names(os.path.join(self.root, fan))):
                if is_digest(name) and name[:2] == fan:
                    yield name

    def sweep(self, age: float) -> None:
        """Remove what killed processes left half-written, and downloads that nobody went on with.

        Args:
            age: Seconds after which it is a leftover.
        """
        for name in _names(self.root):
            path = os.path.join(self.root, name)
            with contextlib.suppress(OSError):
                if name.startswith((_NEW, PART)) and time.time() - os.lstat(path).st_mtime > age:
                    os.unlink(path)

    @contextlib.contextmanager
    def _opened(self, digest: str) -> Iterator[io.BufferedReader]:
        try:
            fd = os.open(self.path(digest), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NotFoundError(f"the object {digest} is not in the cache", hint="gtrack pull --artifacts") from None
        with os.fdopen(fd, "rb") as file:
            yield file

    def _damaged(self, digest: str) -> DamageError:
        try:
            self.remove(digest)
        except OSError as error:
            return DamageError(f"the object {digest} in the cache is damaged, and stays there: {error.strerror}")
        return DamageError(f"the object {digest} in the cache is damaged, and was removed")

    def _write(self, chunks: Iterable[bytes], digest: str) -> None:
        target = self.path(digest)
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        fd, aside = tempfile.mkstemp(prefix=_NEW, dir=self.root)
        try:
            found = hashlib.sha256()
            with os.fdopen(fd, "wb") as file:
                for chunk in chunks:
                    found.update(chunk)
                    file.write(chunk)
                os.fchmod(file.fileno(), 0o444)
            if found.hexdigest() != digest:
                raise DamageError(f"what should be the object {digest} has the digest {found.hexdigest()}")
            self._settle(aside, target)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(aside)

    def _aside(self) -> str:
        return os.path.join(self.root, _NEW + os.urandom(8).hex())

    def _settle(self, aside: str, target: str) -> None:
        """Give an object its name, when the disk has it."""
        if self._sync:
            _sync(aside)
        os.rename(aside, target)
        if self._sync:
            _sync(os.path.dirname(target))


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _chunks(piece: Piece) -> Iterator[bytes]:
    path, offset, left = piece
    with open(path, "rb") as file:
        file.seek(offset)
        while left:
            data = file.read(min(left, _CHUNK))
            if not data:
                raise DamageError(f"{path} ends before byte {offset + piece[2]:,}")
            left -= len(data)
            yield data


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
