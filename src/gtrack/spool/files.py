"""Creating the files that a process appends to for as long as it logs."""

from __future__ import annotations

import fcntl
import os

__all__ = ["create_append_only"]

_FIRST_FREE = 3


def create_append_only(path: str) -> int:
    """Create a file to append to and return its descriptor, which is none of the three standard ones.

    In a process that was started with a closed stderr the next file to be opened becomes descriptor 2, and what a
    library prints there would end up between the records.

    Args:
        path: The file; it must not exist.

    Raises:
        OSError: The file cannot be created.
    """
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if fd >= _FIRST_FREE:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    finally:
        os.close(fd)
