"""Copying a file as it is at one moment, and its SHA-256 with it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import sys
from dataclasses import dataclass

__all__ = ["Copied", "NotPlainError", "copy_hashed"]

_CHUNK = 1 << 20
_ATTEMPTS = 3
_FICLONE = 0x40049409
"""The ioctl that makes a file share another's blocks, https://man7.org/linux/man-pages/man2/ioctl_ficlone.2.html"""


class NotPlainError(OSError):
    """What is to be copied is a folder, a pipe, a socket or a device."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy came to.

    Attributes:
        size: In bytes.
        digest: The SHA-256 of the copy.
        settled: The file stayed as it was while it was copied.
    """

    size: int
    digest: str
    settled: bool = True


def copy_hashed(source: str, target: str) -> Copied:
    """Copy a plain file, links followed, and hash the copy in the same pass.

    Where the disk can share blocks the copy is of one moment. Elsewhere a file that changes meanwhile is copied again,
    three times at most; the digest is that of the copy in any case.

    Args:
        source: The file.
        target: A path where nothing is; nothing stays there when this fails.

    Raises:
        NotPlainError: It is no plain file.
        OSError: It cannot be read, or the disk is full.
    """
    # Without waiting: opening a pipe that nobody writes to would never return.
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotPlainError(errno.EINVAL, "it is not a plain file", source)
        out = os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            copied = _copy(fd, out)
            os.fchmod(out, 0o444)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(target)
            raise
        finally:
            os.close(out)
    finally:
        os.close(fd)
    return copied


def _copy(source: int, target: int) -> Copied:
    if _share_blocks(source, target):
        size, digest = _pass(target, None)
        return Copied(size, digest)
    settled = False
    for _ in range(_ATTEMPTS):
        before = _state(source)
        os.lseek(source, 0, os.SEEK_SET)
        os.lseek(target, 0, os.SEEK_SET)
        os.ftruncate(target, 0)
        size, digest = _pass(source, target)
        settled = _state(source) == before and size == before[0]
        if settled:
            break
    return Copied(size, digest, settled)


def _share_blocks(source: int, target: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _state(fd: int) -> tuple[int, int, int]:
    found = os.fstat(fd)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _pass(source: int, target: int | None) -> tuple[int, str]:
    """Read a file to its end, hash it and write it; return its size and digest."""
    found, size = hashlib.sha256(), 0
    while data := os.read(source, _CHUNK):
        found.update(data)
        size += len(data)
        if target is not None:
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
    return size, found.hexdigest()
