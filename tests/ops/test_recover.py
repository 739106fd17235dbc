"""Of many processes that end at once one records all; the others need not even the lock."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from spooling import end, finished_run, git, log, make_repo, open_run, open_worker

from gtrack.branch.lock import repository_lock
from gtrack.errors import LockedError
from gtrack.ops.fsck import check
from gtrack.ops.recover import recover
from gtrack.ops.sealing import seal_spools
from gtrack.reader import Repo
from gtrack.spool.directory import SpoolRun

FIRST, SECOND = "a" * 32, "b" * 32


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    with make_repo(tmp_path / "repo") as repo:
        yield repo


@pytest.fixture
def spool(repo: Repo) -> Path:
    return Path(repo.repository.paths.spool)


def commits(repo: Repo) -> int:
    return int(git(repo.repository.paths.root, "rev-list", "--count", "gtrack"))


def test_what_has_ended_is_recorded_in_one_commit(repo: Repo, spool: Path) -> None:
    finished_run(spool, run_id=FIRST)
    finished_run(spool, run_id=SECOND)
    done = recover(repo.repository, [str(spool)], certain=True)

    assert {run.id for run in done.runs} == {FIRST, SECOND}
    assert commits(repo) == 1
    assert recover(repo.repository, [str(spool)], certain=True).runs == []
    assert commits(repo) == 1


@pytest.mark.parametrize("certain", [True, False])
def test_a_process_that_waits_is_done_when_another_has_recorded_its_run(repo: Repo, spool: Path, certain: bool) -> None:
    path = finished_run(spool, run_id=FIRST)
    answers = []
    with repo.repository.lock():
        waiting = threading.Thread(target=lambda: answers.append(recover(repo.repository, certain=certain)))
        waiting.start()
        with Repo(repo.repository.paths.root, env=repo.env) as other:
            seal_spools(other.repository, [SpoolRun(path)])
        waiting.join(timeout=30)  # while the lock is still held

    assert [done.runs for done in answers] == [[]]
    assert commits(repo) == 1


@pytest.mark.parametrize("certain", [True, False])
def test_a_live_run_is_not_waited_for_nor_recorded(repo: Repo, spool: Path, certain: bool) -> None:
    writer = open_run(spool, FIRST)
    log(writer, [1.0])
    with repo.repository.lock():
        assert recover(repo.repository, timeout=0, certain=certain).commit is None
    finished_run(spool, run_id=SECOND)
    done = recover(repo.repository, certain=certain)
    end(writer)

    assert [run.id for run in done.runs] == [SECOND]


@pytest.mark.parametrize("certain", [True, False])
def test_a_worker_that_ended_waits_for_its_owner(repo: Repo, spool: Path, certain: bool) -> None:
    owner = open_run(spool, FIRST)
    open_worker(spool, FIRST).close()
    before = recover(repo.repository, certain=certain)
    end(owner)

    assert (before.runs, before.commit) == ([], None)
    assert [run.id for run in recover(repo.repository, certain=certain).runs] == [FIRST]


def test_a_spool_that_cannot_be_recorded_keeps_nobody_waiting(repo: Repo, spool: Path) -> None:
    damaged = Path(finished_run(spool, run_id=FIRST))
    next(damaged.glob("*.journal")).write_bytes(b"no journal" * 10)
    finished_run(spool, run_id=SECOND)

    assert SECOND in {run.id for run in recover(repo.repository, certain=True).runs}
    assert damaged.exists()
    assert recover(repo.repository, certain=True, timeout=1).runs == []


def test_a_lock_that_stays_held_is_told(repo: Repo, spool: Path) -> None:
    finished_run(spool, run_id=FIRST)
    with repo.repository.lock(), pytest.raises(LockedError, match="another gtrack command"):
        recover(repo.repository, timeout=0, certain=True)


def test_the_lock_is_not_taken_when_it_is_not_needed(tmp_path: Path) -> None:
    with repository_lock(str(tmp_path), unless=lambda: True) as held:
        assert held is False
        fd = os.open(tmp_path / "lock", os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
    with repository_lock(str(tmp_path), unless=lambda: False) as held:
        assert held is True


def test_a_lock_is_free_when_its_holder_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from gtrack.branch.lock import repository_lock\n"
        "with repository_lock(sys.argv[1]): print(flush=True); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, stdout=subprocess.DEVNULL)

    with repository_lock(str(tmp_path), timeout=0) as held:
        assert held


@pytest.mark.parametrize("certain", [True, False])
def test_a_look_that_finds_nothing_to_record_writes_nothing(repo: Repo, certain: bool) -> None:
    home = Path(repo.repository.paths.home)
    recover(repo.repository, certain=certain)

    assert not home.exists()


def test_what_another_repository_sealed_in_a_shared_spool_is_none_of_this_ones_business(
    repo: Repo, tmp_path: Path
) -> None:
    shared, env = tmp_path / "shared", {**os.environ, "GTRACK_SPOOL": str(tmp_path / "shared")}
    with make_repo(tmp_path / "other") as other:
        end(open_run(shared, FIRST, repository=other.repository.paths.common_dir))
        assert recover(other.repository, [str(shared)], certain=True).runs
    (sealed,) = (shared / ".sealed").iterdir()
    os.utime(sealed, (0, 0))
    end(open_run(repo.repository.paths.spool, SECOND))
    recover(repo.repository, [str(shared)], certain=True)  # it also sweeps
    with Repo(repo.repository.paths.root, env=env) as this:
        assert check(this, repair=True) == check(this) and check(this).findings == ()
    assert sealed.exists()
