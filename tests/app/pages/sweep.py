"""Runs that are worth comparing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from apptest import make_repository

import gtrack
from gtrack.model.state import RunState


def make_sweep(path: Path) -> Path:
    """Record runs of two configurations with two seeds each, with an edit of the code between them, and images."""
    make_repository(path)
    for lr, code in ((0.1, "print('training')\n"), (0.2, "print('training better')\n")):
        (path / "train.py").write_text(code)
        for seed in range(2):
            params = {"lr": lr, "seed": seed, "model": {"depth": 3}}
            with contextlib.chdir(path), gtrack.start_run(
                f"lr{lr}-s{seed}", experiment="churn", group=f"lr{lr}", params=params, system_metrics=False
            ) as run:  # fmt: skip
                run.define_metric("val_auc", goal="max")
                for step in range(3):
                    run.log({"val_auc": lr + 0.01 * seed + 0.05 * step, "loss": 1 - lr - 0.1 * step, "same": 1.0}, step)
                    run.log_image(np.full((4, 6), 20 * step + seed, np.uint8), "samples", step=step, caption="*of it*")
    return path


def states(path: Path) -> list[RunState]:
    """Return the states of all runs, the oldest first."""
    with gtrack.Repo(str(path)) as repo:
        return [run.state for run in reversed(repo.runs())]
