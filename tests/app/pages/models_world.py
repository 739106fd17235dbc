"""Repositories with registered models, for the page of models."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import numpy as np
from apptest import make_repository

import gtrack
from gtrack.model.registry import ModelState
from gtrack.ops.model_events import set_alias
from gtrack.ops.model_stages import promote
from gtrack.ops.registering import register

BEN = {"GIT_AUTHOR_NAME": "Ben", "GIT_AUTHOR_EMAIL": "ben@example.org"}
"""Somebody else's git identity, as the environment says it."""
POLICY = """policy:
  models:
    churn:
      production: {approvals: 1, require: metrics.val_auc >= 0.85}
"""
MLMODEL = """flavors: {python_function: {}}
signature: {inputs: '[{"type": "double", "name": "age"}]', outputs: '[{"type": "double"}]'}
"""


def git(path: Path, *arguments: str) -> None:
    """Run git in a repository."""
    subprocess.run(["git", "-C", str(path), *arguments], check=True, capture_output=True)


def make_models(path: Path, policy: str = POLICY, count: int = 3) -> Path:
    """Record runs with a model each, every one better than the last, and register these as versions of churn.

    The first is in Production, which no policy was asked about, and is the champion; the second is in Staging.
    """
    make_repository(path)
    for number in range(1, count + 1):
        record_model(path, f"run-{number}", 0.79 + 0.05 * number, {"depth": number})
    with gtrack.Repo(str(path)) as repo:
        for number in range(1, count + 1):
            register(repo.repository, f"name:run-{number}/model", "churn", description=f"the {number}. one")
        promote(repo.repository, "churn/1", "production", reason="the first")
        set_alias(repo.repository, "churn", "champion", 1)
        if count > 1:
            promote(repo.repository, "churn/2", "staging")
    if policy:
        says(path, policy)
    return path


def record_model(path: Path, name: str, auc: float, params: dict[str, object]) -> str:
    """Record a run that kept a model, and return its id."""
    with (
        contextlib.chdir(path),
        gtrack.start_run(name, experiment="churn", params=params, system_metrics=False) as run,
    ):
        run.define_metric("val_auc", goal="max")
        run.log({"val_auc": auc, "loss": 1 - auc}, step=0)
        run.log_data("train", np.array([[1.0, auc]]))
        run.log_bytes(MLMODEL.encode(), "model/MLmodel")
        run.log_bytes(f"weights {auc}".encode(), "model/weights.txt")
        return run.id


def says(path: Path, policy: str) -> None:
    """Commit a policy."""
    (path / "gtrack.yaml").write_text(policy)
    git(path, "add", "gtrack.yaml")
    git(path, "commit", "-qm", "policy")


def churn(path: Path) -> ModelState:
    """Return the model as it is now."""
    with gtrack.Repo(str(path)) as repo:
        return repo.model("churn")


def as_ben(path: Path) -> gtrack.Repo:
    """Open a repository as somebody else."""
    return gtrack.Repo(str(path), env={**os.environ, **BEN})
