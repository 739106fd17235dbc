"""Runs that are sent by themselves, from processes that outlive the training."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from watched import EVERY, TRAIN, end, go_on, values_of, watching

from gtrack.ops.finish import record_detached
from gtrack.ops.push_turns import take_turn

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc")


@pytest.fixture
def watched(project):
    yield from watching(project)


def heads_of(remote):
    done = subprocess.run(
        ["git", "-C", str(remote), "rev-parse", "gtrack"], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.fixture
def remote(project, tmp_path):
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    project.git("remote", "add", "origin", str(path))
    return path


@pytest.mark.parametrize("env", [{"GTRACK_PUSH": "end"}, {}], ids=["environment", "configuration"])
def test_a_run_is_pushed_after_its_end_when_that_is_wanted(watched, remote, env):
    if not env:
        watched.project.git("config", "gtrack.push", "end")
    process = watched.project.start(TRAIN, env=env)
    go_on(process)
    end(process)
    tip = watched.project.git("rev-parse", "gtrack").strip()
    watched.project.eventually(lambda: heads_of(remote) == tip)


def test_what_a_detached_process_records_is_pushed_when_the_configuration_says_so(watched, remote):
    project = watched.project
    project.git("config", "gtrack.push", "end")
    process = project.start(TRAIN)
    go_on(process)
    process.kill()
    process.wait()
    record_detached(str(project.root), project.env)
    project.eventually(lambda: heads_of(remote))
    project.eventually(lambda: not watched.processes())
    assert heads_of(remote) == project.git("rev-parse", "gtrack").strip()
    assert project.only_run().status == "killed"


def test_without_being_told_to_nothing_is_pushed(watched, remote):
    process = watched.project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    end(process)
    watched.project.eventually(lambda: not watched.processes())
    assert heads_of(remote) is None


def test_segments_are_pushed_while_the_run_lives(watched, remote):
    process = watched.project.start(TRAIN, env={**EVERY, "GTRACK_PUSH": "segment"})
    watched.next_segment(process)
    first = watched.project.eventually(lambda: heads_of(remote))
    watched.next_segment(process)
    watched.project.eventually(lambda: heads_of(remote) not in (None, first))
    end(process)
    watched.project.eventually(lambda: not watched.processes())
    assert heads_of(remote) == watched.project.git("rev-parse", "gtrack").strip()


RESUME = """\
import sys, gtrack
with gtrack.start_run(run_id=sys.argv[1], resume=True) as run:
    for step in range(int(sys.argv[2]), int(sys.argv[2]) + 10):
        run.log({"acc": step}, step=step)
"""


def test_what_was_pushed_outlives_the_machine_and_the_run_goes_on_in_another_clone(watched, remote, tmp_path):
    process = watched.project.start(TRAIN, env={**EVERY, "GTRACK_PUSH": "segment"})
    steps = watched.next_segment(process)
    watched.project.eventually(lambda: heads_of(remote))
    go_on(process)
    watched.kill_all()
    shutil.rmtree(watched.project.root)

    subprocess.run(["git", "clone", "-q", str(remote), str(tmp_path / "clone")], check=True, stderr=subprocess.DEVNULL)
    clone = type(watched.project)(tmp_path / "clone", watched.project.env)
    run = clone.only_run()
    kept = values_of(run)
    assert (run.status, kept) == ("running", list(range(len(kept))))
    assert len(kept) >= steps

    clone.train(RESUME, run.id, str(len(kept)))
    run = clone.only_run()
    assert (run.status, values_of(run)) == ("finished", list(range(len(kept) + 10)))


def test_a_training_ends_while_the_remote_hangs(watched, tmp_path):
    project = watched.project
    hanging = tmp_path / "ssh"
    hanging.write_text(
        f"#!/bin/sh\ntouch {tmp_path}/asked\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.05; done\nexit 1\n"
    )
    hanging.chmod(0o755)
    project.git("remote", "add", "origin", "ssh://nowhere.invalid/x")
    process = project.start(TRAIN, env={"GTRACK_PUSH": "end", "GIT_SSH_COMMAND": str(hanging)})
    go_on(process)
    end(process)
    project.eventually((tmp_path / "asked").exists)
    assert watched.processes(), "the push did not outlive the training"
    # A second run ends meanwhile: it does not push beside the first, and leaves a mark.
    process = project.start(TRAIN, env={"GTRACK_PUSH": "end", "GIT_SSH_COMMAND": str(hanging)})
    go_on(process)
    end(process)
    assert (project.root / ".git/gtrack/push-again").exists()
    (tmp_path / "go").touch()
    project.eventually(lambda: not watched.processes())
    assert not (project.root / ".git/gtrack/push-again").exists()


PUSHER = """\
import os, sys
from gtrack.ops.finish import record_detached
from gtrack.ops.push_turns import take_turn

def push():
    for name in os.listdir("items"):
        open(os.path.join("pushed", name), "w").close()

take_turn(".", push)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt install strace")
def test_whoever_leaves_a_push_to_another_that_is_just_done_is_not_forgotten(tmp_path, project):
    for name in ("items", "pushed"):
        (tmp_path / name).mkdir()
    (tmp_path / "items/first").touch()
    # The third file it removes is its lock, after two looks for a mark: it is held up right there.
    hold_up = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "inject=unlink:delay_enter=1500000:when=3"]
    with subprocess.Popen([*hold_up, sys.executable, "-c", PUSHER], cwd=tmp_path, env=project.env) as pusher:
        project.eventually(lambda: (tmp_path / "pushed/first").exists() and not (tmp_path / "push-again").exists())
        (tmp_path / "items/second").touch()
        take_turn(str(tmp_path), (tmp_path / "pushed/second").touch)
        assert pusher.wait(timeout=60) == 0
    assert (tmp_path / "pushed/second").exists()
    assert not (tmp_path / "push-again").exists()


def test_whoever_leaves_a_push_to_another_is_not_forgotten(tmp_path):
    """Threads are as good as processes: a lock belongs to the file that was opened."""
    items, pushed, rounds = set(), set(), 150

    def push():
        pushed.update(set(items))

    def publish(number):
        for round_ in range(rounds):
            barrier.wait(60)
            items.add((round_, number))
            take_turn(str(tmp_path), push)
            barrier.wait(60)
            missing.update(items - pushed)

    missing, barrier = set(), threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    assert not missing
    assert (len(pushed), os.listdir(tmp_path)) == (4 * rounds, ["recorders"])
