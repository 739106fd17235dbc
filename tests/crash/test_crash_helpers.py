"""The git processes that gtrack starts may be killed at any of their system calls.

Those that record segments have tests of their own: tests/api/test_api_recorder.py.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from harness import (
    Acknowledged,
    assert_healthy,
    assert_recorded,
    copies,
    moments_of_git,
    run,
    training_command,
)

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
