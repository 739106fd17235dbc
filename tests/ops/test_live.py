"""Segments of a live run: what is remembered between them changes nothing but their price."""

from __future__ import annotations

import contextlib

import pytest
from spooling import RUN, SESSION, end, log, make_repo, open_resume, open_run, open_worker

from gtrack.ops.fsck import check
from gtrack.ops.live import LiveRun
from gtrack.ops.load import load_run_files
from gtrack.ops.recover import recover
from gtrack.ops.seal import seal
from gtrack.ops.sealing import seal_spools
from gtrack.spool.directory import SpoolRun


@pytest.fixture
def repo(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        yield repo


def run_of(repo):
    return SpoolRun(f"{repo.repository.paths.spool}/{RUN}")


def commit(repo, live):
    """Commit a segment, after a look that a stranger would have made the very same files."""
    repository = repo.repository
    recorded = load_run_files(repository, [repository.tree_of(repository.tip)], RUN)
    expected = seal(live.run, recorded, live=True)
    before = set(repository.objects.walk(repository.tree_of(repository.tip)))
    with repository.lock():
        done = live.commit(repository)
    added = set(repository.objects.walk(repository.tree_of(repository.tip))) - before
    made = {path: repository.read_blob(oid) for path, _, oid in added if path.startswith("runs/")}
    assert made == expected.files
    return done


def test_a_segment_is_what_a_command_that_knows_nothing_would_make_of_it(repo):
    writer = open_run(repo.repository.paths.spool, repository=repo.repository.paths.common_dir)
    live = LiveRun(run_of(repo))
    with contextlib.ExitStack() as stack:
        stack.callback(writer.close)
        assert commit(repo, live) is not None
        for part in range(4):
            log(writer, [1.0, 2.0, part], first=3 * part)
            log(writer, [part], key=f"key {part % 3}", first=part)
            writer.journal.count_refused("loss")
            writer.ledger.append("logged", {"params": {f"found {part}": part}})
            assert commit(repo, live) is not None
            assert commit(repo, live) is None, "nothing is new"
        worker = open_worker(repo.repository.paths.spool)
        stack.callback(worker.close)
        log(worker, [5.0])
        assert commit(repo, live) is not None
    run = repo.run(RUN)
    assert (run.summary["loss"].count, run.state.rejected) == (13, {"loss": 4})
    assert not check(repo).findings


def test_what_others_commit_of_a_live_run_is_seen(repo):
    writer = open_run(repo.repository.paths.spool, repository=repo.repository.paths.common_dir)
    live = LiveRun(run_of(repo))
    with contextlib.closing(writer):
        log(writer, [3.0])
        assert commit(repo, live) is not None
        log(writer, [2.0], first=1)
        with repo.repository.lock():
            seal_spools(repo.repository, [live.run], live=True)
        assert commit(repo, live) is None
        log(writer, [1.0], first=2)
        assert commit(repo, live) is not None
    assert repo.run(RUN).curves(["loss"])["value"].to_pylist() == [3.0, 2.0, 1.0]


def test_segments_of_a_resumed_run_include_what_they_keep_of_the_earlier_session(repo):
    spool = repo.repository.paths.spool
    first = open_run(spool, repository=repo.repository.paths.common_dir)
    log(first, [9.0, 8.0, 7.0])
    end(first)
    recover(repo.repository)
    second = open_resume(spool, SESSION, repository=repo.repository.paths.common_dir)
    live = LiveRun(run_of(repo))
    with contextlib.closing(second):
        for part in range(3):
            log(second, [float(part)], first=2 + part)
            assert commit(repo, live) is not None
        summary = repo.run(RUN).summary["loss"]
        assert (summary.max, summary.count, summary.partial) == (9.0, 5, False)


def test_the_subject_of_a_segment_says_that_the_run_is_running(repo):
    writer = open_run(repo.repository.paths.spool, repository=repo.repository.paths.common_dir)
    with contextlib.closing(writer):
        log(writer, [0.5])
        tip = commit(repo, LiveRun(run_of(repo)))
        message = repo.repository.objects.read(tip, 1).decode()
        assert "churn running: loss=0.5" in message
