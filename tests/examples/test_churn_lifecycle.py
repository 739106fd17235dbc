"""The life of a model in ``examples/``: it runs, and leaves what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gtrack

SCRIPT = Path(__file__).parents[2] / "examples" / "churn_lifecycle" / "lifecycle.py"


def test_the_life_of_a_model(tmp_path: Path) -> None:
    for name in ("sklearn", "skops"):
        pytest.importorskip(name, reason="the example's models are scikit-learn's, kept by skops")
    place = tmp_path / "churn"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "GTRACK_"))}
    env = {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(place)], env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "runs.tags: the tag team is missing",
        "models.churn.require: val_auc is",
        "does not pass the gate: metrics.val_auc >= 0.99",
        "models.churn.production.from: churn/1 is in the stage None",
        "waits for 1 approval",
        "approved v1 for Production: v1 is in Production",
        "v2 is in Production, v1 is archived",
        "rolled back: v1 is in Production again, v2 is archived",
        "churn/1: the chain holds",
    ):
        assert said in done.stdout, said
    tags = subprocess.run(
        ["git", "-C", str(place / "team.git"), "tag"], env=env, capture_output=True, text=True, check=True
    )
    stages = [f"churn@{stage}/v{number}" for stage in ("production", "staging") for number in (1, 2)]
    assert tags.stdout.split() == stages
    with gtrack.Repo(str(place / "chi"), env=env) as repo:
        model = repo.model("churn")
        assert len(repo.runs()) == 13
        assert [version.label for version in model.in_stage("Production")] == ["1"]
        assert model.version(model.aliases["champion"]) == model.in_stage("Production")[0]
        assert model.conflicts == ()
        assert len(model.history) == 13
        assert {entry.author.partition(" <")[0] for entry in model.history} == {"Ada", "Ben"}
        first, second = model.versions
        at = model.history[-3].time
        assert [version.uid for version in model.in_stage("Production", at=at)] == [second.uid]
        assert first.metrics == {"shadow_auc": 0.871, "latency_ms": 3.2}
