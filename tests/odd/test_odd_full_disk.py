"""A full disk: training goes on, what was kept is recorded when there is room, and nothing half-written stays."""

from __future__ import annotations

import re

import pytest
from odd_world import STEPS, TRAINING, Disk, World, user_state

KIB = 1024


@pytest.mark.parametrize("room", [0, 4 * KIB, 24 * KIB, 40 * KIB])
def test_a_run_that_starts_on_a_full_disk_is_kept_on_another_and_recorded_when_there_is_room(
    disk: Disk, room: int
) -> None:
    world = disk.world
    repo = world.repository(disk.path / "repo")
    before = user_state(world, repo)
    disk.fill(room)
    trained = world.train(repo)
    trained.check_undisturbed()
    assert len(trained.warnings) == 1, trained.err
    disk.empty()
    (run,) = world.runs(repo)
    assert (run["id"], run["status"], run["params"]) == (trained.run_id, "finished", {"lr": 0.1})
    # With some room the run may have begun on the full disk, and lost values to it: what is there is whole.
    assert run["values"].get("seen", []) == list(range(len(run["values"].get("seen", []))))
    if str(world.state_spool) in trained.err:
        assert len(run["values"]["seen"]) == STEPS
        edited = world.git(repo, "cat-file", "blob", f"{run['code']['snapshot']}:model.py")
        assert edited == "DEPTH = 3\n"
        assert run["code"]["snapshot"] in world.git(repo, "rev-list", "refs/gtrack/code").split()
    check_clean(world, disk)
    assert user_state(world, repo) == before


FILLS_UP = TRAINING.replace("import gtrack\n", "import gtrack, os, time\n").replace(
    f"for step in range({STEPS}):",
    """run.log({"loss": 1.0, "seen": -1})
    with open("../filling", "wb", 0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    spent = time.perf_counter()
    for step in range(5000):""",
)


def test_a_disk_that_fills_up_costs_values_and_one_warning_and_no_time(disk: Disk) -> None:
    world = disk.world
    repo = world.repository(disk.path / "repo")
    script = FILLS_UP.replace('print("trained"', 'print("spent", time.perf_counter() - spent)\nprint("trained"')
    trained = world.train(repo, script)
    trained.check_undisturbed()
    assert trained.warnings == ["gtrack: warning: values are not being recorded: No space left on device"]
    spent = float(trained.out.split("spent ")[1].split()[0])
    print(f"a call on a full disk takes {spent / 5000 * 1e6:.1f} us")
    assert spent < 5
    disk.empty()
    (run,) = world.runs(repo)
    assert run["status"] == "finished"
    kept = run["values"]["seen"]
    assert kept == list(range(-1, len(kept) - 1))
    assert 1 <= len(kept) < 5000
    check_clean(world, disk)


def test_a_disk_that_has_room_again_takes_values_again(disk: Disk) -> None:
    world = disk.world
    repo = world.repository(disk.path / "repo")
    script = FILLS_UP.replace(
        "    for step in range(5000):", "    for step in range(5000):\n        if step == 4000: os.unlink('../filling')"
    )
    trained = world.train(repo, script)
    trained.check_undisturbed()
    assert len(trained.warnings) == 1
    (run,) = world.runs(repo)
    assert run["values"]["seen"][-1000:] == list(range(4000, 5000))
    # A value of the last pair may have fitted, and none is there twice.
    assert len(run["values"]["loss"]) - len(run["values"]["seen"]) in (0, 1)
    assert len(set(run["values"]["seen"])) == len(run["values"]["seen"])


def test_training_goes_on_unrecorded_where_there_is_no_room_anywhere(disk: Disk) -> None:
    world = disk.world
    repo = world.repository(disk.path / "repo")
    disk.fill(0)
    for folder in ("/tmp", "/var/tmp"):
        disk.shell(f"mount --rbind {folder} {folder} && mount -o remount,ro,bind {folder}")
    everywhere = {"XDG_STATE_HOME": str(disk.path / "state"), "TMPDIR": str(disk.path)}
    trained = world.train(repo, env=everywhere)
    trained.check_undisturbed()
    assert [line for line in trained.warnings if "not recorded" in line] == trained.warnings
    assert len(trained.warnings) == 1
    disk.empty()
    assert world.runs(repo, env=everywhere) == []
    check_clean(world, disk)


