"""Commit changes, and train each commit with three seeds: a process of its own, run in the repository.

As a script: ``story_trainer.py BRANCH FIRST``, where BRANCH is one of ``main``, ``pull-request`` and ``fix``, and FIRST
the number of its first commit in the story, which gives the commits their times.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from story_history import FIX, MAIN, PULL_REQUEST, Change

SEEDS = (1, 2, 3)
_START = 1_795_000_000
_HOUR = 3600


def main(branch: str, first: int) -> None:
    """Make the commits of a branch, and their runs."""
    changes = {"main": MAIN, "pull-request": PULL_REQUEST, "fix": (FIX,)}[branch]
    for number, change in enumerate(changes, first):
        commit(change, number)
        train()


def commit(change: Change, number: int) -> None:
    """Commit a change, at a time of its own."""
    for path, text in change.files:
        Path(path).write_text(text)
    code = Path("train.py").read_text()
    Path("train.py").write_text(_edited(code, change.edits))
    when = f"{_START + number * _HOUR} +0000"
    env = {**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    subprocess.run(["git", "add", "."], check=True)
    subprocess.run(["git", "commit", "-q", "-m", change.subject], check=True, env=env)


def train() -> None:
    """Run the training script as ``python train.py --seed SEED`` does, once for each seed."""
    for seed in SEEDS:
        sys.argv = ["train.py", "--seed", str(seed)]
        runpy.run_path("train.py", run_name="__main__")


def _edited(code: str, edits: Iterable[tuple[str, str]]) -> str:
    for old, new in edits:
        assert old in code, old
        code = code.replace(old, new)
    return code


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
