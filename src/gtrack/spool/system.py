"""Measuring the machine while a run lives: a thread, and the journal ``<session>-<writer>.system`` that it writes.

The records are those of :mod:`gtrack.spool.records`; the step of a value is the number of its sample. The file comes
with the first sample: a run that is shorter than that leaves none, and loads nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gtrack.spool.journal import Journal
from gtrack.spool.records import NO_RANK

if TYPE_CHECKING:
    from gtrack.capture.system.readings import Readings

__all__ = ["ENDING", "EVERY", "SystemSampler"]

ENDING = ".system"
"""What the names of these journals end with."""
EVERY = 5.0
"""Seconds between samples unless told otherwise."""
_SHORTEST = 0.05
_LEAD = 1.0
"""Seconds between the first reading of counters and the first sample, so that it has rates."""
_PATIENCE = 1.0
"""Seconds for which a fork waits for a reading; a driver may hang."""


class SystemSampler:
    """A thread that measures the machine every few seconds until it is stopped.

    Nothing of it raises; what goes wrong is noted once, and the run goes on without.

    Args:
        stem: The path of the writer's files, without their endings.
        open_readings: Returns what is to be read; called on the thread, when the first sample is near.
        note: Called with a sentence about what goes wrong, once for each kind of trouble.
        every: Seconds between samples.
        rank: The process's rank, or -1.
    """

    def __init__(
        self,
        stem: str,
        open_readings: Callable[[], Readings],
        *,
        note: Callable[[str], None],
        every: float = EVERY,
        rank: int = NO_RANK,
    ) -> None:
        self.path = stem + ENDING
        self._open_readings = open_readings
        self._note = note
        self._every = max(every, _SHORTEST)
        self._rank = rank
        self._journal: Journal | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        _Gate.install()
        threading.Thread(target=self._work, name="gtrack-system", daemon=True).start()

    def stop(self) -> None:
        """Write nothing more: the journal is complete when this returns. Does not wait for a driver that hangs."""
        self._stop.set()
        with self._lock:
            if self._journal is not None:
                self._journal.close()

    def abandon_in_child(self) -> None:
        """Let go of the file in a forked child, which has no such thread."""
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._stop.set()
        if self._journal is not None:
            self._journal.abandon_in_child(lambda *_: None)

    def _work(self) -> None:
        lead = min(_LEAD, self._every / 2)
        due = time.monotonic() + self._every
        if self._stop.wait(self._every - lead):
            return
        try:
            with _Gate.shut():
                readings = self._open_readings()
                readings.take()
        except Exception as error:  # a library that is broken or not there
            self._note(f"cannot measure the machine: {error or type(error).__name__}")
            return
        with contextlib.closing(readings):
            # Loading a library takes long where Python is busy.
            self._sample(readings, max(due, time.monotonic() + lead))

    def _sample(self, readings: Readings, due: float) -> None:
        number = 0
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            with _Gate.shut():
                values = readings.take()
            if not self._write(values, number):
                return
            number += 1
            # After a suspended night, or a driver that took its time, what was missed is not made up for.
            due = max(due + self._every, time.monotonic())

    def _write(self, values: Mapping[str, float], number: int) -> bool:
        """Write one sample; False when there is nothing to be written any more."""
        with self._lock:
            if self._stop.is_set():
                return False
            try:
                journal = self._journal = self._journal or Journal(self.path, self._rank, on_trouble=self._on_trouble)
            except OSError as error:
                self._on_trouble("", error)
                return False
            journal.append_all(values, number)
        return True

    def _on_trouble(self, _key: str, error: Exception) -> None:
        self._note(f"how the machine does is not recorded: {getattr(error, 'strerror', None) or error}")


class _Gate:
    """Keeps this process from being forked during a reading.

    A forked child has one thread, and whatever lock another thread held stays locked in it: that of a module that is
    being imported, or one inside a driver's library. A fork therefore waits for the reading, some milliseconds.
    """

    _lock = threading.Lock()
    _fork = threading.local()
    """Whether the fork that a thread is at holds the lock: several threads may be at one."""
    _answers = True
    """The last fork that waited for a reading saw it end."""
    _installed = False

    @classmethod
    def install(cls) -> None:
        """Have forks wait, from now on."""
        if not cls._installed:
            cls._installed = True
            os.register_at_fork(before=cls._before, after_in_parent=cls._after, after_in_child=cls._in_child)

    @classmethod
    def shut(cls) -> threading.Lock:
        """Return what is to be held during a reading."""
        return cls._lock

    @classmethod
    def _before(cls) -> None:
        # Whoever waited in vain did so for all: a thousand forks must not wait for one driver that hangs.
        cls._fork.held = cls._lock.acquire(timeout=_PATIENCE if cls._answers else 0)
        cls._answers = cls._fork.held

    @classmethod
    def _after(cls) -> None:
        if cls._fork.held:
            cls._lock.release()

    @classmethod
    def _in_child(cls) -> None:
        cls._lock, cls._answers = threading.Lock(), True
