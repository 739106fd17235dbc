"""SIGKILL at random moments while values are logged at full speed, with and without workers that live on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import (
    Acknowledged,
    assert_curves,
    assert_healthy,
    assert_recorded,
    environment,
    gtrack_command,
    is_written,
    run,
    training_command,
    wait_for,
)
from training import value

import gtrack
from gtrack.branch.repository import Repository
from gtrack.ids import new_run_id, new_session_id
from gtrack.ops.recover import recover
from gtrack.spool import writing
from gtrack.spool.writing import join_run


@contextmanager
def training(repo: Path, oracle: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a training that does not end, wait until it has begun, and kill it in the end if nobody did."""
    with subprocess.Popen(training_command(repo, oracle, "--for-ever", *options), env=environment()) as trainer:
        try:
            wait_for(lambda: Acknowledged.read(oracle).run_id is not None, "the training did not begin")
            yield trainer, str(Acknowledged.read(oracle).run_id)
        finally:
            trainer.kill()


@pytest.mark.parametrize("seed", range(8))
def test_a_kill_at_full_speed_loses_nothing(seed: int, repo: Path, template: Path, tmp_path: Path) -> None:
    kill_at_random(seed, repo, template, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(50))
def test_fifty_kills_at_full_speed_lose_nothing(seed: int, repo: Path, template: Path, tmp_path: Path) -> None:
    kill_at_random(1000 + seed, repo, template, tmp_path)


def kill_at_random(seed: int, repo: Path, template: Path, tmp_path: Path) -> None:
    oracle = tmp_path / "oracle"
    with training(repo, oracle) as (trainer, run_id):
        time.sleep(random.Random(seed).uniform(0, 0.25))
        trainer.send_signal(signal.SIGKILL)
    promised = Acknowledged.read(oracle)
    assert run(gtrack_command("ls"), repo).returncode == 0
    assert_recorded(repo, promised)
    with gtrack.Repo(str(repo)) as opened:
        assert opened.run(run_id).status == "killed"
    assert_healthy(repo, template)


def test_workers_that_outlive_a_killed_parent_lose_nothing(repo: Path, template: Path, tmp_path: Path) -> None:
    oracle = tmp_path / "oracle"
    workers = [tmp_path / f"oracle.{number}" for number in range(3)]
    with training(repo, oracle, "--workers", "3", "--pause", "0.001") as (trainer, run_id):
        wait_for(lambda: all(len(Acknowledged.read(w).values) > 20 for w in workers), "the workers do not log")
        trainer.send_signal(signal.SIGKILL)
        trainer.wait()
        try:
            assert run(gtrack_command("ls"), repo).returncode == 0
            with gtrack.Repo(str(repo)) as opened:
                assert opened.run(run_id).status == "killed"
                branch = opened.repository.tip
            before = [len(Acknowledged.read(w).values) for w in workers]
            wait_for(
                lambda: all(len(Acknowledged.read(w).values) > n for w, n in zip(workers, before, strict=True)),
                "the workers stopped with their parent",
            )
        finally:
            (tmp_path / "stop").touch()
        wait_for(lambda: not is_written(repo, run_id), "the workers do not stop")
    assert run(gtrack_command("ls"), repo).returncode == 0
    promised = {value for path in (oracle, *workers) for value in Acknowledged.read(path).values}
    with gtrack.Repo(str(repo)) as opened:
        recorded = opened.run(run_id)
        assert recorded.status == "killed"
        assert opened.repository.tip != branch, "what the workers logged later came in a later commit"
        assert_curves(recorded.curves().to_pylist(), frozenset(promised))
        assert {key: s.count for key, s in recorded.summary.items()} == Counter(recorded.curves()["key"].to_pylist())
    assert not list((repo / ".git/gtrack/spool").glob("[0-9a-f]*")), "nothing more can come: the spool is put aside"
    assert_healthy(repo, template)


def test_a_worker_whose_first_value_comes_after_all_was_put_aside_loses_nothing(repo: Path, tmp_path: Path) -> None:
    oracle, worker = tmp_path / "oracle", tmp_path / "oracle.0"
    options = ("--workers", "1", "--pause", "0.001", "--workers-wait")
    with training(repo, oracle, *options) as (trainer, run_id):
        wait_for(lambda: "waiting" in _words(worker), "the worker does not wait")
        trainer.send_signal(signal.SIGKILL)
        trainer.wait()
    try:
        assert run(gtrack_command("ls"), repo).returncode == 0
        assert not list((repo / ".git/gtrack/spool").glob("[0-9a-f]*")), "not put aside"
        (tmp_path / "go").touch()
        wait_for(lambda: len(Acknowledged.read(worker).values) > 5, "the worker does not log")
    finally:
        (tmp_path / "stop").touch()
    wait_for(lambda: not is_written(repo, run_id), "the worker does not stop")
    assert run(gtrack_command("ls"), repo).returncode == 0
    assert_recorded(repo, Acknowledged.read(worker, oracle))


def _words(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("opened", ["Ledger", "Journal"])
def test_a_process_that_joins_in_the_very_moment_of_putting_aside_loses_nothing(
    opened: str, repo: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(writing, opened)

    def after_a_command(*args: Any, **options: Any) -> Any:
        with Repository(str(repo), os.environ) as repository:
            recover(repository)
        return original(*args, **options)

    monkeypatch.setattr(writing, opened, after_a_command)
    run_id, trouble = new_run_id(), []
    writer = join_run(
        str(repo / ".git/gtrack/spool"), run_id, new_session_id(), on_trouble=lambda *what: trouble.append(what)
    )
    writer.journal.append("loss", value("loss", 0), 0)
    writer.close()
    assert not trouble
    with gtrack.Repo(str(repo)) as reader:
        assert_curves(reader.run(run_id).curves().to_pylist(), frozenset({("loss", 0)}))
    assert_healthy(repo, template)


def test_processes_that_join_while_a_command_puts_the_run_aside_lose_nothing(repo: Path, template: Path) -> None:
    spool = str(repo / ".git/gtrack/spool")
    run_id, session, trouble = new_run_id(), new_session_id(), []
    stop = threading.Event()

    def join_and_log(number: int) -> None:
        for step in range(40):
            writer = join_run(spool, run_id, session, on_trouble=lambda key, error: trouble.append((key, error)))
            writer.journal.append(f"worker{number}", value(f"worker{number}", step), step)
            writer.close()

    def record() -> None:
        with Repository(str(repo), os.environ) as repository:
            while not stop.is_set():
                recover(repository)

    recorder = threading.Thread(target=record)
    recorder.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(join_and_log, range(4)))
    stop.set()
    recorder.join()
    with gtrack.Repo(str(repo)) as opened:
        rows = opened.run(run_id).curves().to_pylist()
    assert not trouble
    assert_curves(rows, frozenset((f"worker{number}", step) for number in range(4) for step in range(40)))
    assert_healthy(repo, template)
