"""Console output on disk, bounded: the first 128 KiB and at least the last 128 KiB.

Three files share a stem. ``<stem>.console`` is the head. What comes after goes to ``<stem>.console.tail``, which
becomes ``<stem>.console.old`` when it is full. Each tail begins with a mark of 16 bytes, ``@`` and the 14-digit
offset in the (folded) stream of the byte after the mark: readers know from it what was left out, and followers
where they are, whatever was rotated meanwhile.

Every write is on disk when it returns, as far as the page cache goes, so SIGKILL of everybody loses nothing. A line
overwritten after a carriage return is rewritten in place: of a progress bar, only the last state is kept.

This module imports the standard library alone: the helper process of :mod:`gtrack.spool.tee` loads it by path.
"""

from __future__ import annotations

import os
import time
from itertools import pairwise

TYPE_CHECKING = False  # importing typing would cost the helper's start a third more
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["HEAD", "SEALED", "TAIL", "OutputWriter", "follow_output", "read_output", "seal_output"]

HEAD = 128 * 1024
"""Size of the head in bytes."""

TAIL = 128 * 1024
"""How many bytes at the end are kept at least."""

SEALED = 256 * 1024 - 1024
"""Largest sealed output in bytes; gzip adds at most 111 bytes to what it cannot compress."""

_LINE = 8 * 1024  # a longer unfinished line is no longer rewritten
_TAIL_FILE = TAIL + _LINE  # files end at a line, so a full one may be short by a line
_MARK_SIZE = 16
_POLL = 0.2


class OutputWriter:
    """Appends output to the bounded console files of one stem.

    A writer on files that exist goes on where they end. It never raises: when the disk is full, or the directory
    gone, it stops and keeps the reason in ``error``.

    Args:
        stem: Path of the files without ``.console``.
    """

    def __init__(self, stem: str | os.PathLike[str]) -> None:
        self.error: OSError | None = None
        self._head = f"{os.fspath(stem)}.console"
        self._fd = -1
        self._mark_size = 0  # bytes before the content of the present file: none in the head
        self._limit = HEAD
        self._base = 0  # offset in the stream of the present file's content
        self._start = 0  # where in the content the unfinished line begins
        self._line = b""  # the unfinished line, as it is on disk
        self._returned = False  # a carriage return has come after it

    def write(self, data: bytes) -> None:
        """Append ``data``, folding lines that were overwritten after a carriage return."""
        if self.error is not None or not data:
            return
        try:
            if self._fd < 0:
                self._open()
            done, line = self._fold(data)
            self._store(done, line)
        except OSError as error:
            self.error = error
            self.close()

    def close(self) -> None:
        """Close the file; what was written stays, an unfinished line included."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._line, self._returned = b"", False

    def _open(self) -> None:
        parts = _parts(self._head)
        if len(parts) > 1:
            base, content = parts[-1]
            self._open_tail(base + len(content), keep=os.path.exists(f"{self._head}.tail"))
        else:
            self._fd = os.open(self._head, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._start = os.fstat(self._fd).st_size

    def _open_tail(self, end: int, *, keep: bool = False) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (0 if keep else os.O_TRUNC)
        self._fd = os.open(f"{self._head}.tail", flags, 0o600)
        self._mark_size, self._limit = _MARK_SIZE, _TAIL_FILE
        self._start = os.fstat(self._fd).st_size - _MARK_SIZE if keep else 0
        self._base = end - self._start
        if not keep:
            _pwrite(self._fd, b"@%014d\n" % end, 0)

    def _fold(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the finished lines and the unfinished one, the present unfinished line included."""
        text = self._line + b"\r" * self._returned + data
        if b"\r" not in text:
            end = text.rfind(b"\n") + 1
            done, line = text[:end], text[end:]
            self._returned = False
        else:
            *lines, last = text.split(b"\n")
            done = b"".join(_last_state(line) + b"\n" for line in lines)
            line = _last_state(last)
            self._returned = last.endswith(b"\r")
        return (done + line, b"") if len(line) > _LINE else (done, line)

    def _store(self, done: bytes, line: bytes) -> None:
        while self._start + len(done) > self._limit:
            room = self._limit - self._start
            cut = done.rfind(b"\n", 0, room) + 1
            if not cut and not self._start:
                cut = room  # one line larger than a file
            self._put(done[:cut], b"")
            self._rotate()
            done = done[cut:]
        self._put(done, line)

    def _put(self, done: bytes, line: bytes) -> None:
        """Write at the place of the unfinished line, which ``done`` and ``line`` replace."""
        new, old = done + line, self._line
        same = len(old) if new.startswith(old) else 0
        _pwrite(self._fd, new[same:], self._mark_size + self._start + same)
        if len(new) < len(old):
            os.ftruncate(self._fd, self._mark_size + self._start + len(new))
        self._start += len(done)
        self._line = line

    def _rotate(self) -> None:
        os.close(self._fd)
        self._fd = -1
        if self._mark_size:
            os.replace(f"{self._head}.tail", f"{self._head}.old")
        self._open_tail(self._base + self._start)


