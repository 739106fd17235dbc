"""Places that refuse something: to be written, to run git, to be there at all. The training never notices."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from odd_world import STEPS, TRAINING, World, user_state

ROOT = os.geteuid() == 0
# Another user keeps the right to read everything: this Python may lie where only root may look.
SETPRIV = ("setpriv", "--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
NOBODY = (*SETPRIV, "--reuid", "65534", "--regid", "65534", "--clear-groups")
POWERLESS = ("setpriv", "--inh-caps", "-all", "--bounding-set", "-all")


def check_kept(world: World, repo: Path, run_id: str) -> dict[str, object]:
    """Assert that the one run of a repository is there with all its values, and is sealed by one command."""
    (run,) = world.runs(repo)
    assert (run["id"], run["status"], run["params"]) == (run_id, "finished", {"lr": 0.1})
    assert run["values"]["seen"] == list(range(STEPS))
    world.git(repo, "fsck", "--full", "--strict")
    return run


def check_recorded(world: World, repo: Path, run_id: str) -> None:
    """Assert the same, and that the run is on the branch and its code safe from garbage collection."""
    run = check_kept(world, repo, run_id)
    world.git(repo, "cat-file", "-e", f"gtrack:runs/{run_id[:2]}/{run_id}/run.yaml")
    code = run["code"]
    assert isinstance(code, dict)
    world.git(repo, "gc", "-q", "--prune=now")
    assert world.git(repo, "cat-file", "blob", f"{code['snapshot']}:model.py") == "DEPTH = 3\n"


def test_a_read_only_git_directory_leaves_the_run_to_the_first_command_that_may_write(mounted: World) -> None:
    world = mounted
    repo = world.repository(world.root / "repo")
    before = user_state(world, repo)
    shell(world, f"mount --bind {repo}/.git {repo}/.git && mount -o remount,ro,bind {repo}/.git")
    trained = world.train(repo)
    trained.check_undisturbed()
    (warning,) = trained.warnings
    assert "Read-only file system" in warning
    assert str(world.state_spool) in warning
    check_kept(world, repo, trained.run_id)
    listed = world.gtrack(repo, "ls")
    assert (listed.code, len(listed.warnings)) == (0, 1), listed
    assert trained.run_id[:7] in listed.out
    shell(world, f"umount {repo}/.git")
    check_recorded(world, repo, trained.run_id)
    assert user_state(world, repo)["refs"] == before["refs"]


@pytest.mark.parametrize("folder", [".git", ".git/objects", ".git/refs/heads"])
def test_a_repository_that_may_not_be_written_leaves_the_run_to_one_who_may(world: World, folder: str) -> None:
    through: tuple[str, ...] = ()
    if ROOT:
        if shutil.which("setpriv") is None:
            pytest.skip("root is above permissions, and there is no setpriv to give that up")
        through = POWERLESS
    repo = world.repository(world.root / "repo")
    folders = [repo / folder, *(path for path in (repo / folder).rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    trained = world.train(repo, through=through)
    for path in folders:
        path.chmod(0o755)
    trained.check_undisturbed()
    assert len(trained.warnings) == 1, trained.err
    assert "Permission denied" in trained.warnings[0]
    check_recorded(world, repo, trained.run_id)


@pytest.mark.skipif(not (ROOT and shutil.which("setpriv")), reason="only root may become another user")
def test_another_user_who_is_trusted_may_read_the_repository_and_not_write_it(public: World) -> None:
    world = public
    repo = world.repository(world.root / "repo")
    theirs = world.root / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    env = {"HOME": str(theirs), "XDG_STATE_HOME": str(theirs / "state"), "USER": "nobody"}
    env |= {"GIT_CONFIG_COUNT": "0", "GIT_CONFIG_GLOBAL": str(world.root / "their.gitconfig")}
    (world.root / "their.gitconfig").write_text(f"[safe]\n\tdirectory = {repo}\n")
    trained = world.train(repo, env=env, through=NOBODY)
    trained.check_undisturbed()
    assert len(trained.warnings) == 1, trained.err
    (run,) = world.runs(repo, env=env, through=NOBODY)
    assert run["values"]["seen"] == list(range(STEPS))
    check_recorded_from(world, repo, trained.run_id, theirs / "state" / "gtrack" / "spool")


@pytest.mark.skipif(not (ROOT and shutil.which("setpriv")), reason="only root may become another user")
def test_an_edit_in_somebody_elses_repository_names_it_and_says_what_to_do(public: World) -> None:
    world = public
    repo = world.repository(world.root / "the repo")
    run_id = world.train(repo).run_id
    (world.root / "their.gitconfig").write_text(f"[safe]\n\tdirectory = {repo}\n")
    env = {"HOME": str(world.root), "GIT_CONFIG_COUNT": "0", "GIT_CONFIG_GLOBAL": str(world.root / "their.gitconfig")}
    edited = world.gtrack(repo, "tag", run_id, "reviewed=yes", env=env, through=NOBODY)
    assert edited.code == 2
    message, hint = edited.err.splitlines()
    lock = repo / ".git" / "gtrack" / "lock"
    assert (
        message == f"gtrack: nothing can be recorded in {repo}, which you may not write to ({lock}: Permission denied)"
    )
    assert hint.endswith(f"git clone '{repo}'")


def ingest(world: World, repo: Path, spool: Path, run_id: str) -> None:
    """Take a run in by the command that the warning named."""
    pytest.importorskip("gtrack.ops.ingest")
    taken = world.gtrack(repo, "ingest", str(spool))
    assert taken.code == 0, taken
    assert run_id[:7] in taken.out


def check_recorded_from(world: World, repo: Path, run_id: str, spool: Path) -> None:
    """Assert that ``gtrack ingest`` takes a run in."""
    ingest(world, repo, spool, run_id)
    check_recorded(world, repo, run_id)


def test_where_nothing_can_be_written_the_training_goes_on_unrecorded(mounted: World) -> None:
    world = mounted
    repo = world.repository(world.root / "repo")
    for folder in ("/tmp", "/var/tmp", str(world.root)):
        shell(world, f"mount --rbind {folder} {folder} && mount -o remount,ro,bind {folder}")
    trained = world.train(repo, env={"TMPDIR": str(world.root)})
    trained.check_undisturbed()
    (warning,) = trained.warnings
    assert "the run is not recorded" in warning
    assert "Read-only file system" in warning
    listed = world.gtrack(repo, "ls")
    assert (listed.code, listed.warnings) == (0, []), listed


def test_without_a_git_executable_the_run_is_recorded_with_its_commit(world: World) -> None:
    repo = world.repository(world.root / "repo")
    before = user_state(world, repo)
    nowhere = {"PATH": str(world.root / "home")}
    trained = world.python(repo, "-c", TRAINING, env=nowhere)
    trained.check_undisturbed()
    (warning,) = trained.warnings
    assert "git is not installed" in warning
    assert user_state(world, repo) == before
    (run,) = world.runs(repo, env=nowhere)
    assert run["values"]["seen"] == list(range(STEPS))
    assert run["code"]["commit"] == world.git(repo, "rev-parse", "HEAD").strip()
    assert run["code"]["branch"] == "main"
    assert "snapshot" not in run["code"]
    world.git(repo, "fsck", "--full", "--strict")


def test_without_a_repository_the_run_waits_for_ingest(world: World) -> None:
    folder = world.root / "folder"
    folder.mkdir()
    (folder / "train.py").write_text(TRAINING)
    trained = world.python(folder, "train.py")
    trained.check_undisturbed()
    (warning,) = trained.warnings
    assert "no git repository" in warning
    assert f"gtrack ingest {world.state_spool}" in warning
    repo = world.repository(world.root / "repo")
    assert world.runs(repo) == []
    ingest(world, repo, world.state_spool, trained.run_id)
    run = check_kept(world, repo, trained.run_id)
    assert str(run["code"]["digest"]).startswith("sha256:")  # type: ignore[index]
    assert run["code"]["cwd"] == "folder"  # type: ignore[index]


DAY = 25 * 3600 * 1_000_000_000
SHIFTED = """\
import time, sys
real = time.time_ns, time.time
def shift(ns):
    time.time_ns = lambda: real[0]() + ns
    time.time = lambda: real[1]() + ns / 1e9
