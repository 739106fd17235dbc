"""A repository to train in: in this process, which is quick, or in processes of its own, which is real."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import gtrack
from gtrack import fluent, lifecycle

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
_GIT = ("git", "-c", "user.name=Ada L", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")


@dataclass
class Project:
    """A git repository with one commit, and scripts that train in it."""

    root: Path
    env: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, code: str, *argv: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a training script and return at once."""
        path = self.root / f"train{len(self.started)}.py"
        path.write_text(code)
        process = subprocess.Popen(
            [sys.executable, str(path), *argv],
            cwd=self.root,
            env={**self.env, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def train(self, code: str, *argv: str, env: Mapping[str, str] | None = None, code_of_exit: int = 0) -> Ended:
        """Run a training script to its end."""
        process = self.start(code, *argv, env=env)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code_of_exit, (process.returncode, out, err)
        return Ended(out, err)

    def runs(self) -> list[gtrack.RecordedRun]:
        """Return the runs, newest first, as the next command sees them."""
        with gtrack.Repo(str(self.root), env=self.env) as repo:
            return repo.runs()

    def run(self, selector: str = "last") -> gtrack.RecordedRun:
        """Return one run, as the next command sees it."""
        with gtrack.Repo(str(self.root), env=self.env) as repo:
            return repo.run(selector)

    def only_run(self) -> gtrack.RecordedRun:
        """Return the run, when it is the only one."""
        runs = self.runs()
        assert len(runs) == 1, runs
        return runs[0]

    def git(self, *argv: str) -> str:
        """Run git in the repository."""
        done = subprocess.run([*_GIT, *argv], cwd=self.root, env=self.env, capture_output=True, text=True, check=True)
        return done.stdout

    def branch_files(self) -> list[str]:
        """Return the paths on the branch, without asking gtrack."""
        return self.git("ls-tree", "-r", "--name-only", "gtrack").splitlines()

    def eventually(self, what: Callable[[], Any], timeout: float = 30.0) -> Any:
        """Wait until something is true, and return it."""
        deadline = time.monotonic() + timeout
        while not (found := what()):
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.02)
        return found


@dataclass(frozen=True)
class Ended:
    """What a training script printed."""

    out: str
    err: str

    @property
    def notices(self) -> list[str]:
        """The lines that gtrack wrote to stderr."""
        return [line.removeprefix("gtrack: ") for line in self.err.splitlines() if line.startswith("gtrack: ")]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository to copy: three git processes less a test."""
    root = tmp_path_factory.mktemp("template") / "project"
    subprocess.run([*_GIT, "init", "-q", str(root)], check=True)
    (root / "model.py").write_text("DEPTH = 3\n")
    (root / ".gitignore").write_text("train*.py\n*.txt\n")
    subprocess.run([*_GIT, "add", "."], cwd=root, check=True)
    subprocess.run([*_GIT, "commit", "-q", "-m", "first"], cwd=root, check=True)
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Iterator[Project]:
    """A repository of the test's own; processes that it left running are killed."""
    root = tmp_path / "project"
    shutil.copytree(template, root)
    env = {name: value for name, value in os.environ.items() if not name.startswith("GTRACK_")}
    env |= {"PYTHONPATH": SOURCE, "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONUNBUFFERED": "1"}
    made = Project(root, env)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The repository as this process's own, with nothing left of earlier runs; none is left active."""
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("XDG_STATE_HOME", project.env["XDG_STATE_HOME"])
    fresh: dict[str, Any] = {"experiment": None, "seed": {}, "started": {}, "resumed": itertools.count()}
    monkeypatch.setattr(fluent, "_state", {**fluent._state, **fresh})
    yield project
    left = list(lifecycle._runs)
    for run in reversed(left):
        run.end()
    assert not left, "the test left a run open"
