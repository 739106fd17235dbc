"""A real repository and the command line in it, free of the machine's own configuration."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gtrack.cli import main

SOURCE = str(Path(__file__).resolve().parents[2] / "src")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A repository with one commit, in which ``gtrack`` and ``git`` are run as processes."""

    root: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, *argv: str, stdin: str = "", cwd: Path | None = None, **env: str) -> Result:
        done = subprocess.run(
            argv,
            cwd=cwd or self.root,
            env={**self.env, **env},
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def gtrack(self, *argv: str, stdin: str = "", cwd: Path | None = None, **env: str) -> Result:
        """Call the command line in this process, which is ten times as fast as a process of its own."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd or self.root)
            patch.setattr(os, "environ", {**self.env, **env})
            for name, stream in (("stdout", out), ("stderr", err), ("stdin", given)):
                patch.setattr(sys, name, stream)
            code = main(list(argv))
        texts = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]
        return Result(code, *texts)

    def process(self, *argv: str, **env: str) -> Result:
        """Call the command line as a process."""
        return self.run(sys.executable, "-m", "gtrack", *argv, **env)

    def ok(self, *argv: str, stdin: str = "", **env: str) -> str:
        done = self.gtrack(*argv, stdin=stdin, **env)
        assert done.code == 0, done.err
        return done.out

    def git(self, *argv: str, **env: str) -> str:
        done = self.run("git", *argv, **env)
        assert done.code == 0, done.err
        return done.out


@pytest.fixture
def outside(tmp_path: Path) -> Project:
    """A folder that is no repository."""
    root = tmp_path / "outside"
    root.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONPATH": SOURCE,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
    }
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "Ada L", f"GIT_{role}_EMAIL": "ada@example.org"}
    return Project(root, env)


@pytest.fixture
def project(outside: Project) -> Project:
    """A repository with one commit."""
    repo = Project(outside.root.parent / "project", outside.env)
    repo.root.mkdir()
    repo.git("init", "-q", "-b", "main")
    (repo.root / "train.py").write_text("print('training')\n")
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "first")
    return repo
