"""The one lock of a repository: whoever holds it commits, for everybody."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gtrack.errors import LockedError, RepositoryError

__all__ = ["repository_lock"]

_PAUSE = 0.001
_LONGEST_PAUSE = 0.01
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


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
        RepositoryError: The repository is somebody else's, or on a disk that is read-only.
        OSError: The folder cannot be written, such as on a full disk.
    """
    path = os.path.join(home, "lock")
    try:
        os.makedirs(home, mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        raise _not_writable(home, error) from None
    try:
        yield _acquire(fd, path, timeout, unless)
    finally:
        os.close(fd)


def _not_writable(home: str, error: OSError) -> RepositoryError:
    """Return the error that names the repository, and what can be done about it."""
    common = os.path.dirname(home)
    repository = os.path.dirname(common) if os.path.basename(common) == ".git" else common
    if error.errno == errno.EROFS:
        why = "is on a read-only disk"
    else:
        why = f"you may not write to ({error.filename}: {error.strerror})"
    return RepositoryError(
        f"nothing can be recorded in {repository}, which {why}",
        hint=f"ask its owner to let you write, or work in a clone of your own: git clone {shlex.quote(repository)}",
    )


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
