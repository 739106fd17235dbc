"""Which process is which: identities that survive reboots and reused process ids."""

from __future__ import annotations

import os
import sys

from gtrack.capture.files import read_bytes, read_text

__all__ = [
    "boot_id",
    "is_running",
    "launching_process",
    "pid_exists",
    "pid_namespace",
    "process_identity",
    "process_started",
]

_GONE = frozenset("ZXx")  # zombie and dead: such a process never runs again


def boot_id(root: str = "/") -> str | None:
    """Return the id of this boot of the machine, shared by all its containers, or None where there is none."""
    if sys.platform == "darwin":
        from gtrack.capture.darwin import sysctl

        return sysctl("kern.bootsessionuuid")
    text = read_text(root, "proc/sys/kernel/random/boot_id")
    return (text or "").strip() or None


def pid_namespace(root: str = "/") -> int | None:
    """Return the inode of this process's pid namespace, or None where the kernel shows none."""
    try:
        target = os.readlink(os.path.join(root, "proc/self/ns/pid"))  # pid:[4026531836]
        return int(target.partition("[")[2].rstrip("]"))
    except (OSError, ValueError):
        return None


def _stat(pid: int, root: str) -> list[str] | None:
    """Return the fields of ``/proc/<pid>/stat`` from the third (state) on, as numbered in proc(5)."""
    text = read_text(root, f"proc/{pid}/stat")
    # The second field is the command's name in parentheses, and may hold spaces and parentheses of its own.
    fields = (text or "").rpartition(")")[2].split()
    return fields if len(fields) >= 20 else None


def process_started(pid: int, root: str = "/") -> int | None:
    """Return when a process started, or None where it does not exist, has ended, or cannot be seen.

    Args:
        pid: The process id.
        root: The directory that stands for ``/``.

    Returns:
        Clock ticks since boot on Linux, microseconds since the epoch on macOS: comparable with another answer for
        the same pid on the same boot, and with nothing else.
    """
    if sys.platform == "darwin":
        from gtrack.capture.darwin import process_started as darwin_started

        return darwin_started(pid)
    fields = _stat(pid, root)
    if fields is None or fields[0] in _GONE or not fields[19].isdecimal():
        return None
    return int(fields[19])


def pid_exists(pid: int, root: str = "/") -> bool:
    """Tell whether a process of this id runs now, be it of another user; a zombie does not run."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it is there, and not ours
    fields = _stat(pid, root)
    return fields is None or fields[0] not in _GONE


def is_running(pid: int, started: int | None, root: str = "/") -> bool:
    """Tell whether the very process that was seen with this pid and start time still runs.

    Args:
        pid: The process id.
        started: What :func:`process_started` said of it then; None compares the pid alone.
        root: The directory that stands for ``/``.
    """
    now = process_started(pid, root)
    if now is not None and started is not None:
        return now == started
    return pid_exists(pid, root)


def process_identity(pid: int, root: str = "/") -> tuple[str, ...] | None:
    """Return what names one process among all that ever ran: boot, pid namespace, pid, start time.

    Returns:
        Four strings, or None where the boot or the start time is unknown, as then a later process could share them.
    """
    boot, started = boot_id(root), process_started(pid, root)
    if boot is None or started is None:
        return None
    return boot, str(pid_namespace(root) or ""), str(pid), str(started)


def launching_process(variable: str, root: str = "/") -> int:
    """Return the pid of the nearest ancestor that was not itself given ``variable``.

    A launcher sets the rank's variables for its children alone, and a wrapper script between it and us inherits them;
    so this is the launcher, the same process for all its ranks, where the parent might be each rank's own shell.

    Args:
        variable: An environment variable that the launcher sets for every process it starts.
        root: The directory that stands for ``/``.
    """
    mark = variable.encode() + b"="
    pid = os.getppid()
    for _ in range(32):  # a bound against a damaged table of processes
        environment = read_bytes(root, f"proc/{pid}/environ", 1 << 20) or b""
        given = any(entry.startswith(mark) for entry in environment.split(b"\0"))
        fields = _stat(pid, root)
        if not given or fields is None or not fields[1].isdecimal() or fields[1] == "0":
            break
        pid = int(fields[1])
    return pid
