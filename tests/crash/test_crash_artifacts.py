"""A process that is killed while it keeps artifacts, or while they are recorded, loses none that it acknowledged."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import artifact_training
import pytest
from harness import CALLS, Kill, copies, gtrack_command, moments, run, run_until

import gtrack
from gtrack.ops.fsck import check
from gtrack.ops.keep_objects import cache_of, outbox_of

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt install strace")

_LIST = gtrack_command("ls")
_TELLING = {
    "write": r'kind\\":\\"artifact',
    "rename": r"\.files/|gtrack/objects/",
}
"""The moments that tell most, by family: within a capture, within a recording."""


def command(repo: Path, oracle: Path) -> list[str]:
    return [sys.executable, artifact_training.__file__, str(repo), str(oracle)]


@pytest.mark.parametrize("family", _TELLING)
def test_a_run_killed_around_an_artifact_keeps_what_was_acknowledged(
    family: str, template: Path, tmp_path: Path
) -> None:
    kill_training(family, template, tmp_path, lambda kills: telling(family, kills))


@pytest.mark.soak
@pytest.mark.parametrize("family", CALLS)
def test_a_run_killed_at_every_call_keeps_every_acknowledged_artifact(
    family: str, template: Path, tmp_path: Path
) -> None:
    kill_training(family, template, tmp_path, list)


def telling(family: str, kills: Sequence[Kill]) -> list[Kill]:
    """Return the first and the last moment of each kind."""
    found: dict[str, list[Kill]] = {}
    for kill in kills:
        match = re.search(_TELLING[family], kill.detail)
        if match is not None:
            found.setdefault(match[0], []).append(kill)
    assert found, "no call is what it was"
    return [group[-1] for group in found.values()]


def kill_training(family: str, template: Path, tmp_path: Path, choose) -> None:
    fresh = copies(template, tmp_path)
    repo = next(fresh)
    kills = moments(family, command(repo, tmp_path / "oracle"), tmp_path, tmp_path / "trace")
    for kill in choose(kills):
        repo, oracle = next(fresh), tmp_path / f"oracle-{kill.call}-{kill.number}"
        assert run_until(kill, command(repo, oracle), tmp_path), f"not killed at {kill}"
        done = run(_LIST, repo)
        assert (done.returncode, "warning" in done.stderr) == (0, False), f"{kill}\n{done.stderr}"
        try:
            assert_kept(repo, oracle)
        except AssertionError as error:
            raise AssertionError(f"killed at {kill}: {error}") from error


def assert_kept(repo: Path, oracle: Path) -> None:
    """Assert that the branch and the cache hold what was acknowledged, and at most the call that was under way."""
    lines = oracle.read_bytes().rpartition(b"\n")[0].decode().splitlines() if oracle.exists() else []
    kept: dict[str, int] = {}
    for what, *rest in map(str.split, lines):
        if what == "kept":
            kept[rest[0]] = int(rest[1])
        elif what == "removed":
            del kept[rest[0]]
    shutil.rmtree(repo / ".git/gtrack/spool", ignore_errors=True)
    with gtrack.Repo(str(repo)) as opened:
        for recorded in opened.runs():
            found = {path: recorded.read_artifact(path) for path in recorded.artifacts()}
            # The call under way may have been done: at most one path is ahead of what was acknowledged.
            ahead = [
                path for path, number in kept.items() if found.get(path) != artifact_training.content(path, number)
            ]
            assert len(ahead) + len(found.keys() - kept.keys()) <= 1, (ahead, found.keys() ^ kept.keys())
            for path in ahead:
                later = path in found and found[path] == artifact_training.content(path, kept[path] + 1)
                assert later or path == "large/0.bin", path
            marks = {waiting.digest for waiting in outbox_of(opened.repository).entries()}
            assert {artifact.object for artifact in recorded.artifacts().values()} <= marks
        assert kept == {} or opened.runs()
        assert all(cache_of(opened.repository).verify(digest) for digest in cache_of(opened.repository).digests())
        assert check(opened).findings == ()
