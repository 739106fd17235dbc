"""Starting and finishing a run: with a snapshot of 5,000 files, and without."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.harness import Bench, Row, milliseconds

TITLE = "Start and finish"
NOTE = (
    "20 params and 10 metrics of 10 values. Medians from the second run of a process on; the sum is a median of sums."
)


def measure(bench: Bench) -> list[Row]:
    """Return rows for the second and later runs of a process, and for the first finish."""
    runs = bench.size(21, 6)
    large = bench.repository("large", modules=bench.size(5_000, 1_000))
    files = f"{bench.size(5_000, 1_000):,}-file repo"
    with_snapshot = bench.work("cycle", large, runs=runs, git_status=True)
    # An uncommitted edit: its tree is not HEAD's, and has to be written.
    edited = large / "package_000" / "module_00000.py"
    edited.write_text(edited.read_text() + "# an edit\n")
    dirty = bench.work("cycle", large, runs=runs, git_status=True)
    without = bench.work("cycle", large, env=bench.env(GTRACK_CODE="off"), runs=runs, git_status=True)
    nowhere = bench.work("cycle", bench.directory("nowhere"), runs=runs, git_status=False)
    first = with_snapshot["finish"][0]
    return [
        _later(f"start + finish, snapshot, {files}", with_snapshot, 0.060),
        _later(f"start + finish, snapshot, {files}, edited", dirty, 0.060),
        _later("start + finish, `GTRACK_CODE=off`", without, 0.015),
        _later("start + finish, no repository", nowhere, 0.015),
        Row("first start in a process, snapshot", milliseconds(with_snapshot["start"][0])),
        Row("first finish in a process", milliseconds(first), budget="<= 600 ms", passed=first <= 0.6),
    ]


def _later(what: str, answer: dict[str, Any], budget: float) -> Row:
    start, finish = median(answer["start"][1:]), median(answer["finish"][1:])
    both = median(a + b for a, b in zip(answer["start"][1:], answer["finish"][1:], strict=True))
    status = median(answer["git_status"]) if answer["git_status"] else None
    return Row(
        what,
        f"{milliseconds(both)} ({milliseconds(start)} + {milliseconds(finish)})",
        f"git status: {milliseconds(status)}" if status else "",
        f"{both / status:.1f}x" if status else "",
        f"<= {milliseconds(budget)}",
        both <= budget,
    )
