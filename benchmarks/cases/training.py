"""Promise 1, training is never hurt: the processor time of a training of 100 steps a second, with and without gtrack.

All processes count, those included that gtrack starts and that outlive the training. Four trainings live side by side
and take turns, a second each: two without gtrack, one with it, one whose values are committed while it runs. So what
else the machine does in these seconds hits all four, and what the two without gtrack differ by is what the measurement
cannot tell apart. Processor time is taken over whole rounds: what gtrack does while others have their turn counts too.
What a run costs once (imports, start, finish) is measured apart, by trainings that end at once.

Two processes that do the same differ by a percent here, which is more than there is to be seen. So what gtrack does is
also added up where it is done: the log calls in the training's thread, its other threads, its other processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import fmean, median
from types import TracebackType
from typing import Any

from benchmarks.harness import HERE, Bench, Row, bootstrap, milliseconds

TITLE = "Training with and without gtrack"
NOTE = """\
One processor busy at 100 steps a second, four metrics a step, the console kept, every process counted. Four trainings
take turns, a second each; medians over the rounds and their 95 % bootstrap intervals."""
_STEP = 0.010
_BLOCK = 100
"""Steps of one turn: a second."""
_WARM_UP = 3
"""Rounds that do not count: the recorder starts, the processor finds its pace."""


class _Training:
    """A training under a meter.

    Args:
        bench: The benchmarks.
        work: How much work a step is.
        tracked: With gtrack.
        extra: Environment variables.
    """

    def __init__(self, bench: Bench, work: int, *, tracked: bool, **extra: str) -> None:
        options = json.dumps({"work": work, "tracked": tracked})
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "work" / "meter.py"), options],
            cwd=bench.repository("training"),
            env=bench.env(**extra),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> _Training:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.end()

    def go_on(self, steps: int) -> dict[str, Any]:
        """Train some steps; returns the processor time so far, and the time of the median step."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> float:
        """End the training, and return the processor time of its whole life, in seconds."""
        out, _ = self._process.communicate(timeout=120)
        if self._process.returncode:
            raise subprocess.CalledProcessError(self._process.returncode, self._process.args)
        return float(json.loads(out.splitlines()[-1])["cpu"])


@dataclass
class _Rounds:
    """What the rounds came to, as shares of what the trainings without gtrack used in the same round.

    Attributes:
        control: By how much the two trainings without gtrack differ.
        plain: What gtrack costs.
        segments: What it costs with a segment a second.
        slower: By how much the median step takes longer.
        seconds: The processor time of a turn without gtrack.
    """

    control: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    segments: list[float] = field(default_factory=list)
    slower: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, cpu: Mapping[str, float], step: Mapping[str, float]) -> None:
        """Take in one round."""
        own = fmean((cpu["bare"], cpu["control"]))
        self.control.append(cpu["control"] / cpu["bare"] - 1)
        self.plain.append(cpu["plain"] / own - 1)
        self.segments.append(cpu["segments"] / own - 1)
        self.slower.append(step["plain"] / fmean((step["bare"], step["control"])) - 1)
        self.seconds.append(own)


def measure(bench: Bench) -> list[Row]:
    """Return rows for the processor time and the step time, with and without segments in mid-run."""
    work = _calibrate(bench)
    rounds = _take_turns(bench, work)
    # A segment a round is one a second of training: of those, ten minutes have 600.
    seldom = [plain + (each - plain) / 600 for plain, each in zip(rounds.plain, rounds.segments, strict=True)]
    cost = [
        (each - plain) * own for plain, each, own in zip(rounds.plain, rounds.segments, rounds.seconds, strict=True)
    ]
    beside = "the same training without gtrack"
    itself = f"{beside}, against itself: {_interval(rounds.control)}"
    once = {every: _once(bench, work, every) for every in ("", "1s")}
    return [
        *(_accounted(bench, work, every) for every in ("10m", "1s")),
        _row("processor time of all processes", rounds.plain, itself, budget=True),
        _row("processor time of all processes, `GTRACK_SEGMENT_EVERY=10m`", seldom, itself, budget=True),
        _row("processor time of all processes, `GTRACK_SEGMENT_EVERY=1s`", rounds.segments, itself),
        Row(
            "processor time of one segment in mid-run",
            milliseconds(median(cost)),
            f"every 10 minutes: {median(cost) / 600:.4%}",
        ),
        Row("once a run", milliseconds(once[""]), beside),
        Row("once a run, with a process that commits segments", milliseconds(once["1s"]), beside),
        _row("median step", rounds.slower, beside),
    ]


