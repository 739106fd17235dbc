"""What one process captures of artifacts: small content in a pack, files beside it, and a line for each in the ledger.

::

    <session>-<writer>.pack              content of up to 64 KiB, one after the other
    <session>-<writer>.files/<digest>    larger content, each a file of its own, read-only

The content is there before its line is, and a line before the content that it frees is gone. So whoever reads the
ledger finds what it names, or, when he reads it again, why it is not there any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Mapping
from itertools import count

from gtrack.clock import now_ns
from gtrack.spool.copying import Copied, copy_hashed
from gtrack.spool.files import create_append_only
from gtrack.spool.ledger import Ledger

__all__ = ["ADDED", "FILES", "PACK", "PACKED_BYTES", "REMOVED", "ArtifactWriter", "discard_unfinished"]

ADDED, REMOVED = "artifact", "artifact_removed"
"""The kinds of ledger lines."""
PACK, FILES = ".pack", ".files"
"""The endings of a writer's file of packed content, and of its folder of files."""
PACKED_BYTES = 64 << 10
"""The largest content that is packed: a file of its own costs as much time as writing that much."""
_NEW = ".new-"


class ArtifactWriter:
    """The artifacts of one process. Safe across threads; not to be used after a fork.

    Args:
        stem: The path of the process's files, without their endings.
        ledger: Its ledger.
    """

    def __init__(self, stem: str, ledger: Ledger) -> None:
        self._stem = stem
        self._ledger = ledger
        # Also across writing the line: offsets in the order of the lines make a segment's content one range.
        self._lock = threading.RLock()
        self._names = count()
        self._pack = -1
        self._packed = 0
        self._time = 0
        self._held: dict[str, str] = {}
        """The digests of the files that the latest artifacts need, by their paths."""
        self._uses: Counter[str] = Counter()
        self._unsynced: list[str] = []

    def add_bytes(self, data: bytes, path: str, type_: str, media: Mapping[str, object] | None) -> Copied:
        """Capture content; when this returns, a SIGKILL cannot lose it.

        Args:
            data: The content.
            path: A safe path; what had it before gives way.
            type_: The media type.
            media: Of media: kind, key, step and more.

        Raises:
            OSError: The disk is full, or the files are closed.
        """
        copied = Copied(len(data), hashlib.sha256(data).hexdigest())
        if len(data) > PACKED_BYTES:
            aside = self._aside()
            _write_file(aside, data)
            self._add_file(aside, copied, path, type_, media)
            return copied
        with self._lock:
            offset = self._put(data)
            self._say(ADDED, path, _said(copied, type_, media) | {"offset": offset})
            self._let_go(path)
        return copied

    def add_file(self, source: str, path: str, type_: str, media: Mapping[str, object] | None) -> Copied:
        """Capture a file as it is now; see :meth:`add_bytes`.

        Args:
            source: The file; links are followed.
            path: A safe path; what had it before gives way.
            type_: The media type.
            media: Of media: kind, key, step and more.

        Raises:
            NotPlainError: It is no plain file.
            OSError: It cannot be read, the disk is full, or the files are closed.
        """
        if os.stat(source).st_size <= PACKED_BYTES:
            data = _read_small(source)
            if data is not None:
                return self.add_bytes(data, path, type_, media)
        aside = self._aside()
        copied = copy_hashed(source, aside)
        self._add_file(aside, copied, path, type_, media)
        return copied

    def remove(self, path: str) -> None:
        """Take an artifact away, and free what this process keeps for it alone.

        Raises:
            OSError: The disk is full, or the files are closed.
        """
        with self._lock:
            self._say(REMOVED, path, {})
            self._let_go(path)

    def sync(self) -> None:
        """Ask the disk to keep everything, against power loss."""
        with self._lock:
            unsynced, self._unsynced = self._unsynced, []
            pack = os.dup(self._pack) if self._pack >= 0 else -1
        try:
            if pack >= 0:
                os.fsync(pack)
            for path in unsynced:
                _sync(path)
        finally:
            if pack >= 0:
                os.close(pack)

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        with self._lock:
            pack, self._pack = self._pack, -1
            self._packed = -1
        if pack >= 0:
            os.close(pack)

    def abandon_in_child(self) -> None:
        """Close the descriptor in a forked child, where the parent's lock may hold whatever state."""
        self._lock = threading.RLock()
        self.close()

    def _put(self, data: bytes) -> int:
        """Append content to the pack and return where it begins; of a short write nothing stays."""
        if self._pack < 0:
            if self._packed < 0:
                raise OSError("the run's files are closed")
            self._pack = create_append_only(self._stem + PACK)
        offset, written = self._packed, 0
        try:
            while written < len(data):
                written += os.write(self._pack, data[written:] if written else data)
        except OSError:
            os.ftruncate(self._pack, offset)
            raise
        self._packed += written
        return offset

    def _add_file(self, aside: str, copied: Copied, path: str, type_: str, media: Mapping[str, object] | None) -> None:
        target = os.path.join(self._stem + FILES, copied.digest)
        with self._lock:
            new = not os.path.lexists(target)
            try:
                if new:
                    os.rename(aside, target)
                else:
                    os.unlink(aside)
                self._say(ADDED, path, _said(copied, type_, media))
            except BaseException:
                for left in (aside, target) if new else (aside,):
                    with contextlib.suppress(OSError):
                        os.unlink(left)
                raise
            self._uses[copied.digest] += 1
            self._let_go(path)
            self._held[path] = copied.digest
            self._unsynced.append(target)

    def _say(self, kind: str, path: str, fields: Mapping[str, object]) -> None:
        # Never twice the same moment: of one path the later line stands.
        self._time = max(now_ns() // 1000, self._time + 1)
        self._ledger.append(kind, {"at": self._time, "path": path, **fields})

    def _let_go(self, path: str) -> None:
        """Free the file that an earlier artifact of this path needed; its line has been written over by another."""
        digest = self._held.pop(path, None)
        if digest is None:
            return
        self._uses[digest] -= 1
        if not self._uses[digest]:
            del self._uses[digest]
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._stem + FILES, digest))

    def _aside(self) -> str:
        folder = self._stem + FILES
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return os.path.join(folder, f"{_NEW}{next(self._names)}")


def discard_unfinished(stem: str) -> None:
    """Remove the copies that a process which has ended was killed in; no line names them.

    Args:
        stem: The path of the process's files, without their endings.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(stem + FILES):
            if name.startswith(_NEW):
                os.unlink(os.path.join(stem + FILES, name))


def _said(copied: Copied, type_: str, media: Mapping[str, object] | None) -> dict[str, object]:
    fields: dict[str, object] = {"size": copied.size, "sha256": copied.digest, "type": type_}
    return {**fields, "media": dict(media)} if media else fields


def _read_small(source: str) -> bytes | None:
    """Return a small file as it is at one moment; None when it is no plain file, has grown or changes."""
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(fd, "rb", buffering=0) as file:
        before = os.fstat(fd)
        data = file.read(PACKED_BYTES + 1) if before.st_mode & 0o170000 == 0o100000 else None
        after = os.fstat(fd)
    settled = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return data if data is not None and settled and len(data) == before.st_size else None


def _write_file(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fchmod(fd, 0o444)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    finally:
        os.close(fd)


def _sync(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # given way meanwhile
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
