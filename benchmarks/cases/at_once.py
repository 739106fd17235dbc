"""Many processes that record runs in one repository at the same time."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from pathlib import Path

from benchmarks.harness import Bench, Row, work_command

TITLE = "Many processes"
NOTE = "All processes are let go at one moment, before they import anything of gtrack's."


def measure(bench: Bench) -> list[Row]:
    """Return rows for the wall time, the CPU time, and what was lost."""
    processes, runs = bench.size(16, 6), bench.size(20, 5)
    trivial, trivial_cpu, _ = _wall(bench, bench.directory("trivial"), ["imports_at_once"] * processes, runs)
    repo = bench.repository("at-once")
    took, cpu, ids = _wall(bench, repo, ["runs_at_once"] * processes, runs)
    import gtrack

    with gtrack.Repo(str(repo), env=bench.env()) as reader:
        there = {run.id: run.status for run in reader.runs()}
    lost = sum(run_id not in there for run_id in ids)
    wrong = sum(there.get(run_id) != "finished" for run_id in ids) - lost
    return [
        Row(
            f"{processes} processes x {runs} runs",
            f"{took:.1f} s",
            f"the same processes, imports alone: {trivial:.1f} s",
            f"{took / trivial:.1f}x",
            "<= 6 s",
            took <= 6,
        ),
        Row(
            "CPU time of all of them",
            f"{cpu:.1f} s",
            f"imports alone: {trivial_cpu:.1f} s",
            f"{cpu / trivial_cpu:.1f}x",
        ),
        Row(
            f"lost or failed of {len(ids)} runs",
            f"{lost} lost, {wrong} failed",
            budget="none",
            passed=not lost and not wrong and len(ids) == processes * runs,
        ),
    ]


def _wall(bench: Bench, cwd: Path, scripts: list[str], runs: int) -> tuple[float, float, list[str]]:
    """Start all processes, let them go at once, and return the seconds until the last is done, and of CPU time."""
    before = _cpu()
    started = [
        subprocess.Popen(
            work_command(script, runs=runs),
            cwd=cwd,
            env=bench.env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for script in scripts
    ]
    time.sleep(bench.size(3, 1))  # until every interpreter has come up
    began = time.perf_counter()
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate()[0]) for process in started]
    took = time.perf_counter() - began
    assert all(process.returncode == 0 for process in started)
    return took, _cpu() - before, [run_id for answer in answers for run_id in answer]


def _cpu() -> float:
    """Return the seconds of CPU time that ended children have used, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
