"""Repositories for the crash tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from harness import git


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit and a clean working tree; to be copied, not to be changed."""
    path = tmp_path_factory.mktemp("template") / "repo"
    path.mkdir()
    git(path, "init", "-q")
    (path / "train.py").write_text("print('training')\n")
    (path / "data").mkdir()
    (path / "data" / "notes.txt").write_text("seen by the snapshot\n")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "A model")
    # As hooks are never run, they are not copied ten thousand times either.
    shutil.rmtree(path / ".git" / "hooks")
    git(path, "status")
    return path


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Path:
    """A repository of the test's own."""
    path = tmp_path / "repo"
    shutil.copytree(template, path, symlinks=True)
    return path