ENDING = """\
import gc, os, subprocess, sys
import gtrack
from gtrack.branch.repository import Repository

def fill(room):
    with open("../filling", "wb", 0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
        file.truncate(file.tell() // 4096 * 4096 - room)

def leftovers():
    return [os.path.join(at, n) for at, _, names in os.walk(".git") for n in names
            if n.endswith((".lock", ".new")) or n.startswith("tmp_obj")]

for pages in map(int, sys.argv[1:]):
    run = gtrack.start_run(experiment="odd")
    for step in range(50):
        run.log({"loss": step})
    fill(pages * 4096)
    run.end()
    gc.collect()
    with gtrack.Repo(".") as repo:
        held = repo.repository.tip
        on_branch = held and subprocess.run(
            ["git", "cat-file", "-e", f"gtrack:runs/{run.id[:2]}/{run.id}/run.yaml"], capture_output=True
        ).returncode == 0
        assert not leftovers(), leftovers()
        subprocess.run(["git", "fsck", "--full", "--strict"], check=True, capture_output=True)
        os.unlink("../filling")
        found = repo.run(run.id)
        assert (found.status, found.summary["loss"].count) == ("finished", 50)
        assert repo.repository.tip == held or not on_branch
    print(pages, "recorded" if on_branch else "waited", flush=True)
"""


@pytest.mark.parametrize("pages", [range(12), range(12, 24)], ids=["scarce", "scant"])
def test_a_disk_that_fills_up_at_any_write_of_the_end_leaves_nothing_half_written(disk: Disk, pages: range) -> None:
    """The first commit of a repository needs about 20 pages: every one of them is refused once."""
    world = disk.world
    repo = world.repository(disk.path / "repo")
    ended = world.train(repo, ENDING.replace("sys.argv[1:]", repr([*map(str, pages)])), env={"GTRACK_CODE": "off"})
    ended.check_undisturbed()
    outcomes = [line.split() for line in ended.out.splitlines()]
    assert [int(number) for number, _ in outcomes] == list(pages)
    world.git(repo, "fsck", "--full", "--strict")


LIMITED = """\
import resource
import gtrack

soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in LIMITS:
    run = gtrack.start_run(str(limit), experiment="odd")
    run.log({"loss": 1.0, "seen": -1})
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    for step in range(100):
        LOG
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    run.log({"loss": 2.0, "seen": 1000})
    run.end()
"""
LIMITS = (1000, 1024, 1025, 1055, 1056, 1087)


@pytest.mark.parametrize("log", ['run.log({"loss": 1.0, "seen": step})', 'run.log_metric("seen", step)'])
def test_a_short_write_is_taken_back(world: World, log: str) -> None:
    repo = world.repository(world.root / "repo")
    trained = world.train(repo, LIMITED.replace("LIMITS", str(LIMITS)).replace("LOG", log), env={"GTRACK_CODE": "off"})
    trained.check_undisturbed()
    assert len(trained.warnings) == len(LIMITS)
    runs = {int(run["name"]): run for run in world.runs(repo)}
    assert sorted(runs) == sorted(LIMITS)
    for limit, run in runs.items():
        kept = run["values"]["seen"]
        assert kept == [-1, *range(len(kept) - 2), 1000]
        # A header, two names and two first values take 5 records; what fits below the limit is there.
        each = 2 if "loss" in log else 1
        assert len(kept) - 2 == (limit // 32 - 5) // each
        assert run["rejected"] == {}


def check_clean(world: World, disk: Disk) -> None:
    """Assert that git finds nothing wrong, and that no file is left half-written."""
    world.git(disk.path / "repo", "fsck", "--full", "--strict")
    # git itself leaves a tmp_obj_ of six letters behind, and removes it later.
    halves = [path for path in disk.files() if re.search(r"\.lock$|\.new$|/tmp_obj_[0-9a-f]{16}$", path)]
    assert halves == []
