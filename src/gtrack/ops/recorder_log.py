"""What detached processes have to say: in a file of bounded size, since nobody sees their output."""

from __future__ import annotations

import contextlib
import os

from gtrack.clock import iso, now_ns

__all__ = ["note"]

_LIMIT = 128 << 10
_LINE = 1000


def note(home: str, text: str) -> None:
    """Add a line to ``recorder.log``; where that cannot be, nothing happens.

    Args:
        home: gtrack's folder in the repository; it is not made anew, for the repository may have been removed.
        text: One sentence.
    """
    path = os.path.join(home, "recorder.log")
    line = f"{iso(now_ns() // 1000)} {os.getpid()} {' '.join(text.split())[:_LINE]}\n"
    with contextlib.suppress(OSError):
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_size > _LIMIT:
                os.replace(path, path + ".old")
        fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, line.encode("utf-8", "replace"))
        finally:
            os.close(fd)
