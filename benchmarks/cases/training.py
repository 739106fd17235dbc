"""Promise 1, training is never hurt: the processor time of a training of 100 steps a second, with and without gtrack.

All processes count, those included that gtrack starts and that outlive the training. What a run costs once (imports,
start, finish) is measured by trainings of two steps, and reported apart from what it costs all the time. Every training
with gtrack has one without before and one after: what these two differ by is what the measurement cannot tell apart.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.harness import HERE, Bench, Row, ask, bootstrap, milliseconds, work_command

TITLE = "Training with and without gtrack"
NOTE = """\
One processor busy at 100 steps a second, four metrics a step, the console kept, every process counted. Medians and
their 95 % bootstrap intervals."""
_STEP = 0.010


@dataclass
class _Figures:
    """What some trainings came to.

    Attributes:
        once: Seconds of processor time that a run costs whatever its length.
        share: What it costs all the time, as a share of the training's own processor time.
        control: By how much two trainings without gtrack differ, as a share.
        slower: By how much the median step takes longer, as a share.
        seconds: How long the trainings with gtrack took.
    """

    once: float
    share: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    slower: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def measure(bench: Bench) -> list[Row]:
    """Return rows for the processor time and the step time, with and without segments in mid-run."""
    repo = bench.repository("training")
    work = _calibrate(bench, repo)
    plain = _compare(bench, repo, work, bench.env())
    segments = _compare(bench, repo, work, bench.env(GTRACK_SEGMENT_EVERY="1s"))
    each = (median(segments.share) - median(plain.share)) * _STEP * _steps(bench) / median(segments.seconds)
    return [
        *_rows("", plain),
        *_rows(", `GTRACK_SEGMENT_EVERY=1s`", segments),
        Row("processor time of one segment in mid-run", milliseconds(each), f"of 10 minutes: {each / 600:.3%}"),
    ]


def _compare(bench: Bench, repo: Path, work: int, env: dict[str, str]) -> _Figures:
    steps = _steps(bench)

    def train(number: int, *, tracked: bool) -> dict[str, Any]:
        training = work_command("training", steps=number, work=work, tracked=tracked)
        answer: dict[str, Any] = ask([sys.executable, str(HERE / "work" / "meter.py"), *training], repo, env)
        return answer

    rounds = bench.size(10, 3)
    bench.log(f"  training: {rounds} x 3 trainings of {steps} steps")
    out = _Figures(median(train(2, tracked=True)["cpu"] - train(2, tracked=False)["cpu"] for _ in range(5)))
    before = train(steps, tracked=False)
    for _ in range(rounds):
        mine = train(steps, tracked=True)
        after = train(steps, tracked=False)
        own = fmean((before["cpu"], after["cpu"]))
        out.share.append((mine["cpu"] - out.once) / own - 1)
        out.control.append(after["cpu"] / before["cpu"] - 1)
        out.slower.append(median(mine["answer"]) / fmean(median(b["answer"]) for b in (before, after)) - 1)
        out.seconds.append(mine["wall"])
        before = after
    return out


def _rows(what: str, figures: _Figures) -> list[Row]:
    share, low, high = bootstrap(figures.share)
    control, control_low, control_high = bootstrap(figures.control)
    step, step_low, step_high = bootstrap(figures.slower)
    beside = "the same training without gtrack"
    # An interval that holds the budget proves neither.
    passed = True if high < 0.01 else False if low > 0.01 else None
    return [
        Row(
            f"processor time of all processes{what}",
            f"{share:+.2%} [{low:+.2%}, {high:+.2%}]",
            f"{beside}, against itself: {control:+.2%} [{control_low:+.2%}, {control_high:+.2%}]",
            f"{1 + share:.4f}x",
            "< 1 %",
            passed,
        ),
        Row(f"once a run{what}", milliseconds(figures.once), beside),
        Row(f"median step{what}", f"{step:+.2%} [{step_low:+.2%}, {step_high:+.2%}]", beside, f"{1 + step:.4f}x"),
    ]


def _steps(bench: Bench) -> int:
    return bench.size(800, 300)


def _calibrate(bench: Bench, repo: Path) -> int:
    """Return how much work makes a step of ten milliseconds on this machine."""
    work = 10
    for _ in range(3):
        times = bench.work("training", repo, steps=60, work=work, tracked=False)
        work = max(1, round(work * _STEP / median(times)))
    return work
