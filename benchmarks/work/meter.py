"""Run a training in blocks, and say what processor time it and every process it started have used.

Line by line: a number of steps on stdin gives ``{"cpu": seconds so far, "step": seconds of the median step}`` on
stdout. At the end of stdin the training ends, every process that outlives it is waited for, and a last line is printed.

Processes that outlive their parents are handed to this one: it makes itself their reaper with
prctl(PR_SET_CHILD_SUBREAPER), see prctl(2). Linux only. Live threads are read from ``schedstat`` (nanoseconds, see the
kernel's sched-stats.rst), what has ended from getrusage(2) and, where its parent still lives, from proc(5) in ticks.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_TICKS = os.sysconf("SC_CLK_TCK")


def main(options: dict[str, object]) -> None:
    """Run one training."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    control, sink = os.pipe()
    source, answer = os.pipe()
    argument = json.dumps({**options, "control": control, "answer": answer})
    training = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("training.py")), argument],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(control, answer),
    )
    os.close(control)
    os.close(answer)
    with os.fdopen(sink, "w") as orders, os.fdopen(source) as answers:
        for line in sys.stdin:
            orders.write(line)
            orders.flush()
            say(cpu=used(training.pid), step=float(answers.readline()))
    if training.wait():
        raise SystemExit(training.returncode)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    say(cpu=used(None))


def say(**what: float) -> None:
    """Print an answer."""
    print(json.dumps(what), flush=True)


def used(training: int | None) -> float:
    """Return the processor time of all descendants, dead and alive, in seconds.

    Args:
        training: The child that is not to be waited for here.
    """
    parents = {pid: int(fields[1]) for pid, fields in stats()}
    for pid, parent in parents.items():
        if parent == os.getpid() and pid != training:
            os.waitpid(pid, os.WNOHANG)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    family = {os.getpid()}
    for pid, fields in sorted(stats()):
        # Parents are older, so that their ids are smaller, but for a wrap-around in mid-run.
        if int(fields[1]) in family:
            family.add(pid)
            total += sum(map(run_time, Path(f"/proc/{pid}/task").glob("*/schedstat")))
            total += (int(fields[13]) + int(fields[14])) / _TICKS  # children it has waited for
    return total


def stats() -> list[tuple[int, list[str]]]:
    """Return the fields of ``/proc/<pid>/stat`` of every process, from the state on."""
    out = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            text = Path("/proc", name, "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        out.append((int(name), text.rpartition(")")[2].split()))
    return out


def run_time(path: Path) -> float:
    """Return how long a thread has run, in seconds."""
    try:
        return int(path.read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
