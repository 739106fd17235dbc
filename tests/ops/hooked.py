"""A clone with gtrack's hooks, in which git finds the gtrack of this test run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gtrack.branch.hooks import install_hooks
from gtrack.reader import RecordedRun, Repo

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
BIN = str(Path(sys.executable).parent)


@dataclass(frozen=True)
class Clone:
    """A clone in which hooks find the gtrack of this test run."""

    root: Path

    def call(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        given = {**os.environ, "PYTHONPATH": SOURCE, "PATH": f"{BIN}:{os.environ['PATH']}", **env}
        return subprocess.run(argv, cwd=self.root, env=given, capture_output=True, text=True, check=False, timeout=60)

    def git(self, *args: str, **env: str) -> str:
        done = self.call("git", *args, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, *args: str, **env: str) -> str:
        """Run a push that the hook stops, and return what is said about it."""
        done = self.call("git", "push", *args, **env)
        assert done.returncode == 1, done.stderr
        assert "gtrack: this push would" in done.stderr
        assert "hint: " in done.stderr
        return done.stderr

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.root / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    def commit(self, message: str, *args: str, **files: str) -> str:
        """Commit files (``results__a_csv`` is ``results/a.csv``) and return what was printed."""
        self.write(**files)
        self.git("add", "-A")
        done = self.call("git", "commit", "-q", "-m", message, *args)
        assert done.returncode == 0, done.stderr
        return done.stderr

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def runs(self) -> list[RecordedRun]:
        with Repo(str(self.root), env={**os.environ}) as repo:
            return repo.runs()


def make_clone(tmp_path: Path) -> Clone:
    """Return a clone of a bare repository, with one commit, hooks and the branch for runs."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "team.git")], check=True)
    out = Clone(tmp_path / "clone")
    subprocess.run(["git", "clone", "-q", str(tmp_path / "team.git"), str(out.root)], check=True, capture_output=True)
    out.git("checkout", "-q", "-b", "main")
    out.commit("first", train_py="print('training')\n")
    out.git("push", "-q", "-u", "origin", "main")
    with Repo(str(out.root), env={**os.environ}) as repo:
        repo.ensure_branch()
        install_hooks(repo.repository, sys.executable)
    return out
