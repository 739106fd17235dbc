"""A project whose processes are watched: recorders are nobody's children, and must all end by themselves."""

from __future__ import annotations

import os
import signal
from pathlib import Path

EVERY = {"GTRACK_SEGMENT_EVERY": "0.2s"}

TRAIN = """\
import sys, gtrack
with gtrack.start_run("long", params={"lr": 0.1}) as run:
    step = 0
    for line in sys.stdin:
        if line.strip() == "end":
            break
        for step in range(step, step + 50):
            run.log({"loss": 1.0 / (step + 1), "acc": step}, step=step)
        step += 1
        print(step, flush=True)
if "--stay" in sys.argv:
    print("ended", flush=True)
    sys.stdin.readline()
"""


class Watched:
    """A project whose processes can all be found, because they share a variable of their environment."""

    def __init__(self, project):
        self.project = project
        self.mark = f"GTRACK_TEST_MARK={os.urandom(8).hex()}".encode()
        name, _, value = self.mark.decode().partition("=")
        project.env[name] = value

    def processes(self, *words):
        """Return the ids of the project's processes, those with some words in their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and self.mark in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes()
                    if all(word.encode() in command for word in words):
                        found.append(int(entry.name))
            except OSError:
                continue  # it has ended meanwhile
        return found

    def recorders(self):
        """Return the ids of the recorders that have found their feet.

        What a recorder has forked bears the recorder's command line until it becomes the program it is to run.
        """
        found = [pid for pid in self.processes("gtrack.ops.recorder") if cwd_of(pid) == "/"]
        return [pid for pid in found if parent_of(pid) not in found]

    def recorder(self):
        """Wait for the recorder, and return its id."""
        (pid,) = self.project.eventually(self.recorders)
        return pid

    def segments(self):
        """Return how many segments are on the branch."""
        if not self.project.git("branch", "--list", "gtrack").strip():
            return 0
        return sum("/metrics-" in path for path in self.project.branch_files())

    def next_segment(self, process):
        """Let the training go on, and wait until what it logged is on the branch."""
        before = self.segments()
        steps = go_on(process)
        self.project.eventually(lambda: self.segments() > before)
        return steps

    def kill_all(self):
        """Kill every process, as a machine that vanishes does."""
        for pid in self.processes():
            kill(pid)
        self.project.eventually(lambda: not self.processes())

    @property
    def log(self):
        """What recorders complained of."""
        path = self.project.root / ".git/gtrack/recorder.log"
        return path.read_text() if path.exists() else ""


def cwd_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


def parent_of(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return int(status.partition("\nPPid:")[2].split()[0])


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def go_on(process):
    process.stdin.write("go\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def end(process):
    out, err = process.communicate("end\n", timeout=60)
    assert process.returncode == 0, (out, err)
    return err


def values_of(run, key="acc"):
    return run.curves([key])["value"].to_pylist()


def watching(project):
    """Yield the project; at the end of the test no process of it is left, without anybody having killed it."""
    made = Watched(project)
    yield made
    for process in project.started:
        if process.poll() is None:
            process.kill()
    try:
        project.eventually(lambda: not made.processes())
    finally:
        made.kill_all()
