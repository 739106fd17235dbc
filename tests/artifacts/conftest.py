"""A repository to log artifacts in, as this process's own, and spools whose times stand still."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gtrack import fluent, lifecycle


@pytest.fixture(scope="session")
def artifact_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository to copy: three git processes less a test."""
    root = tmp_path_factory.mktemp("template") / "project"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "model.py").write_text("DEPTH = 3\n")
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "first"], cwd=root, check=True)
    return root


@pytest.fixture
def repo(artifact_template: Path, tmp_path: Path) -> Path:
    """A repository of the test's own."""
    root = tmp_path / "project"
    shutil.copytree(artifact_template, root)
    return root


@pytest.fixture
def here(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The repository as this process's own, with nothing left of earlier runs; none is left active."""
    monkeypatch.chdir(repo)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GTRACK_QUIET", "1")
    fresh: dict[str, Any] = {"experiment": None, "seed": {}, "started": {}, "resumed": itertools.count()}
    monkeypatch.setattr(fluent, "_state", {**fluent._state, **fresh})
    yield repo
    left = list(lifecycle._runs)
    for run in reversed(left):
        run.end()
    assert not left, "the test left a run open"
