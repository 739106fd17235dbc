"""The first ``gtrack ls`` of a repository, which makes the index, beside bare Python and ``git log``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.harness import Bench, Row, interleaved, milliseconds, wall

TITLE = "Listing"
NOTE = """\
Runs recorded one by one, as a training does it. Fresh processes, in turns; files in the page cache. Without an index,
which is made anew each time, and with one; what an index costs and saves with very many runs: see Searching."""

_LS = (sys.executable, "-m", "gtrack", "ls", "--sort", "-metrics.metric_0", "-n", "20")


def measure(bench: Bench) -> list[Row]:
    """Return rows for a sorted listing of all runs there are, with loose and with packed objects."""
    runs = bench.size(1_000, 100)
    repo, env = bench.repository("listed"), bench.env(GTRACK_CODE="off")
    bench.work("populate", repo, env=env, runs=runs, points=1, metrics=10)
    rows = _rows(bench, repo, f"{runs:,} runs, loose objects")
    subprocess.run(["git", "gc", "-q"], cwd=repo, env=env, check=True)
    return rows + _rows(bench, repo, f"{runs:,} runs, packed objects")


def _rows(bench: Bench, repo: Path, what: str) -> list[Row]:
    env = bench.env()

    def first() -> float:
        for path in (repo / ".git" / "gtrack").glob("index-v*.sqlite*"):
            path.unlink()
        return wall(_LS, repo, env)

    def later() -> float:
        wall(_LS, repo, env)
        return wall(_LS, repo, env)

    times = interleaved(
        bench.size(9, 3),
        first=first,
        later=later,
        bare=lambda: wall([sys.executable, "-c", "pass"], repo, env),
        git=lambda: wall(["git", "log", "--format=%s", "gtrack"], repo, env),
    )
    bare, git = median(times["bare"]), median(times["git"])
    beside = f"git log: {milliseconds(git)}, python -c pass: {milliseconds(bare)}"
    return [
        Row(f"{name} `gtrack ls --sort` of {what}", milliseconds(took), beside, f"{took / git:.1f}x")
        for name, took in (("first", median(times["first"])), ("later", median(times["later"])))
    ]
