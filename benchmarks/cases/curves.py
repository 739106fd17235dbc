"""The curves of many runs into one Arrow table, beside plain pyarrow on copies of the same files."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from benchmarks.harness import Bench, Row, interleaved, milliseconds, wall

TITLE = "Curves"
NOTE = (
    "One metric of runs with 10. Plain pyarrow reads files that lie there, one a run, without git and without checking "
    "anything. Warm: libraries imported, runs found, files in the page cache. Cold: a new process that finds the runs."
)
BUDGET_MS = 150
_COLD = "import gtrack; from gtrack.curve_tables import curves; curves(gtrack.search_runs(), 'val_loss')"


def measure(bench: Bench) -> list[Row]:
    """Return a row for a process that is warm and one for a new process."""
    runs, points = 100, bench.size(1_000, 100)
    repo, env = bench.repository("curves"), bench.env(GTRACK_CODE="off")
    bench.work("populate_many", repo, env=env, runs=runs, points=points, metrics=10)
    subprocess.run(["git", "gc", "-q"], cwd=repo, env=env, check=True)
    rounds = bench.size(15, 3)
    warm = bench.work("read_curves", repo, env=env, rounds=rounds, key="val_loss", points=runs * points)
    ours, plain = median(warm["gtrack"]), median(warm["plain"])
    cold = interleaved(
        bench.size(7, 2),
        gtrack=lambda: wall([sys.executable, "-c", _COLD], repo, env),
        arrow=lambda: wall([sys.executable, "-c", "import pyarrow.parquet, pyarrow.compute"], repo, env),
    )
    whole, arrow = median(cold["gtrack"]), median(cold["arrow"])
    what = f"one key of {runs} runs x {points:,} points"
    return [
        Row(
            f"{what}, warm",
            milliseconds(ours),
            f"plain pyarrow on files: {milliseconds(plain)}",
            f"{ours / plain:.1f}x",
            f"<= {BUDGET_MS} ms",
            ours * 1000 <= BUDGET_MS,
        ),
        Row(
            f"{what}, cold process, search included",
            milliseconds(whole),
            f"import pyarrow.parquet alone: {milliseconds(arrow)}",
            f"{whole / arrow:.1f}x",
        ),
    ]
