"""Whether the process that wrote a journal may still write: by its lock, and by who it was."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache

from gtrack.capture.process import boot_id, is_running, pid_namespace, process_started

__all__ = ["Identity", "is_alive", "is_held", "this_process"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: pids repeat, so boot, pid namespace and start time belong to it.

    Attributes:
        pid: The process id, in its own pid namespace.
        started: Its start in clock ticks since boot, or None where that cannot be told.
        boot: The boot id of its machine, or None.
        namespace: The inode of its pid namespace, or None.
        host: Its host name, to show.
        locked: Whether it got the lock on its journal; some network disks have none.
    """

    pid: int
    started: int | None
    boot: str | None
    namespace: int | None
    host: str
    locked: bool = True

    def to_dict(self) -> dict[str, object]:
        """Return the identity as a map."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Identity | None:
        """Read what :meth:`to_dict` gave; None when it is not an identity."""
        pid, started, boot, namespace = (data.get(k) for k in ("pid", "started", "boot", "namespace"))
        if not isinstance(pid, int):
            return None
        return cls(
            pid=pid,
            started=started if isinstance(started, int) else None,
            boot=boot if isinstance(boot, str) else None,
            namespace=namespace if isinstance(namespace, int) else None,
            host=str(data.get("host", "")),
            locked=data.get("locked") is not False,
        )


def this_process(*, locked: bool = True) -> Identity:
    """Return the identity of the calling process."""
    pid = os.getpid()
    boot, namespace, host = _machine()
    return Identity(pid, process_started(pid), boot, namespace, host, locked)


@lru_cache(maxsize=1)
def _machine() -> tuple[str | None, int | None, str]:
    return boot_id(), pid_namespace(), os.uname().nodename


def is_alive(journal: str, writer: Identity | None) -> bool:
    """Tell whether a journal's writer may still write to it.

    A free lock means it is done. A held lock means it lives, unless its process is provably gone: a child that was
    forked behind Python's back inherits the lock. Without locks the process itself is looked at, and a writer on
    another machine is taken to live.

    Args:
        journal: Path of the journal.
        writer: Who wrote it, or None when not known.
    """
    held = is_held(journal)
    gone = writer is not None and _is_gone(writer)
    if held is None or (writer is not None and not writer.locked):
        return not gone
    return held and not gone


def is_held(path: str) -> bool | None:
    """Tell whether somebody holds the lock on a journal; None when that cannot be told."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    else:
        return False
    finally:
        os.close(fd)


def _is_gone(writer: Identity) -> bool:
    """True when the process certainly does not exist any more."""
    boot, namespace, _ = _machine()
    if writer.boot is None or writer.boot != boot or writer.namespace != namespace:
        return False
    return not is_running(writer.pid, writer.started)
