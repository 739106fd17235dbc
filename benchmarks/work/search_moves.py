"""What a search costs more when a reference has moved since the last one. Prints median seconds by kind of move.

In one process, warm: a reference goes to and fro between two commits, and each move is followed by two searches. The
second finds nothing new; what the first takes longer is the price of the move.
"""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from time import perf_counter

from search_facts import LIMIT, ORDER, WHERE

import gtrack


def search() -> float:
    """Search, and return the seconds."""
    began = perf_counter()
    found = gtrack.search_runs(WHERE, order_by=[ORDER], max_results=LIMIT)
    assert len(found) == min(LIMIT, found.total)
    return perf_counter() - began


def move(ref: str, commit: str | None) -> float:
    """Move a reference, or remove it; return the seconds that this adds to a search."""
    change = ["update-ref", ref, commit] if commit else ["update-ref", "-d", ref]
    subprocess.run(["git", *change], check=True)
    return search() - search()


def main(ref: str, before: str | None, after: str, rounds: int) -> None:
    """Move a reference forth and back.

    Args:
        ref: Its full name.
        before: The commit it is at; None where it is not there.
        after: The commit that it moves to.
        rounds: How often.
    """
    search()
    moves = [(move(ref, after), move(ref, before)) for _ in range(rounds)]
    forth, back = zip(*moves, strict=True)
    print(json.dumps({"forth": median(forth), "back": median(back)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
