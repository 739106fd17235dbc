"""A repository to train in and to look at, in this process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import gtrack
from gtrack import fluent, lifecycle
from gtrack.cli import main


@dataclass
class Project:
    """A repository with one commit, which is the working directory."""

    root: Path
    number: Iterator[int] = field(default_factory=count)

    def start(self, **options: Any) -> gtrack.Run:
        """Start a run that does not look at the machine."""
        return gtrack.start_run(f"run{next(self.number)}", experiment="churn", **options)

    def data(self, selector: str = "last") -> list[dict[str, Any]]:
        """Return what is recorded of a run's data."""
        with gtrack.Repo(str(self.root), env=os.environ) as repo:
            return [dict(entry) for entry in repo.run(selector).state.data]  # type: ignore[call-overload]

    def show(self, *argv: str) -> str:
        """Return what a command prints."""
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            assert main(list(argv)) == 0
        return out.buffer.getvalue().decode()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository to copy."""
    root = tmp_path_factory.mktemp("template")
    (root / "train.py").write_text("print()\n")
    for args in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *args], cwd=root, check=True)
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A repository of the test's own; no run is left open."""
    import shutil

    root = tmp_path / "project"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GTRACK_QUIET", "1")
    fresh: dict[str, Any] = {"experiment": None, "seed": {}, "started": {}, "resumed": count()}
    monkeypatch.setattr(fluent, "_state", {**fluent._state, **fresh})
    yield Project(root)
    left = list(lifecycle._runs)
    for run in reversed(left):
        run.end()
    assert not left, "the test left a run open"
