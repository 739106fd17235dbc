"""Containers on one spool, where processes of different pid namespaces have equal pids."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import (
    Acknowledged,
    assert_healthy,
    assert_recorded,
    environment,
    gtrack_command,
    is_written,
    run,
    training_command,
    wait_for,
)

import gtrack
from gtrack.spool.directory import SpoolRun

_NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def _refusal() -> str | None:
    """Return why no pid namespace can be made here, or None."""
    if shutil.which("unshare") is None:
        return "unshare is not installed: apt install util-linux"
    done = subprocess.run([*_NAMESPACE, "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip() or None if done.returncode else None


pytestmark = pytest.mark.skipif(bool(_refusal()), reason=f"no pid namespaces here: {_refusal()}")


@contextmanager
def training_in_a_namespace(repo: Path, oracle: Path) -> Iterator[str]:
    """Train as process 1 of a pid namespace of its own; kill it in the end, and with it the namespace."""
    command = [*_NAMESPACE, *training_command(repo, oracle, "--for-ever", "--pause", "0.001")]
    with subprocess.Popen(command, env=environment()) as outside:
        try:
            wait_for(lambda: len(Acknowledged.read(oracle).values) > 10, "the training did not begin")
            run_id = str(Acknowledged.read(oracle).run_id)
            yield run_id
        finally:
            outside.send_signal(signal.SIGKILL)
    wait_for(lambda: not is_written(repo, run_id), "the namespace did not die with unshare")


def test_of_two_namespaces_with_equal_pids_only_the_dead_run_is_killed(
    repo: Path, template: Path, tmp_path: Path
) -> None:
    alive, dead = tmp_path / "alive", tmp_path / "dead"
    with training_in_a_namespace(repo, alive) as living_id:
        with training_in_a_namespace(repo, dead) as dead_id:
            assert owner_pids(repo) == [1, 1], "both are the first process of their namespace"
            assert statuses(repo) == {living_id: "running", dead_id: "running"}
        promised = Acknowledged.read(dead)
        # A third process 1 looks, and neither takes itself for the one that died nor the living one for dead.
        done = run([*_NAMESPACE, *gtrack_command("ls")], repo)
        assert (done.returncode, done.stderr) == (0, "")
        assert statuses(repo) == {living_id: "running", dead_id: "killed"}
        before = len(Acknowledged.read(alive).values)
        time.sleep(0.1)
        assert len(Acknowledged.read(alive).values) > before, "the living one logs on"
    done = run(gtrack_command("ls"), repo)
    assert done.returncode == 0
    assert statuses(repo) == {living_id: "killed", dead_id: "killed"}
    assert_recorded(repo, promised)
    assert_recorded(repo, Acknowledged.read(alive))
    assert_healthy(repo, template)


def owner_pids(repo: Path) -> list[object]:
    runs = [SpoolRun(str(path)) for path in (repo / ".git/gtrack/spool").glob("[0-9a-f]*")]
    return [one.owner_document(session)["pid"] for one in runs for session in one.owners()]


def statuses(repo: Path) -> dict[str, str]:
    with gtrack.Repo(str(repo), env=os.environ) as opened:
        return {one.id: one.status for one in opened.runs()}
