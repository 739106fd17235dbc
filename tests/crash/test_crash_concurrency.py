"""Many processes, git's housekeeping and the user's own commits in one repository at once."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import many
import pytest
from harness import checkout, environment, git, gtrack_command, run

import gtrack
from gtrack.branch.repository import Repository
from gtrack.ops.fsck import check


def record_many(repo: Path, processes: int, runs: int, *, tolerated: str = "no warning") -> list[str]:
    """Record runs from several processes at once, and return their ids; none may fail or give a warning.

    Args:
        repo: The repository.
        processes: How many.
        runs: How many runs each.
        tolerated: What a warning may be about all the same.
    """
    commands = [[sys.executable, many.__file__, str(repo), f"p{number}", str(runs)] for number in range(processes)]
    started = [
        subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    answers = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0] * processes, [errors for _, errors in answers]
    warnings = [line for _, errors in answers for line in errors.splitlines() if tolerated not in line]
    assert warnings == []
    ids = [run_id for output, _ in answers for run_id in output.split()]
    assert len(ids) == processes * runs
    return ids


@contextmanager
def meanwhile(*actions: Callable[[], None]) -> Iterator[None]:
    """Do some things again and again in threads; raise at the end what any of them raised."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def repeat(action: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                action()
                time.sleep(0.05)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=repeat, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


class User:
    """Somebody who edits and commits code, and looks whether anybody else touched the checkout."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self.commits = 0
        self._left: dict[str, bytes] | None = None

    def work(self) -> None:
        """Check that all is as it was left; edit, add, commit; remember how it was left."""
        self.check()
        (self.repo / "train.py").write_text(f"print({self.commits})\n")
        self._patiently("add", "train.py")
        self._patiently("commit", "-q", "-m", f"Edit {self.commits}")
        self.commits += 1
        self._left = checkout(self.repo)

    def check(self) -> None:
        """Assert that index, HEAD, branch, reflogs, stash and files are as the user left them."""
        if self._left is not None:
            assert checkout(self.repo) == self._left

    def _patiently(self, *arguments: str) -> None:
        """Run git again when git gc got in its way: it locks references, and removes folders that it has emptied."""
        for _ in range(20):
            done = run(["git", "-c", "core.filesRefLockTimeout=10000", *arguments], self.repo)
            if done.returncode == 0:
                return
            assert "unable to create temporary file" in done.stderr, done.stderr
        raise AssertionError(done.stderr)


def assert_all_there(repo: Path, ids: list[str]) -> None:
    with gtrack.Repo(str(repo)) as opened:
        recorded = {run.id: run for run in opened.runs()}
        assert set(recorded) == set(ids)
        for run_id in ids:
            one = recorded[run_id]
            assert (one.status, one.state.problems) == ("finished", ())
            assert one.summary["loss"].count == 10
            assert sorted(one.curves(["val_auc"])["step"].to_pylist()) == list(range(10))


def assert_git_is_content(repo: Path) -> None:
    done = run(["git", "fsck", "--full", "--strict", "--no-progress"], repo)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("dangling ")]
    assert (done.returncode, complaints) == (0, [])


def test_many_processes_record_while_git_collects_garbage_and_the_user_commits(repo: Path) -> None:
    record_beside_git(repo, processes=6, runs=5)


@pytest.mark.soak
def test_sixteen_processes_of_twenty_runs_record_beside_git(repo: Path) -> None:
    record_beside_git(repo, processes=16, runs=20)


def record_beside_git(repo: Path, processes: int, runs: int) -> None:
    user = User(repo)
    with meanwhile(lambda: void(git(repo, "gc", "--quiet")), user.work):
        ids = record_many(repo, processes, runs)
    user.check()
    assert user.commits > 1
    assert git(repo, "rev-list", "--count", "HEAD").strip() == str(user.commits + 1)
    assert_all_there(repo, ids)
    assert_git_is_content(repo)
    assert run(gtrack_command("ls"), repo).returncode == 0


def test_runs_survive_git_told_to_prune_at_once(repo: Path) -> None:
    record_beside_prune(repo, processes=4, runs=5)


@pytest.mark.soak
def test_sixteen_processes_of_twenty_runs_survive_git_told_to_prune_at_once(repo: Path) -> None:
    record_beside_prune(repo, processes=16, runs=20)


def record_beside_prune(repo: Path, processes: int, runs: int) -> None:
    edits = itertools.count()

    def edit() -> None:
        """Uncommitted edits: each run's snapshot has objects that nothing else refers to yet."""
        (repo / "train.py").write_text(f"print('edit {next(edits)}')\n")

    with meanwhile(lambda: void(run(["git", "gc", "--quiet", "--prune=now"], repo)), edit):
        # Git says itself that this may delete what is being written. The code's objects have no second copy.
        ids = record_many(repo, processes, runs, tolerated="the code")
    with gtrack.Repo(str(repo)) as opened:
        report = check(opened, repair=True)
    assert report.ok, report.findings
    assert_all_there(repo, ids)
    assert_git_is_content(repo)
    git(repo, "gc", "--quiet", "--prune=now")
    assert_all_there(repo, ids)


def test_every_object_of_the_last_commit_comes_back_after_a_prune(repo: Path) -> None:
    ids = record_many(repo, processes=1, runs=2)
    new = git(repo, "rev-list", "--objects", "gtrack", "^gtrack~1").split("\n")
    for oid in [line.split()[0] for line in new if line]:
        (repo / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with gtrack.Repo(str(repo)) as opened:
        assert check(opened, repair=True).findings == ()
    assert_all_there(repo, ids)
    assert_git_is_content(repo)


def test_the_lock_of_a_git_that_packs_references_is_respected_after_a_gtrack_was_killed(repo: Path) -> None:
    record_many(repo, processes=1, runs=2)
    lock = repo / ".git/refs/heads/gtrack.lock"
    (repo / ".git/gtrack/setting-ref").write_text(git(repo, "rev-parse", "gtrack").strip())
    lock.touch()
    # It raises when somebody else has removed it by then, which pytest makes a failure.
    packing = threading.Timer(0.5, lock.unlink)
    packing.start()
    with Repository(str(repo), os.environ) as opened:
        tip = opened.tip
        assert opened.refs.compare_and_set(opened.branch, tip, git(repo, "rev-parse", "gtrack~1").strip())
    packing.join()


def test_a_snapshot_that_git_pruned_is_let_go_by_the_repair(repo: Path) -> None:
    for number in range(3):
        (repo / "train.py").write_text(f"print('edit {number}')\n")
        record_many(repo, processes=1, runs=1)
    lost = git(repo, "rev-parse", "refs/gtrack/code^2^{tree}").strip()
    (repo / ".git/objects" / lost[:2] / lost[2:]).unlink()
    with gtrack.Repo(str(repo)) as opened:
        assert not check(opened).ok
        assert check(opened, repair=True).ok
        assert [finding.level for finding in check(opened).findings] == ["warning"], (
            "one run's code is lost, and said to be"
        )
    git(repo, "gc", "--quiet")
    assert_git_is_content(repo)
    assert git(repo, "rev-list", "--first-parent", "--count", "refs/gtrack/code").strip() == "3", (
        "two links, one snapshot"
    )


def void(_: object) -> None:
    """Drop a result."""
