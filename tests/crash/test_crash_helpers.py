"""The processes that gtrack starts may be killed at any of their system calls: git, and those that record segments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import (
    CALLS,
    Acknowledged,
    assert_healthy,
    assert_recorded,
    copies,
    environment,
    gtrack_command,
    moments,
    moments_of_git,
    run,
    run_until,
    some_of,
    training_command,
    wait_for,
)

import gtrack
from gtrack.ops import finish

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt install strace")

_GIT = """\
#!/bin/sh
# Stands before git on the PATH: one of the processes is killed at its n-th call of a kind.
count=$(($(cat "$GIT_COUNT" 2>/dev/null || echo 0) + 1))
echo $count > "$GIT_COUNT"
if [ $count != "$GIT_KILLED" ]; then exec REAL_GIT "$@"; fi
exec strace -f -qq -o /dev/null -e trace="$CALL" -e inject="$CALL":signal=SIGKILL:when="$NUMBER" REAL_GIT "$@"
"""


def test_a_git_killed_at_any_call_hurts_no_training(template: Path, tmp_path: Path) -> None:
    kill_git(template, tmp_path, every=12)


@pytest.mark.soak
def test_a_git_killed_at_every_call_hurts_no_training(template: Path, tmp_path: Path) -> None:
    kill_git(template, tmp_path, every=1)


def kill_git(template: Path, tmp_path: Path, *, every: int) -> None:
    (tmp_path / "bin").mkdir()
    stand_in = tmp_path / "bin" / "git"
    stand_in.write_text(_GIT.replace("REAL_GIT", str(shutil.which("git"))))
    stand_in.chmod(0o755)
    path = f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}"
    fresh = copies(template, tmp_path)
    repo = next(fresh)
    found = moments_of_git(training_command(repo, tmp_path / "oracle"), repo, tmp_path / "trace")
    chosen = [
        (process, kill) for n, (process, kill) in enumerate(found) if "gtrack/code" in kill.detail or n % every == 0
    ]
    assert len({process for process, _ in found}) >= 4
    for process, kill in chosen:
        repo, oracle, count = next(fresh), tmp_path / "oracle", tmp_path / "count"
        for file in (oracle, count):
            file.unlink(missing_ok=True)
        env = {"PATH": path, "GIT_COUNT": str(count), "GIT_KILLED": str(process)}
        done = run(training_command(repo, oracle), repo, **env, CALL=kill.call, NUMBER=str(kill.number))
        where = f"git number {process} killed at {kill}: {done.stderr}"
        assert done.returncode == 0, where
        # Some seconds later the next run finds nothing in its way, such as a lock.
        for lock in (repo / ".git").glob("**/*.lock"):
            os.utime(lock, (time.time() - 10, time.time() - 10))
        done = run(training_command(repo, tmp_path / "next-oracle"), repo)
        assert (done.returncode, done.stderr) == (0, ""), f"{where}{done.stderr}"
        try:
            assert Acknowledged.read(oracle).ended
            assert_recorded(repo, Acknowledged.read(oracle))
            assert_healthy(repo, template, code_lost=True)
        except AssertionError as error:
            raise AssertionError(f"{where}{error}") from error


def test_a_recorder_of_segments_killed_at_any_call_leaves_the_live_run_whole(
    repo: Path, template: Path, tmp_path: Path
) -> None:
    kill_recorder(repo, template, tmp_path, every=12)


@pytest.mark.soak
def test_a_recorder_of_segments_killed_at_every_call_leaves_the_live_run_whole(
    repo: Path, template: Path, tmp_path: Path
) -> None:
    kill_recorder(repo, template, tmp_path, every=1)


def kill_recorder(repo: Path, template: Path, tmp_path: Path, *, every: int) -> None:
    oracle = tmp_path / "oracle"
    command = training_command(repo, oracle, "--for-ever", "--pause", "0.002")
    with subprocess.Popen(command, env=environment()) as trainer:
        try:
            wait_for(lambda: Acknowledged.read(oracle).run_id is not None, "the training did not begin")
            run_id = str(Acknowledged.read(oracle).run_id)
            recorder = [sys.executable, "-c", finish._RECOVER, str(repo), run_id]
            for family in CALLS:
                for kill in some_of(moments(family, recorder, repo, tmp_path / "trace"), every):
                    run_until(kill, recorder, repo)
            with gtrack.Repo(str(repo)) as opened:
                assert opened.run(run_id).status == "running"
        finally:
            trainer.kill()
    assert run(gtrack_command("ls"), repo).returncode == 0
    assert_recorded(repo, Acknowledged.read(oracle))
    assert_healthy(repo, template)
