"""A process killed at any of its system calls loses nothing that it acknowledged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from harness import (
    CALLS,
    Acknowledged,
    Kill,
    assert_healthy,
    assert_recorded,
    copies,
    gtrack_command,
    moments,
    run,
    run_until,
    some_of,
    training_command,
)

import gtrack

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt install strace")

_LIST = gtrack_command("ls")


@pytest.mark.parametrize("family", CALLS)
def test_a_run_killed_at_any_call_keeps_every_acknowledged_value(family: str, template: Path, tmp_path: Path) -> None:
    kill_training(family, template, tmp_path, every=40)


@pytest.mark.soak
@pytest.mark.parametrize("family", CALLS)
def test_a_run_killed_at_every_call_keeps_every_acknowledged_value(family: str, template: Path, tmp_path: Path) -> None:
    kill_training(family, template, tmp_path, every=1)


def kill_training(family: str, template: Path, tmp_path: Path, *, every: int) -> None:
    fresh = copies(template, tmp_path)
    repo = next(fresh)
    kills = moments(family, training_command(repo, tmp_path / "oracle"), tmp_path, tmp_path / "trace")
    assert kills
    for kill in some_of(kills, every):
        repo, oracle = next(fresh), tmp_path / f"oracle-{kill.call}-{kill.number}"
        assert run_until(kill, training_command(repo, oracle), tmp_path), f"not killed at {kill}"
        recover_and_check(repo, template, kill, oracle)
    if family == "create":
        return  # how many files the interpreter opens for reading is its own affair
    for last in {kill.call: kill for kill in kills}.values():
        beyond, repo, oracle = Kill(last.call, last.number + 1), next(fresh), tmp_path / f"oracle-beyond-{last.call}"
        assert not run_until(beyond, training_command(repo, oracle), tmp_path), "a moment was left out"
        assert Acknowledged.read(oracle).ended
        recover_and_check(repo, template, beyond, oracle)


def recover_and_check(repo: Path, template: Path, kill: Kill, *oracles: Path) -> None:
    ended = {
        path.parent.name for path in (repo / ".git/gtrack/spool").glob("*/*.jsonl") if b'"end"' in path.read_bytes()
    }
    done = run(_LIST, repo)
    assert done.returncode == 0, f"{kill}\n{done.stderr}"
    assert "warning" not in done.stderr, f"{kill}\n{done.stderr}"
    try:
        for oracle in oracles:
            assert_recorded(repo, Acknowledged.read(oracle))
        with gtrack.Repo(str(repo)) as opened:
            assert {opened.run(run_id).status for run_id in ended} <= {"finished"}, "the end was written, and is lost"
        assert_healthy(repo, template)
    except AssertionError as error:
        raise AssertionError(f"killed at {kill}: {error}") from error


@pytest.mark.parametrize("family", CALLS)
def test_a_recovery_killed_at_any_call_is_finished_by_the_next(family: str, killed: Path, tmp_path: Path) -> None:
    kill_recovery(family, killed, tmp_path, every=40)


@pytest.mark.soak
@pytest.mark.parametrize("family", CALLS)
def test_a_recovery_killed_at_every_call_is_finished_by_the_next(family: str, killed: Path, tmp_path: Path) -> None:
    kill_recovery(family, killed, tmp_path, every=1)


@pytest.fixture(scope="session")
def killed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository, one run killed in mid-training and one that ended unrecorded, and their oracles."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copytree(template, folder / "repo", symlinks=True)
    for oracle, kill in (("first", Kill("write", 30)), ("second", Kill("mkdir", 8))):
        assert run_until(kill, training_command(folder / "repo", folder / oracle), folder)
    spooled = list((folder / "repo/.git/gtrack/spool").glob("[0-9a-f]*"))
    assert len(spooled) == 2, "the moments of the kills are no longer within training and before sealing"
    return folder


def kill_recovery(family: str, killed: Path, tmp_path: Path, *, every: int) -> None:
    fresh = copies(killed / "repo", tmp_path)
    repo = next(fresh)
    kills = moments(family, _LIST, repo, tmp_path / "trace")
    # The index is written page by page: a dozen moments of so many tell.
    for kill in some_of(kills, every if every == 1 else max(every, len(kills) // 12)):
        repo = next(fresh)
        assert run_until(kill, _LIST, repo), f"not killed at {kill}"
        recover_and_check(repo, killed / "repo", kill, killed / "first", killed / "second")
