"""The one lock of a repository: whoever holds it commits, for everybody."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gtrack.errors import LockedError

__all__ = ["repository_lock"]

_PAUSE = 0.001
_LONGEST_PAUSE = 0.01


@contextmanager
def repository_lock(home: str, *, timeout: float = 60.0, unless: Callable[[], bool] | None = None) -> Iterator[bool]:
    """Hold gtrack's lock on a repository.

    A lock of the kernel's: it is free as soon as its holder is gone, however that went.

    Args:
        home: gtrack's folder in the git directory; it is made if need be.
        timeout: Seconds to wait.
        unless: Tells that the lock is not needed any more: whoever held it has done what it was wanted for.

    Yields:
        False when it is not held, since it was not needed any more.

    Raises:
        LockedError: Another process held it for all that time.
        OSError: The folder cannot be written.
    """
    os.makedirs(home, mode=0o700, exist_ok=True)
    path = os.path.join(home, "lock")
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        yield _acquire(fd, path, timeout, unless)
    finally:
        os.close(fd)


def _acquire(fd: int, path: str, timeout: float, unless: Callable[[], bool] | None) -> bool:
    deadline, pause = time.monotonic() + timeout, _PAUSE
    while unless is None or not unless():
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LockedError(
                    f"another gtrack command has held {path} for {timeout:.0f} s",
                    hint="wait for it, or see who it is with: fuser -v " + path,
                ) from None
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        except OSError:
            return True  # no locks on this disk: the compare-and-set on the branch still keeps writers apart
        else:
            return True
    return False