def _take_turns(bench: Bench, work: int) -> _Rounds:
    out = _Rounds()
    count = bench.size(100, 4) + _WARM_UP
    bench.log(f"  training: {count} rounds of 4 x {_BLOCK} steps")
    with ExitStack() as stack:
        trainings = {
            "bare": _Training(bench, work, tracked=False),
            "plain": _Training(bench, work, tracked=True),
            "segments": _Training(bench, work, tracked=True, GTRACK_SEGMENT_EVERY=f"{4 * _BLOCK * _STEP}s"),
            "control": _Training(bench, work, tracked=False),
        }
        for training in trainings.values():
            stack.enter_context(training)
        before = {name: training.go_on(_BLOCK)["cpu"] for name, training in trainings.items()}
        for number in range(count):
            # Whoever goes first in one round goes last in the next.
            names = list(trainings)[:: 1 if number % 2 else -1]
            answers = {name: trainings[name].go_on(_BLOCK) for name in names}
            used = {name: answers[name]["cpu"] - before[name] for name in names}
            before = {name: answers[name]["cpu"] for name in names}
            if number >= _WARM_UP:
                out.add(used, {name: answers[name]["step"] for name in names})
    return out


def _accounted(bench: Bench, work: int, every: str) -> Row:
    """Return what the log calls and everything beside the training take, as a share of its own time."""
    steps = bench.size(3000, 500)
    env = bench.env(GTRACK_SEGMENT_EVERY=every)
    repo = bench.repository("accounted")
    took = bench.work("accounted", repo, env=env, steps=steps, warm_up=300, work=work)
    calls, beside = (took[name] / took["training"] for name in ("calls", "beside"))
    return Row(
        f"what gtrack does, added up, `GTRACK_SEGMENT_EVERY={every}`",
        f"{calls + beside:+.2%}",
        f"log calls {calls:.2%}, threads and processes beside it {beside:.2%} of the training's processor time",
        f"{1 + calls + beside:.4f}x",
        *(("< 1 %", calls + beside < 0.01) if every == "10m" else ()),
    )


def _once(bench: Bench, work: int, every: str) -> float:
    """Return the seconds that gtrack adds to a training of a moment."""

    def train(*, tracked: bool) -> float:
        with _Training(bench, work, tracked=tracked, **({"GTRACK_SEGMENT_EVERY": every} if every else {})) as training:
            training.go_on(250 if every else 2)  # long enough for a first segment
            return training.end()

    return median(train(tracked=True) - train(tracked=False) for _ in range(bench.size(5, 1)))


def _row(what: str, samples: Sequence[float], beside: str, *, budget: bool = False) -> Row:
    share, low, high = bootstrap(samples)
    # An interval that holds the budget proves neither.
    passed = True if high < 0.01 else False if low > 0.01 else None
    text, ratio = _interval(samples), f"{1 + share:.4f}x"
    return Row(what, text, beside, ratio, "< 1 %", passed) if budget else Row(what, text, beside, ratio)


def _interval(samples: Sequence[float]) -> str:
    middle, low, high = bootstrap(samples)
    return f"{middle:+.2%} [{low:+.2%}, {high:+.2%}]"


def _calibrate(bench: Bench) -> int:
    """Return how much work makes a step of ten milliseconds on this machine."""
    work = 10
    for _ in range(3):
        with _Training(bench, work, tracked=False) as training:
            work = max(1, round(work * _STEP / training.go_on(60)["step"]))
    return work
