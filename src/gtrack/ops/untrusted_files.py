"""Opening files that somebody else may have put there: plain ones of bounded size, and nothing else."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from gtrack.errors import DamageError

__all__ = ["names_in", "opened"]

_MOST_FILES = 100_000


def names_in(folder: str) -> list[str]:
    """Return the names in a folder, in their order.

    Raises:
        DamageError: It is a link, or no folder, or holds too many files.
        OSError: It cannot be read.
    """
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise DamageError("it is not a folder")
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) > _MOST_FILES:
                raise DamageError(f"it holds more than {_MOST_FILES:,} files")
    return sorted(names)


@contextlib.contextmanager
def opened(path: str, limit: int) -> Iterator[int]:
    """Open a plain file of bounded size; never follow a link, never wait for a pipe.

    Args:
        path: The file.
        limit: The most bytes that it may have.

    Raises:
        DamageError: It is something else, or larger.
        OSError: It cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if os.path.islink(path):
            raise DamageError(f"{os.path.basename(path)} is a symbolic link") from None
        raise error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise DamageError(f"{os.path.basename(path)} is not a plain file")
        if found.st_size > limit:
            raise DamageError(f"{os.path.basename(path)} has {found.st_size:,} bytes; at most {limit:,} are taken")
        yield fd
    finally:
        os.close(fd)
