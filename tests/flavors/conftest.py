"""A repository to log models in, as this process's own; data to train on."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gtrack import fluent, lifecycle


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository, with nothing left of earlier runs; none is left active."""
    root = tmp_path / "project"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "train.py").write_text("DEPTH = 3\n")
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "first"], cwd=root, check=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fresh: dict[str, Any] = {"experiment": None, "seed": {}, "started": {}, "resumed": itertools.count()}
    monkeypatch.setattr(fluent, "_state", {**fluent._state, **fresh})
    yield root
    left = list(lifecycle._runs)
    for run in reversed(left):
        run.end()
    assert not left, "the test left a run open"


@pytest.fixture(scope="session")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Sixty rows of three columns, and two classes."""
    x = np.random.default_rng(0).normal(size=(60, 3))
    return x, (x[:, 0] > 0).astype(int)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a model."""
    made = tmp_path / "saved"
    made.mkdir()
    return made
