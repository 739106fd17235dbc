"""Console output of recorded, live and killed runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

SCRIPT = """
import os, pathlib, sys, time
import gtrack
with gtrack.start_run(name="live", console=True) as run:
    print("\\x1b[31mepoch 1\\x1b[0m\\x1b]0;owned\\x07", flush=True)
    run.log({"loss": 0.5}, step=1)
    pathlib.Path("started").touch()
    while not os.path.exists("go"):
        time.sleep(0.01)
    print("epoch 2", flush=True)
"""


@contextmanager
def training(project) -> Iterator[subprocess.Popen[bytes]]:
    """A run in a process of its own, which waits for a file named go."""
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=project.root, env=dict(project.env), stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not (project.root / "started").exists():
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield child
    finally:
        child.kill()
        child.wait()


def test_a_live_run_is_listed_shown_and_read(project):
    with training(project):
        (run,) = json.loads(project.ok("ls", "--json"))
        assert (run["status"], run["live"], run["metrics"]["loss"]["last"]) == ("running", True, 0.5)
        assert "running" in project.ok("show", "live")
        deadline = time.monotonic() + 10
        while "epoch 1" not in project.gtrack("logs", "live").out and time.monotonic() < deadline:
            time.sleep(0.05)
        assert project.ok("logs", "live") == "epoch 1\n"
        assert "\x1b[31mepoch 1" in project.ok("logs", "live", "--raw")


def test_following_goes_on_until_the_run_ends(project):
    with training(project):
        follower = subprocess.Popen(
            [sys.executable, "-m", "gtrack", "logs", "live", "-f"],
            cwd=project.root,
            env=dict(project.env),
            stdout=subprocess.PIPE,
        )
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"epoch 1\n"
        (project.root / "go").touch()
        rest, _ = follower.communicate(timeout=30)
        assert rest == b"epoch 2\n"
        assert follower.returncode == 0
    assert project.ok("logs", "live") == "epoch 1\nepoch 2\n"
    assert project.ok("logs", "live", "-n", "1") == "epoch 2\n"
    assert project.ok("logs", "live", "-f") == "epoch 1\nepoch 2\n"


def test_a_killed_run_is_recorded_by_the_next_command_which_says_so(project):
    with training(project) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        done = project.gtrack("ls", "--json")
    (run,) = json.loads(done.out)
    assert (run["status"], run["metrics"]["loss"]["last"]) == ("killed", 0.5)
    assert f"recorded run {run['id'][:7]}" in done.err
    assert "recorded" not in project.gtrack("ls").err


def test_a_run_without_output_is_not_found(project):
    project.ok("log", "a=1")
    done = project.gtrack("logs", "last")
    assert done.code == 3
    assert "gtrack run" in done.err
