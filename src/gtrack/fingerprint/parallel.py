"""How many threads hash at once: hashing lets go of the interpreter."""

from __future__ import annotations

import os

__all__ = ["processors"]

_MOST = 4


def processors() -> int:
    """Return how many threads are worth it: as many as there are processors for this process, four at most."""
    try:
        return min(_MOST, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS
        return min(_MOST, os.cpu_count() or 1)
