"""What SIGKILL costs: values whose log call had returned, and that cannot be read back."""

from __future__ import annotations

from benchmarks.harness import Bench, Row
from benchmarks.trackers import GTRACK, killed, moments

TITLE = "Loss on SIGKILL"
NOTE = "Each log call that returns is acknowledged through a pipe; what was acknowledged is then read from the branch."


def measure(bench: Bench) -> list[Row]:
    """Return a row for 1,000 values a second, and one for full speed."""
    rows = []
    for rate, what in ((1000, "1,000 values/s"), (0, "full speed")):
        heard = [
            killed(bench, GTRACK, rate=rate, seconds=seconds)
            for seconds in moments(bench.size(12, 2), bench.size(4, 1))
        ]
        acknowledged = sum(calls for calls, _ in heard)
        lost = sum(max(0, calls - read) for calls, read in heard)
        # One value more can be there: written, and killed before it was acknowledged.
        sound = all(calls <= read <= calls + 1 for calls, read in heard) and acknowledged > 0
        rows.append(
            Row(
                f"{len(heard)} kills at random moments, {what}",
                f"{lost} lost of {acknowledged:,}",
                budget="none",
                passed=sound,
            )
        )
    return rows
