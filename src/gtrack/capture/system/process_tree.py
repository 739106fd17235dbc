"""What the run's processes use: its own process and all below it, such as workers that load data."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gtrack.capture.files import read_text
from gtrack.capture.launcher import Launcher
from gtrack.capture.process import launching_process

__all__ = ["ProcessTree", "root_of_run"]

_SPARING = 400.0
"""How many times as long as looking for processes took, in CPU time, gtrack waits before it looks again."""
_PATIENT = 20.0
"""Likewise by the clock: where Python is busy, each file costs a wait for the interpreter."""
_VARIABLES = {
    "torchrun": "TORCHELASTIC_RUN_ID",
    "mpi": "OMPI_COMM_WORLD_RANK",
    "slurm": "SLURM_PROCID",
    "distributed": "RANK",
}
"""What a launcher sets for its ranks alone."""
_INIT = ("init", "systemd")


def root_of_run(launcher: Launcher | None) -> int:
    """Return the process whose tree is the run on this machine: the launcher of all its ranks here, else this one.

    Args:
        launcher: What started this process.
    """
    variable = _VARIABLES.get(launcher.kind) if launcher is not None and launcher.rank is not None else None
    if variable is None:
        return os.getpid()
    pid = launching_process(variable)
    # In a container the launcher may well be its first process; elsewhere that one is everybody's.
    first = pid <= 1 and (read_text("/", "proc/1/comm") or "init").strip() in _INIT
    return os.getpid() if first or pid <= 0 else pid


@dataclass(slots=True)
class _Use:
    """What a process has used up to now: its own seconds of CPU, those of the children it waited for, and bytes."""

    own: float
    waited: float
    read: float | None
    written: float | None
    memory: int


class ProcessTree:
    """A process and all that descend from it.

    Looking for new processes means looking at all of the machine's: the longer that takes, the more seldom it is done.

    Args:
        pid: The process.
    """

    def __init__(self, pid: int) -> None:
        import psutil

        self._psutil = psutil
        self._root = psutil.Process(pid)
        self._tree: list[Any] = []
        self._look_again = float("-inf")
        self._looked_at = 0.0
        self._last: dict[Any, _Use] = {}
        self._read_at: float | None = None

    def read(self, now: float) -> Mapping[str, float]:
        """Return CPU, memory, count and traffic of the processes that there are.

        Raises:
            psutil.NoSuchProcess: The first of them has ended.
        """
        since = self._look(now) if now >= self._look_again else now
        uses = {process: use for process in self._tree if (use := self._use(process)) is not None}
        found = {
            "process_memory_rss_megabytes": sum(use.memory for use in uses.values()) / 1e6,
            "process_count": float(len(uses)),
        }
        if self._read_at is not None and now > self._read_at:
            elapsed = now - self._read_at
            # Of a process found just now we know that it began after we had looked the last time.
            share = elapsed / (now - since) if since < self._read_at else 1.0
            found.update(self._rates(uses, elapsed, share))
        self._last, self._read_at = uses, now
        return found

    def _look(self, now: float) -> float:
        """Look for processes; return when that was done before."""
        began, worked = time.monotonic(), time.thread_time()
        self._tree = [self._root, *self._root.children(recursive=True)]
        pause = max((time.monotonic() - began) * _PATIENT, (time.thread_time() - worked) * _SPARING)
        before, self._looked_at, self._look_again = self._looked_at, now, now + pause
        return before

    def _use(self, process: Any) -> _Use | None:
        """Return what a process has used; None where it is gone, or is not ours to look at."""
        try:
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info().rss
        except (self._psutil.Error, OSError):
            return None
        waited = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        read = written = None
        try:
            traffic = process.io_counters()
            read, written = traffic.read_bytes, traffic.write_bytes
        except (self._psutil.Error, OSError, AttributeError, NotImplementedError):
            pass  # another user's process; macOS tells of none
        return _Use(times.user + times.system, waited, read, written, memory)

    def _rates(self, uses: Mapping[Any, _Use], elapsed: float, share: float) -> dict[str, float]:
        """Return rates since the last reading.

        Args:
            uses: What each process has used.
            elapsed: Seconds since then.
            share: How much counts of what new processes have used.
        """
        cpu = waited = read = written = 0.0
        for process, use in uses.items():
            before = self._last.get(process)
            part = share if before is None else 1.0
            before = before or _Use(0.0, 0.0, 0.0, 0.0, 0)
            cpu += part * (use.own - before.own)
            waited += part * (use.waited - before.waited)
            read += part * ((use.read or 0.0) - (before.read or 0.0))
            written += part * ((use.written or 0.0) - (before.written or 0.0))
        # A process that ended is found again in what its parent waited for, together with those nobody ever saw.
        ended = sum(use.own + use.waited for process, use in self._last.items() if process not in uses)
        cpu += max(0.0, waited - ended)
        found = {"process_cpu_percentage": 100.0 * max(0.0, cpu) / elapsed}
        if any(use.read is not None for use in uses.values()):
            found["process_disk_read_megabytes_per_second"] = max(0.0, read) / 1e6 / elapsed
            found["process_disk_write_megabytes_per_second"] = max(0.0, written) / 1e6 / elapsed
        return found
