"""How a search is timed within a process, the same for every tracker. Of the standard library alone."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

MIB = 1024 if sys.platform == "linux" else 1 << 20
"""How much of ``ru_maxrss`` is a MiB: it counts KiB on Linux, bytes on macOS."""


def say_search(imported: float, search: Callable[[], list[str]], *, rounds: int) -> None:
    """Search again and again, and print how long it took and what was found.

    Args:
        imported: The seconds that the imports took.
        search: Returns the names of the runs found.
        rounds: How often to search after the first time.
    """
    began = perf_counter()
    names = search()
    first, times = perf_counter() - began, []
    for _ in range(rounds):
        began = perf_counter()
        assert search() == names
        times.append(perf_counter() - began)
    warm = median(times) if times else None
    print(json.dumps({"import": imported, "first": first, "warm": warm, "peak": peak(), "names": names}))


def peak() -> float:
    """Return the most memory that this process has had resident, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
