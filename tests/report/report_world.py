"""A repository with an experiment of six runs, for reports to be about."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

import gtrack
from gtrack.cli import main
from gtrack.report.answering import Answers
from gtrack.report.blocks import read_block
from gtrack.report.page import Page, build_page
from gtrack.report.problems import Problem
from gtrack.report.results import Result
from gtrack.report.sources import read_report

__all__ = ["HOSTILE", "World", "begin"]

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202e|`'\"&amp;</script>](javascript:alert(1))"

TRAINING = """
import gtrack
for lr in (0.05, 0.1, 0.5):
    for seed in (1, 2):
        params = {"lr": lr, "seed": seed, "model": {"depth": 6}}
        with gtrack.start_run(name=f"lr-{lr}-seed-{seed}", experiment="churn", params=params) as run:
            run.define_metric("val_auc", goal="max")
            run.define_metric("val_loss", goal="min")
            for step in range(20):
                run.log({"val_loss": 1 / (1 + lr * step) + seed / 100, "val_auc": 0.9 - lr / 4 + seed / 100}, step=step)
"""


@dataclass(frozen=True)
class World:
    """A repository, and what can be asked of it."""

    root: Path
    env: dict[str, str]

    def run(self, *argv: str) -> str:
        done = subprocess.run(
            argv, cwd=self.root, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def typed(self, command: str) -> tuple[int, str]:
        """Call the command line in this process, which is ten times as fast as one of its own.

        Returns:
            The exit code, and all that was printed.
        """
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out):
            patch.chdir(self.root)
            patch.setattr(os, "environ", dict(self.env))
            code = main(shlex.split(command)[1:])
        return code, out.getvalue()

    def gtrack(self, *argv: str) -> str:
        code, out = self.typed(shlex.join(["gtrack", *argv]))
        assert code == 0, out
        return out

    def write(self, path: str, content: str | bytes) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def repo(self) -> gtrack.Repo:
        return gtrack.Repo(str(self.root), env=self.env)

    def answer(self, source: str) -> Result | Problem:
        """Return what a block comes to, whose fence is in line 1 of a file."""
        with self.repo() as repo:
            return Answers(repo).of(read_block("r.md", 1, source))

    def page(self, *texts: str) -> Page:
        """Return the page of reports ``r0.md``, ``r1.md``, ..."""
        for number, text in enumerate(texts):
            self.write(f"r{number}.md", text)
        with self.repo() as repo:
            return build_page(repo, [read_report(repo, f"r{number}.md") for number in range(len(texts))])


def begin(root: Path) -> World:
    """Make the repository."""
    root.mkdir()
    env = {
        **os.environ,
        "HOME": str(root.parent),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GTRACK_SYSTEM_METRICS": "off",
        "LANG": "C.UTF-8",
    }
    world = World(root, env)
    world.run("git", "init", "-q", "-b", "main")
    world.write("train.py", TRAINING)
    world.run("git", "add", ".")
    world.run("git", "commit", "-q", "-m", "first")
    world.run(sys.executable, "train.py")
    world.gtrack("-q", "experiment", "set", "churn", "--metric", "val_auc", "--goal", "max")
    return world
