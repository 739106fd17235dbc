"""Search the runs of the repository from within Python, first and again; prints what search_clock.py says."""

from __future__ import annotations

import json
import sys
from time import perf_counter

from search_clock import say_search
from search_facts import LIMIT, ORDER, WHERE


def main(rounds: int) -> None:
    """Search once, and then that many times."""
    began = perf_counter()
    from gtrack import search_runs

    imported = perf_counter() - began

    def names() -> list[str]:
        return [run.name for run in search_runs(WHERE, order_by=[ORDER], max_results=LIMIT)]

    say_search(imported, names, rounds=rounds)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
