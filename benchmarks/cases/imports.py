"""``import gtrack`` and the smallest commands, beside bare Python."""

from __future__ import annotations

import sys
from statistics import median

from benchmarks.harness import Bench, Row, interleaved, milliseconds, wall

TITLE = "Imports"
NOTE = "Fresh processes, in turns; the median of the differences."


def measure(bench: Bench) -> list[Row]:
    """Return rows of what each adds to a bare interpreter."""
    cwd, env = bench.directory("imports"), bench.env()

    def python(*args: str) -> float:
        return wall([sys.executable, *args], cwd, env)

    times = interleaved(
        bench.size(31, 7),
        bare=lambda: python("-c", "pass"),
        gtrack=lambda: python("-c", "import gtrack"),
        start=lambda: python("-c", "import gtrack; gtrack.start_run"),
        help=lambda: python("-m", "gtrack", "--help"),
    )
    bare = median(times["bare"])
    rows = []
    measured = (
        ("gtrack", "`import gtrack`", 0.050),
        ("start", "`import gtrack; gtrack.start_run`", 0.050),
        ("help", "`gtrack --help`", None),
    )
    for name, what, budget in measured:
        more = median(mine - other for mine, other in zip(times[name], times["bare"], strict=True))
        rows.append(
            Row(
                what,
                f"+ {milliseconds(more)}",
                f"python -c pass: {milliseconds(bare)}",
                f"{(bare + more) / bare:.1f}x",
                f"<= + {milliseconds(budget)}" if budget else "",
                more <= budget if budget else None,
            )
        )
    return rows
