"""The one lock of a repository: whoever holds it commits, for everybody."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gtrack.errors import LockedError

__all__ = ["repository_lock"]


@contextmanager
def repository_lock(home: str, *, timeout: float = 60.0) -> Iterator[None]:
    """Hold gtrack's lock on a repository.

    A lock of the kernel's: it is free as soon as its holder is gone, however that went.

    Args:
        home: gtrack's folder in the git directory; it is made if need be.
        timeout: Seconds to wait.

    Raises:
        LockedError: Another process held it for all that time.
        OSError: The folder cannot be written.
    """
    os.makedirs(home, mode=0o700, exist_ok=True)
    path = os.path.join(home, "lock")
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _acquire(fd, path, timeout)
        yield
    finally:
        os.close(fd)


def _acquire(fd: int, path: str, timeout: float) -> None:
    deadline, pause = time.monotonic() + timeout, 0.001
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LockedError(
                    f"another gtrack command has held {path} for {timeout:.0f} s",
                    hint="wait for it, or see who it is with: fuser -v " + path,
                ) from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
        except OSError:
            return  # no locks on this disk: the compare-and-set on the branch still keeps writers apart
        else:
            return