shift(FIRST)
import gtrack, gtrack.clock
import gtrack.spool.journal as journal
with gtrack.start_run(experiment="odd", params={"lr": 0.1}) as run:
    for step in range(STEPS):
        if step == STEPS // 2:
            shift(THEN)
            gtrack.clock.now_ns = journal.time_ns = time.time_ns
        run.log({"loss": 1 / (step + 1), "seen": step}, step=step)
print("trained", run.id)
""".replace("STEPS", str(STEPS))


def test_a_clock_that_is_wrong_or_jumps_changes_times_and_nothing_else(world: World) -> None:
    repo = world.repository(world.root / "repo")
    world.train(repo).check_undisturbed()
    shifted = []
    for first, then in ((-DAY, -DAY), (DAY, DAY), (0, -DAY), (0, DAY), (DAY, 0), (-DAY, 0)):
        trained = world.train(repo, SHIFTED.replace("FIRST", str(first)).replace("THEN", str(then)))
        trained.check_undisturbed()
        assert trained.warnings == []
        shifted.append(trained.run_id)
    world.train(repo).check_undisturbed()
    runs = {run["id"]: run for run in world.runs(repo)}
    assert len(runs) == len(shifted) + 2
    for run in map(runs.__getitem__, shifted):
        assert (run["status"], run["params"]) == ("finished", {"lr": 0.1})
        assert run["values"]["seen"] == list(range(STEPS))
        assert run["metrics"]["seen"]["last"] == STEPS - 1
    # A child is never older than its parent, or git's walks by time would miss commits.
    times = [int(line) for line in world.git(repo, "log", "--format=%ct", "gtrack").split()]
    assert times == sorted(times, reverse=True)
    assert len(times) == len(runs)
    world.git(repo, "fsck", "--full", "--strict")


@pytest.mark.parametrize("closed", ["1", "2", "1 2", "0 1 2"])
def test_closed_streams_neither_stop_the_training_nor_end_up_in_its_files(world: World, closed: str) -> None:
    repo = world.repository(world.root / "repo")
    noisy = TRAINING.replace("import gtrack\n", "import gtrack, os\n").replace(
        "        run.log(", "        noise()\n        run.log("
    )
    script = (
        "def noise():\n"
        "    for fd in (1, 2):\n"
        "        try:\n"
        "            os.write(fd, b'printed by a library, somehow\\n')\n"
        "        except OSError:\n"
        "            pass\n"
    )
    closing = " ".join(f"{fd}>&-" if fd != "0" else "<&-" for fd in closed.split())
    through = ("sh", "-c", f'exec "$@" {closing}', "sh")
    trained = world.train(repo, noisy.replace("\nwith", f"\n{script}\nwith", 1), through=through)
    assert trained.code == 0, trained
    (run,) = world.runs(repo)
    check_recorded(world, repo, run["id"])


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_streams_that_nobody_reads_do_not_change_how_the_training_ends(world: World, stream: str) -> None:
    repo = world.repository(world.root / "repo")
    reading, writing = os.pipe()
    os.close(reading)
    script = TRAINING.replace('print("trained", run.id)', "")
    trained = world.train(repo, script, **{stream: writing})
    os.close(writing)
    assert trained.code == 0, trained
    (run,) = world.runs(repo)
    check_recorded(world, repo, run["id"])


def test_a_working_directory_that_is_gone_is_no_reason_to_lose_a_run(world: World) -> None:
    repo = world.repository(world.root / "repo")
    script = TRAINING.replace(
        "import gtrack\n",
        "import os, gtrack\nos.mkdir('gone'); os.chdir('gone')\nos.rmdir('.') if 0 else os.rmdir('../gone')\n",
    )
    trained = world.train(repo, script)
    trained.check_undisturbed()
    (warning,) = trained.warnings
    assert "gtrack ingest" in warning
    ingest(world, repo, world.state_spool, trained.run_id)
    check_kept(world, repo, trained.run_id)


def test_a_process_without_free_descriptors_loses_no_value(world: World) -> None:
    repo = world.repository(world.root / "repo")
    script = TRAINING.replace("import gtrack\n", "import os, resource, gtrack\n").replace(
        "    for step",
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "    hoard = []\n"
        "    try:\n"
        "        while True: hoard.append(os.open(os.devnull, os.O_RDONLY))\n"
        "    except OSError: pass\n"
        "    for step",
    )
    trained = world.train(repo, script)
    assert trained.code == 0, trained
    assert len(trained.warnings) == 1, trained.err
    check_recorded(world, repo, trained.run_id)


@pytest.mark.parametrize("module", ["pyarrow", "dulwich", "numpy"])
def test_a_broken_library_delays_the_record_and_not_the_training(world: World, module: str) -> None:
    repo = world.repository(world.root / "repo")
    broken = world.root / "broken"
    broken.mkdir()
    (broken / f"{module}.py").write_text("raise ImportError('libarrow.so.1700: cannot open shared object file')\n")
    path = f"{broken}{os.pathsep}{world.env['PYTHONPATH']}"
    trained = world.train(repo, env={"PYTHONPATH": path})
    trained.check_undisturbed()
    if module == "dulwich":  # a repository whose objects are not packed is read without it
        assert trained.warnings == []
        check_kept(world, repo, trained.run_id)
        return
    (warning,) = trained.warnings
    assert "libarrow.so.1700" in warning
    check_recorded(world, repo, trained.run_id)


def test_a_home_that_does_not_exist_does_not_matter(world: World) -> None:
    repo = world.repository(world.root / "repo")
    gone = {"HOME": "/nonexistent", "XDG_STATE_HOME": "", "USER": "", "LOGNAME": ""}
    trained = world.train(repo, env=gone)
    trained.check_undisturbed()
    assert trained.warnings == []
    check_recorded(world, repo, trained.run_id)


def shell(world: World, command: str) -> None:
    """Run a shell command where the world's mounts are."""
    subprocess.run([*world.prefix, "sh", "-c", command], check=True)
