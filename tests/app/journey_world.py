"""A repository worth a journey: two experiments, long curves, images, edits of the code, children, a baseline."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import gtrack
from gtrack.ops.experiments import set_protocol
from gtrack.ops.model_events import log_metrics, note, set_alias
from gtrack.ops.model_stages import approve, promote
from gtrack.ops.registering import register

POINTS = 3_000
_NOTES = """# Churn

What we know so far.

```gtrack
leaderboard: churn
```
"""

_POLICY = """policy:
  models:
    churn:
      require: metrics.val/auc >= 0.5
      production: {approvals: 1}
"""

LIVE = """
import sys, time
import gtrack

with gtrack.start_run("live", experiment="churn", params={"lr": 0.5}, system_metrics=False) as run:
    step = 0
    while not sys.stdin.closed and step < 3000:
        run.log({"val/auc": 0.5 + step / 10000, "train/loss": 1.0}, step=step)
        step += 1
        time.sleep(0.05)
"""
"""A program that logs until it is ended."""
REGISTERED = (1, 2, 5)
"""The runs of churn whose models are registered."""
_MLMODEL = """flavors:
  python_function: {loader_module: gtrack.flavors.function}
signature:
  inputs: '[{"type": "double", "name": "age"}, {"type": "string", "name": "plan"}]'
  outputs: '[{"type": "double"}]'
"""


def make_world(path: Path) -> Path:
    """Record eight runs, and say how those of an experiment are compared."""
    path.mkdir(parents=True)
    (path / "train.py").write_text("rate = 0.1\nprint('training')\n")
    (path / "gtrack.yaml").write_text(_POLICY)
    (path / "reports").mkdir()
    (path / "reports" / "churn.md").write_text(_NOTES)
    _git(path, "init", "-q")
    _git(path, "add", ".")
    _git(path, "commit", "-qm", "first")
    with contextlib.chdir(path):
        for number in range(6):
            if number == 3:  # the code is edited, and not committed
                (path / "train.py").write_text("rate = 0.2\nprint('training better')\n")
            _churn(number)
        with gtrack.start_run("search", experiment="fraud", system_metrics=False) as parent:
            _fraud(parent)
    with gtrack.Repo(str(path)) as repo:
        base = repo.run("name:churn-0").id
        said = {"metric": "val/auc", "goal": "max", "baseline": base, "description": "Does a higher rate help?"}
        set_protocol(repo.repository, "churn", said)
    _register(path)
    return path


def _register(path: Path) -> None:
    """Register the models of three runs: one is in Production, one waits to be approved."""
    ben = {**os.environ, "GIT_AUTHOR_NAME": "Ben", "GIT_AUTHOR_EMAIL": "ben@example.org"}
    with gtrack.Repo(str(path)) as repo, gtrack.Repo(str(path), env=ben) as other:
        own = repo.repository
        for number, run in enumerate(REGISTERED, 1):
            register(own, f"name:churn-{run}/model", "churn", description=f"depth {3 + run % 3}, sweep {number}")
        promote(own, "churn/1", "production", reason="the first that is good enough")
        approve(other.repository, "churn/1", "production")
        set_alias(own, "churn", "champion", 1)
        set_alias(own, "churn", "challenger", 3)
        promote(own, "churn/2", "staging", reason="a week in shadow")
        log_metrics(own, "churn/2", {"shadow_auc": 0.91})
        note(own, "churn/2", "drifts on customers of less than a month")
        promote(other.repository, "churn/3", "production", reason="beats v1 by 0.04 AUC")


def start_live(path: Path) -> subprocess.Popen[bytes]:
    """Start a program that records a run, in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", LIVE], cwd=path, stdin=subprocess.DEVNULL)


def _churn(number: int) -> None:
    rate = 0.05 * (number + 1)
    params = {"lr": rate, "depth": 3 + number % 3, "model": "trees" if number % 2 else "linear", "seed": number % 2}
    with gtrack.start_run(
        f"churn-{number}", experiment="churn", group=f"depth-{3 + number % 3}", params=params, system_metrics=False
    ) as run:
        run.define_metric("val/auc", goal="max")
        for step in range(POINTS):
            noise = (step * (number + 7919)) % 1000 / 20_000
            auc = 0.6 + 0.04 * number + 0.1 * (1 - math.exp(-step / 600)) + noise
            run.log({"train/loss": math.exp(-step / (400 + 100 * number)) + noise, "val/auc": auc}, step=step)
            if step % 1500 == 0 or step == POINTS - 1:
                run.log_image(_picture(number, step), "samples", step=step, caption=f"after {step}")
        if number in REGISTERED:
            run.log_bytes(_MLMODEL.encode(), "model/MLmodel")
            run.log_bytes(json.dumps({"rate": rate, "weights": [number] * 50}).encode(), "model/weights.json")
        print(f"trained with {rate}")


def _fraud(parent: gtrack.Run) -> None:
    for number in range(2):
        with gtrack.start_run(
            f"trial-{number}", experiment="fraud", nested=True, params={"width": 8 << number}, system_metrics=False
        ) as run:
            for step in range(20):
                run.log({"loss": 1 / (step + 1 + number)}, step=step)
    parent.log({"loss": 0.05})


def _picture(number: int, step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rows, columns = np.mgrid[0:48, 0:64]
    shade = 128 + 100 * np.sin(columns / (4 + number) + step / 700) * np.cos(rows / 9)
    return np.stack([shade, 255 - shade, np.full_like(shade, 120)], axis=2).astype(np.uint8)


def _git(path: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(path), *arguments], check=True)
