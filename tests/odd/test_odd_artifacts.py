"""Artifacts on a disk that is full: what was acknowledged is kept, and nothing is raised."""

from __future__ import annotations

import json

from odd_world import Disk, World

TRAINING = """\
import gtrack, json, os

kept = {}
with gtrack.start_run(experiment="odd") as run:
    for n in range(3):
        kept[run.log_bytes(b"%d" % n * 1000, f"early/{n}.txt")] = n
    with open("../filling", "wb", 0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    for n in range(200):
        kept[run.log_bytes(os.urandom(5000), f"small/{n}")] = n
        kept[run.log_bytes(os.urandom(100_000), f"large/{n}")] = n
    run.log_artifact("/bin/sh", "bin")
    os.unlink("../filling")
    kept[run.log_bytes(b"late" * 30_000, "late.bin")] = 0
    kept.pop("", None)
print("trained", run.id)
print("KEPT", json.dumps(sorted(kept)))
"""
READING = """\
import gtrack, json
with gtrack.Repo(".") as repo:
    (run,) = repo.runs()
    print(json.dumps(sorted(path for path in run.artifacts() if run.read_artifact(path) is not None)))
"""


def test_a_disk_that_fills_up_costs_artifacts_and_one_warning_and_nothing_that_was_acknowledged(disk: Disk) -> None:
    world = disk.world
    repo = world.repository(disk.path / "repo")
    trained = world.train(repo, TRAINING)
    trained.check_undisturbed()
    assert trained.warnings == ["gtrack: warning: values are not being recorded: No space left on device"]
    kept = json.loads(trained.out.split("KEPT ")[1])
    assert {"early/0.txt", "early/1.txt", "early/2.txt", "late.bin"} <= set(kept)
    assert len(kept) < 300
    read = json.loads(world.python(repo, "-c", READING).out)
    assert read == kept
    assert not [path for path in disk.files() if "/.new-" in path]


KEEPS = """\
import gtrack
with gtrack.start_run() as run:
    run.log_bytes(b"small", "a.txt")
    run.log_bytes(b"b" * 100_000, "b.bin")
print("trained", run.id)
"""
CACHED = """\
import gtrack
from gtrack.ops.artifacts import local_file
with gtrack.Repo(".") as repo:
    (run,) = repo.runs()
    for path in run.artifacts():
        with open(local_file(repo.repository, run.artifact(path)), "rb") as file:
            assert file.read() == run.read_artifact(path)
"""


def test_beside_a_read_only_repository_artifacts_are_kept_read_and_recorded_by_who_may_write(mounted: World) -> None:
    world = mounted
    repo = world.repository(world.root / "repo")

    def shell(command: str) -> None:
        assert world.python(world.root, "-c", f"import os, sys; sys.exit(os.system({command!r}))").code == 0

    shell(f"mount --bind {repo}/.git {repo}/.git && mount -o remount,ro,bind {repo}/.git")
    trained = world.train(repo, KEEPS)
    trained.check_undisturbed()
    for _ in range(2):
        read = world.python(repo, "-c", READING)
        assert json.loads(read.out) == ["a.txt", "b.bin"]
        assert world.python(repo, "-c", CACHED).code == 0
        shell(f"umount {repo}/.git || true")
    assert sorted(path.name for path in world.state_spool.glob("[0-9a-f]*")) == []
