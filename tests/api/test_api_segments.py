"""Values that reach the branch while the run lives, for machines that vanish."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

TRAIN = """\
import sys, gtrack
with gtrack.start_run("long", params={"lr": 0.1}) as run:
    for step in range(200):
        run.log({"loss": 1.0 / (step + 1), "acc": step}, step=step)
    run.log({"once": 7.0}, step=0)
    print("half")
    sys.stdin.readline()
    run.log_param("late", True)
    for step in range(200, 300):
        run.log({"loss": 1.0 / (step + 1), "acc": step}, step=step)
    print("more")
    sys.stdin.readline()
    run.log({"last": 1.0, "loss": -1.0}, step=300)
"""


def metrics_files(project):
    if not project.git("branch", "--list", "gtrack").strip():
        return []
    return [path for path in project.branch_files() if "/metrics-" in path]


def as_seen_from_the_branch_alone(project, tmp_path):
    """What a clone shows, which has the branch and no spool."""
    clone = tmp_path / "clone"
    shutil.rmtree(clone, ignore_errors=True)
    project.git("clone", "-q", str(project.root), str(clone))
    project.git("-C", str(clone), "branch", "gtrack", "origin/gtrack")
    return type(project)(clone, project.env).only_run()


def vanish(project, process):
    """Kill a training and its recorder, as a machine that vanishes does."""
    locks = project.root / ".git/gtrack/recorders"
    for lock in project.eventually(lambda: [*locks.iterdir()] if locks.exists() else []):
        for entry in Path("/proc").iterdir():
            command = entry / "cmdline"
            if entry.name.isdecimal() and command.exists() and lock.name[:32].encode() in command.read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
    process.kill()
    process.wait()


def test_a_live_runs_values_reach_the_branch_and_are_counted_once(project, tmp_path):
    process = project.start(TRAIN, env={"GTRACK_SEGMENT_EVERY": "0.3s"})
    assert process.stdout.readline() == "half\n"
    project.eventually(lambda: metrics_files(project))
    halfway = as_seen_from_the_branch_alone(project, tmp_path)
    assert (halfway.status, halfway.params) == ("running", {"lr": 0.1})
    assert halfway.curves(["acc"])["value"].to_pylist() == list(range(200))
    assert (halfway.summary["acc"].count, halfway.metrics["once"]) == (200, 7.0)

    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "more\n"
    project.eventually(lambda: len(metrics_files(project)) > 1)
    live = project.only_run()
    assert (live.status, live.summary["acc"].count) == ("running", 300)
    assert live.curves(["acc"])["value"].to_pylist() == list(range(300))

    process.communicate("\n", timeout=30)
    assert process.returncode == 0
    for found in (project.only_run(), as_seen_from_the_branch_alone(project, tmp_path)):
        assert (found.status, found.params) == ("finished", {"lr": 0.1, "late": True})
        assert found.curves(["acc"])["value"].to_pylist() == list(range(300))
        assert found.curves(["loss"])["value"].to_pylist() == [*(1.0 / (step + 1) for step in range(300)), -1.0]
        assert found.curves(["once"])["value"].to_pylist() == [7.0]
        counts = {key: summary.count for key, summary in found.summary.items()}
        assert counts == {"loss": 301, "acc": 300, "once": 1, "last": 1}
        assert (found.summary["loss"].min, found.summary["loss"].max, found.metrics["loss"]) == (-1.0, 1.0, -1.0)
        assert not any(summary.partial for summary in found.summary.values())


def test_a_machine_that_vanishes_leaves_what_was_committed(project, tmp_path):
    process = project.start(TRAIN, env={"GTRACK_SEGMENT_EVERY": "0.3s"})
    assert process.stdout.readline() == "half\n"
    project.eventually(lambda: metrics_files(project))
    vanish(project, process)
    found = as_seen_from_the_branch_alone(project, tmp_path)
    assert found.status == "running"
    assert found.curves(["acc"])["value"].to_pylist() == list(range(200))
    # The same machine comes back, and its next command settles it.
    found = project.only_run()
    assert (found.status, found.summary["acc"].count) == ("killed", 200)
    assert as_seen_from_the_branch_alone(project, tmp_path).status == "killed"


def test_without_the_setting_nothing_is_committed_before_the_end(project):
    process = project.start(TRAIN)
    assert process.stdout.readline() == "half\n"
    assert not metrics_files(project)
    process.communicate("\n\n", timeout=30)
    assert len(metrics_files(project)) == 1


def test_ranks_are_committed_while_they_run(project):
    process = project.start(
        """\
import os, sys, gtrack
with gtrack.start_run("parent") as run:
    run.log({"parent": 1}, step=0)
    pid = os.fork()
    if pid == 0:
        for step in range(50):
            run.log({"child": step}, step=step)
        os.read(0, 1)
        run.log({"child": 50}, step=50)
        os._exit(0)
    os.waitpid(pid, 0)
""",
        env={"GTRACK_SEGMENT_EVERY": "0.3s"},
    )
    project.eventually(lambda: metrics_files(project))
    process.communicate("\n", timeout=30)
    found = project.only_run()
    assert (found.status, found.summary["child"].count) == ("finished", 51)
    assert found.curves(["child"])["value"].to_pylist() == list(range(51))
