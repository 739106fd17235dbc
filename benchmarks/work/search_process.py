"""Run a command, and print the seconds it took and the most memory that it or a child of it has had resident.

A process apart, since what a parent has resident when it starts a child is counted as the child's, see getrusage(2).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from time import perf_counter

from search_clock import MIB


def main(argv: list[str]) -> None:
    """Run it; it has to succeed."""
    began = perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    seconds = perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MIB}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
