"""A log call beside a bare write of 32 bytes."""

from __future__ import annotations

from statistics import median

from benchmarks.harness import Bench, Row

TITLE = "Log calls"
NOTE = "Turns of both loops in one process; the ratio is the median of the turns' ratios. The code is not kept."


def measure(bench: Bench) -> list[Row]:
    """Return rows for one value, one value without a step, and a dict of ten."""
    answer = bench.work(
        "log_calls",
        bench.repository("log"),
        env=bench.env(GTRACK_CODE="off"),
        calls=bench.size(20_000, 4_000),
        rounds=bench.size(25, 7),
    )
    bare = median(answer["bare"])
    beside = f"os.write of 32 bytes: {bare:.2f} us"

    def ratio(name: str) -> float:
        ratios: list[float] = [mine / other for mine, other in zip(answer[name], answer["bare"], strict=True)]
        return median(ratios)

    one, implicit, ten = (median(answer[name]) for name in ("one", "implicit", "ten"))
    p99 = answer["latency"][0]
    return [
        Row(
            "`log_metric(key, value, step)`",
            f"{one:.2f} us (p99 {p99:.1f})",
            beside,
            f"{ratio('one'):.2f}x",
            "<= 2x",
            ratio("one") <= 2,
        ),
        Row("`log_metric(key, value)`", f"{implicit:.2f} us", beside, f"{ratio('implicit'):.2f}x"),
        Row("`log({10 metrics})`", f"{ten:.2f} us", beside, f"{ratio('ten'):.2f}x", "<= 5 us", ten <= 5),
    ]
