"""The ledger one process writes beside its journal: params, tags, notes and the end, one JSON object a line.

Every line is one ``os.write``, so what was logged before a SIGKILL is there, and a torn last line is told by its
missing newline.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping

from gtrack.clock import now_ns
from gtrack.format.plain import decode_line, encode_line
from gtrack.spool.files import create_append_only

__all__ = ["Ledger", "first_entry", "read_ledger"]

_LIMIT = 256 << 20
_FIRST_LINE = 64 << 10


class Ledger:
    """Append-only facts of one process. Safe across threads.

    Args:
        path: The file to create; it must not exist.

    Raises:
        OSError: The file cannot be created.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._fd = create_append_only(path)

    def append(self, kind: str, fields: Mapping[str, object]) -> None:
        """Write one line; when this returns, a SIGKILL cannot lose it.

        Args:
            kind: What the line is: ``params``, ``tags``, ``note``, ``end``, ...
            fields: Plain JSON-like values.

        Raises:
            OSError: The disk is full, or the ledger is closed.
        """
        line = encode_line({"at": now_ns() // 1000, "kind": kind, **fields})
        with self._lock:
            written = os.write(self._fd, line)
            try:
                while written < len(line):
                    written += os.write(self._fd, line[written:])
            except OSError:
                # Take the torn line back, or the next one would be glued to it.
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                raise

    def sync(self) -> None:
        """Ask the disk to keep what was written, against power loss."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def abandon_in_child(self) -> None:
        """Close the descriptor in a forked child, where the parent's lock may hold whatever state."""
        fd, self._fd = self._fd, -1
        self._lock = threading.RLock()
        if fd >= 0:
            os.close(fd)


def read_ledger(path: str) -> Iterator[dict[str, object]]:
    """Yield the whole lines of a ledger; a torn or foreign line is passed over."""
    with open(path, "rb") as file:
        data = file.read(_LIMIT)
    whole, _, _ = data.rpartition(b"\n")
    for line in whole.split(b"\n"):
        entry = decode_line(line)
        if entry is not None and isinstance(entry.get("kind"), str):
            yield entry


def first_entry(path: str) -> dict[str, object] | None:
    """Return the first line of a ledger, which says who writes it; None when there is none."""
    try:
        with open(path, "rb") as file:
            line = file.readline(_FIRST_LINE)
    except OSError:
        return None
    return decode_line(line[:-1]) if line.endswith(b"\n") else None
