"""The same work for gtrack and its peers, in turns."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.harness import Bench, Row, wall
from benchmarks.trackers import GTRACK, Tracker, available, killed, moments

TITLE = "Beside other trackers"
NOTE = """\
Each tracker in a virtual environment of its own, offline, told the same. gtrack keeps a snapshot of the code and the
environment in start + finish, and commits; the others have no such thing switched on. Its bytes are those of the
packed repository."""

Figures = dict[str, list[float]]
Answers = dict[str, list[dict[str, float]]]


def measure(bench: Bench) -> list[Row]:
    """Return a row for each kind of work and tracker, the ratio being the tracker's figure over gtrack's."""
    trackers, missing = available(bench)
    rounds = bench.size(3, 1)
    rows: list[Row] = []
    imports = _in_turns(trackers, rounds, lambda tracker: _import(bench, tracker))
    rows += _rows("import, over bare python", imports, lambda value: f"+ {value * 1000:.0f} ms")
    bench.log("  peers: log calls")
    seconds = bench.size(2, 1)
    calls = _ask(bench, trackers, "log_calls", rounds, seconds=seconds)
    rows += _rows("log one value, median", _pick(calls, "one"), _microseconds)
    rows += _rows("log ten values, median", _pick(calls, "ten"), _microseconds)
    bench.log("  peers: start and finish")
    cycles = _ask(bench, trackers, "cycle", rounds, runs=bench.size(20, 4))
    rows += _rows("start + finish, later runs", _pick(cycles, "later"), _milliseconds)
    rows += _rows("start + finish, first run", _pick(cycles, "first"), _milliseconds)
    bench.log("  peers: size")
    sizes = _ask(bench, trackers, "points", 1, steps=bench.size(1000, 50))
    rows += _rows("bytes per point, 10 metrics", _pick(sizes, "bytes"), lambda value: f"{value:.1f} B")
    bench.log("  peers: kills")
    for rate, what in ((1000, "1,000 values/s"), (0, "full speed")):
        rows += [_loss(bench, tracker, rate, what) for tracker in trackers]
    return rows + [Row(sentence, "not measured") for sentence in missing]


def _loss(bench: Bench, tracker: Tracker, rate: int, what: str) -> Row:
    kills = moments(bench.size(4, 1), bench.size(4, 1))
    heard = [killed(bench, tracker, rate=rate, seconds=seconds) for seconds in kills]
    acknowledged = sum(calls for calls, _ in heard)
    lost = sum(max(0, calls - read) for calls, read in heard)
    share = f" ({lost / acknowledged:.1%})" if lost else ""
    return Row(f"lost on SIGKILL, {what}: {tracker.title}", f"{lost:,} of {acknowledged:,}{share}")


def _import(bench: Bench, tracker: Tracker) -> float:
    cwd, env = bench.root, tracker.environment(bench)
    bare = wall([tracker.python, "-c", "pass"], cwd, env)
    return wall([tracker.python, "-c", f"import {tracker.starts.partition('.')[0]}; {tracker.starts}"], cwd, env) - bare


def _in_turns(trackers: Sequence[Tracker], rounds: int, what: Callable[[Tracker], float]) -> Figures:
    out: Figures = {tracker.title: [] for tracker in trackers}
    for _ in range(rounds + 1):
        for tracker in trackers:
            out[tracker.title].append(what(tracker))
    # The first round reads the files from the disk.
    return {title: values[1:] for title, values in out.items()}


def _ask(bench: Bench, trackers: Sequence[Tracker], task: str, rounds: int, **options: object) -> Answers:
    """Do a task that many times with every tracker, in turns; one that fails is left out, and said to be."""
    answers: Answers = {tracker.title: [] for tracker in trackers}
    for _ in range(rounds):
        for tracker in trackers:
            try:
                answer = tracker.ask(bench, task, bench.directory(f"{tracker.adapter}-{task}"), **options)
            except (subprocess.SubprocessError, ValueError) as error:
                bench.log(f"  {tracker.title}: {task}: {error}")
            else:
                answers[tracker.title].append(answer)
    return answers


def _pick(answers: Answers, name: str) -> Figures:
    return {title: [answer[name] for answer in given] for title, given in answers.items()}


def _rows(what: str, figures: Figures, show: Callable[[float], str]) -> list[Row]:
    ours = median(figures[GTRACK.title])
    rows = []
    for title, values in figures.items():
        if not values:
            rows.append(Row(f"{what}: {title}", "failed"))
            continue
        value = median(values)
        ratio = "" if title == GTRACK.title else _ratio(value / ours)
        rows.append(Row(f"{what}: {title}", show(value), f"gtrack: {show(ours)}" if ratio else "", ratio))
    return rows


def _ratio(value: float) -> str:
    return f"{value:,.0f}x" if value >= 10 else f"{value:.2f}x"


def _microseconds(value: float) -> str:
    return f"{value:.1f} us" if value < 100 else f"{value:,.0f} us"


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.1f} ms"
