"""``gtrack ls`` in a cold process, beside bare Python and ``git log``."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from benchmarks.harness import Bench, Row, interleaved, milliseconds, wall

TITLE = "Listing"
NOTE = "Fresh processes, in turns; files in the page cache. There is no index yet: every run is read from git."


def measure(bench: Bench) -> list[Row]:
    """Return a row for a sorted listing of all runs there are, read from git without an index."""
    runs = bench.size(1_000, 100)
    repo, env = bench.repository("listed"), bench.env(GTRACK_CODE="off")
    bench.work("populate", repo, env=env, runs=runs, points=1, metrics=10)
    list_all = [sys.executable, "-m", "gtrack", "ls", "--sort", "metric_0", "-n", "20"]
    rows = []
    for state in ("loose", "packed"):
        if state == "packed":
            subprocess.run(["git", "gc", "-q"], cwd=repo, env=env, check=True)
        times = interleaved(
            bench.size(9, 3),
            bare=lambda: wall([sys.executable, "-c", "pass"], repo, env),
            ls=lambda: wall(list_all, repo, env),
            git=lambda: wall(["git", "log", "--format=%s", "gtrack"], repo, env),
        )
        ls, bare, git = median(times["ls"]), median(times["bare"]), median(times["git"])
        rows.append(
            Row(
                f"`gtrack ls --sort` of {runs:,} runs, {state} objects",
                milliseconds(ls),
                f"git log: {milliseconds(git)}, python -c pass: {milliseconds(bare)}",
                f"{ls / git:.0f}x",
            )
        )
    return rows