def read_output(stem: str | os.PathLike[str]) -> bytes:
    """Return the output kept under ``stem``, with a line that says how much was left out.

    Args:
        stem: Path of the files without ``.console``. They may be in use.

    Returns:
        The head, ``... 12,345 bytes left out ...`` where that is so, and the tail; empty when there is nothing.
    """
    head, base, tail = _head_and_tail(stem)
    return _joined(head, base, tail)


def seal_output(stem: str | os.PathLike[str]) -> bytes | None:
    """Return the output kept under ``stem`` as a gzip file of at most 256 KiB.

    The bytes are a function of the output alone: no time and no operating system in the header (RFC 1952).

    Returns:
        A gzip member, or None when nothing was written.
    """
    import zlib

    head, base, tail = _head_and_tail(stem)
    if not head and not tail:
        return None
    room = SEALED - len(head) - 64
    if len(tail) > room:
        cut = tail.find(b"\n", len(tail) - room) + 1 or len(tail) - room
        base, tail = base + cut, tail[cut:]
    data = _joined(head, base, tail)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    trailer = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return header + zlib.compress(data, 9, wbits=-15) + trailer


def follow_output(stem: str | os.PathLike[str], stop: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the output under ``stem`` as it comes, until ``stop()`` is true and all of it was yielded.

    A line that was overwritten is yielded again after a carriage return, as the terminal saw it.

    Args:
        stem: Path of the files without ``.console``; they need not exist yet.
        stop: Asked five times a second whether the output has ended.
    """
    position, shown = 0, b""
    while True:
        last = stop()
        notice = text = b""
        for base, content in _parts(f"{os.fspath(stem)}.console"):
            known = position + len(text)
            if base > known:
                notice += text + _left_out(base - known)
                position, shown, text, known = base, b"", b"", base
            text += content[known - base :]
        new = text[len(shown) :] if text.startswith(shown) else b"\r" + text
        if notice or new:
            yield notice + new
        end = text.rfind(b"\n") + 1
        position, shown = position + end, text[end:]
        if last:
            return
        time.sleep(_POLL)


def _last_state(line: bytes) -> bytes:
    """Return what is left of a line after its carriage returns."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _pwrite(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def _read(path: str, size: int) -> bytes:
    try:
        # Nobody but the owner writes here, yet a spool may be ingested from elsewhere: no links, no more than fits.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.pread(fd, size, 0)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _part(path: str) -> tuple[int, bytes] | None:
    data = _read(path, _MARK_SIZE + _TAIL_FILE + _LINE)
    digits = data[1 : _MARK_SIZE - 1]
    if len(digits) != _MARK_SIZE - 2 or not digits.isdigit():
        return None
    return int(digits), data[_MARK_SIZE:]


def _parts(head: str) -> list[tuple[int, bytes]]:
    """Return (offset in the stream, content) of the head and of the tails that follow on each other."""
    tails: list[tuple[int, bytes]] = []
    for _ in range(8):
        # The newest first: a rotation between two reads then shows as an overlap, and is read again.
        tail, old = _part(f"{head}.tail"), _part(f"{head}.old")
        tails = [part for part in (old, tail) if part is not None]
        if all(first + len(content) == second for (first, content), (second, _) in pairwise(tails)):
            break
    else:
        del tails[:-1]
    return [(0, _read(head, HEAD + _LINE)), *tails]


def _head_and_tail(stem: str | os.PathLike[str]) -> tuple[bytes, int, bytes]:
    (_, head), *tails = _parts(f"{os.fspath(stem)}.console")
    base = tails[0][0] if tails else len(head)
    return head, base, b"".join(content for _, content in tails)


def _joined(head: bytes, base: int, tail: bytes) -> bytes:
    left_out = base - len(head)
    if left_out <= 0 or not tail:
        return head + tail
    newline = b"" if head.endswith(b"\n") or not head else b"\n"
    return head + newline + _left_out(left_out) + tail


def _left_out(count: int) -> bytes:
    return f"... {count:,} bytes left out ...\n".encode()
