"""The files of a run's code, and the edits that its commit does not have."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import gtrack
from gtrack.errors import DamageError, NotFoundError
from gtrack.ops.code_files import CodeFile, code_files, diff_text, read_code_file, uncommitted
from gtrack.ops.run_code import code_of
from gtrack.reader import RecordedRun, Repo


def git(path: Path, *args: str) -> str:
    return subprocess.run(["git", "-C", str(path), *args], check=True, capture_output=True, text=True).stdout.strip()


def record(path: Path) -> str:
    with contextlib.chdir(path), gtrack.start_run(system_metrics=False) as run:
        run.log({"loss": 1.0})
        return run.id


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[tuple[Repo, RecordedRun, RecordedRun]]:
    """A repository with a run of a clean commit, and one of edited code."""
    git(tmp_path, "init", "-q")
    (tmp_path / "lib").mkdir()
    (tmp_path / "train.py").write_text("one\n")
    (tmp_path / "lib" / "model.py").write_text("model\n")
    (tmp_path / "link").symlink_to("train.py")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    clean = record(tmp_path)
    (tmp_path / "train.py").write_text("two\n" + "x" * 5_000 + "\n")
    edited = record(tmp_path)
    with Repo(str(tmp_path)) as opened:
        yield opened, opened.run(clean), opened.run(edited)


def test_files_are_listed_with_their_sizes_and_kinds(repo: tuple[Repo, RecordedRun, RecordedRun]) -> None:
    opened, clean, _ = repo
    tree = code_of(opened.repository, clean.state).object
    assert tree is not None
    found = {file.path: (file.size, file.kind) for file in code_files(opened.repository, tree)}
    assert found == {"lib/model.py": (6, "file"), "link": (8, "link"), "train.py": (4, "file")}


def test_a_file_is_read_as_it_ran(repo: tuple[Repo, RecordedRun, RecordedRun]) -> None:
    opened, _, edited = repo
    tree = code_of(opened.repository, edited.state).object
    assert tree is not None
    (file,) = (file for file in code_files(opened.repository, tree) if file.path == "train.py")
    assert read_code_file(opened.repository, file).startswith(b"two\n")


def test_what_is_no_file_or_too_large_is_not_read(repo: tuple[Repo, RecordedRun, RecordedRun]) -> None:
    opened, *_ = repo
    for file in (
        CodeFile("sub", "0" * 40, None, "submodule"),
        CodeFile("gone", "0" * 40, None),
        CodeFile("large", "0" * 40, 1 << 30),
    ):
        with pytest.raises(NotFoundError):
            read_code_file(opened.repository, file)


def test_only_an_object_id_names_code(repo: tuple[Repo, RecordedRun, RecordedRun]) -> None:
    opened, *_ = repo
    with pytest.raises(DamageError):
        code_files(opened.repository, "--help")


def test_edits_are_what_differs_from_the_commit(repo: tuple[Repo, RecordedRun, RecordedRun]) -> None:
    opened, clean, edited = repo
    change = uncommitted(opened.repository, edited.state)
    assert [(file.path, file.added, file.removed) for file in change.files] == [("train.py", 2, 1)]
    lines, more = diff_text(opened.repository, change, 100)
    assert "+two" in lines
    assert not more
    assert max(map(len, lines)) < 2_100, "a long line is cut"
    assert not uncommitted(opened.repository, clean.state).files


def test_a_diff_ends_where_enough_of_it_was_read(repo: tuple[Repo, RecordedRun, RecordedRun]) -> None:
    opened, _, edited = repo
    lines, more = diff_text(opened.repository, uncommitted(opened.repository, edited.state), 3)
    assert len(lines) == 3
    assert more
