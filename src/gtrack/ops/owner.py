"""Waiting for the owner of a session to end, without using the processor meanwhile."""

from __future__ import annotations

import fcntl
import os
import select
import threading
import time
from types import TracebackType

from gtrack.capture.process import is_running
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.identity import Identity, this_process

__all__ = ["Owner"]

_POLL = 1.0
"""Seconds between two looks where the kernel does not tell: macOS, a network disk, another container."""


class Owner:
    """The process whose end is the end of a session, seen from another process.

    Two things wake the waiter: the lock on the owner's journal becomes free, or its process ends. Neither is enough.
    A notebook ends a run and lives on; and a child that an extension forked keeps the lock of its dead parent.

    Args:
        run: The run's spool.
        session: The session.
    """

    def __init__(self, run: SpoolRun, session: str) -> None:
        self._folder = run.path
        self._writer = Writer(run.path, session, run.owners().get(session, "none"))
        self._identity = Identity.from_dict(run.owner_document(session))
        self._poller = select.poll()
        self._pidfd = -1
        self._freed = -1
        self._told = False

    def __enter__(self) -> Owner:
        self._pidfd = _open_pidfd(self._identity)
        if self._pidfd >= 0:
            self._poller.register(self._pidfd, select.POLLIN)
        self._freed, sink = os.pipe()
        self._poller.register(self._freed, select.POLLIN)
        self._told = self._pidfd >= 0
        waiter = threading.Thread(target=_wait_for_lock, args=(self._writer.journal, sink), daemon=True)
        waiter.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for fd in (self._pidfd, self._freed):
            if fd >= 0:
                os.close(fd)

    def has_ended(self, timeout: float) -> bool:
        """Wait for the end of the session.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it has ended. A run that was put aside, or removed, has.
        """
        deadline = time.monotonic() + timeout
        while os.path.isdir(self._folder) and self._writer.is_alive():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._wait(left if self._told else min(left, _POLL))
        return True

    def is_gone(self) -> bool:
        """Tell whether the process itself is gone, as far as can be told from here."""
        if self._pidfd >= 0:
            poller = select.poll()
            poller.register(self._pidfd, select.POLLIN)
            return bool(poller.poll(0))
        here = this_process()
        who = self._identity
        if who is None or (who.boot, who.namespace) != (here.boot, here.namespace):
            return True
        return not is_running(who.pid, who.started)

    def _wait(self, seconds: float) -> None:
        for fd, _ in self._poller.poll(seconds * 1000):
            # Told once; should it be alive all the same, it is looked at from time to time.
            self._poller.unregister(fd)
            self._told = False


def _open_pidfd(owner: Identity | None) -> int:
    """Return a descriptor that becomes readable when the process ends, or -1; see pidfd_open(2)."""
    here = this_process()
    if owner is None or (owner.boot, owner.namespace) != (here.boot, here.namespace):
        return -1
    try:
        fd = os.pidfd_open(owner.pid)
    except (OSError, AttributeError):
        return -1
    if is_running(owner.pid, owner.started):
        return fd
    os.close(fd)
    return -1


def _wait_for_lock(journal: str, sink: int) -> None:
    """Close ``sink`` when the lock on a journal becomes free; where there are no locks, keep it open for ever."""
    try:
        fd = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
    except OSError:
        return
    finally:
        os.close(fd)
    os.close(sink)
