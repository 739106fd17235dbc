"""Models of every framework: saved, pushed, loaded by a fresh process in a fresh clone; and by MLflow itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_cases import CASES, NEED_CLASS, NEED_TRUST
from venvs import python_of

pytestmark = pytest.mark.integrations
SCRIPT = Path(__file__).with_name("model_cases.py")
TEXTS = {"transformers-pipeline"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare remote with code, and a clone in which models are trained."""
    root = tmp_path_factory.mktemp("models")
    git(root, "init", "-q", "--bare", "remote.git")
    git(root, "clone", "-q", "remote.git", "train")
    (root / "train" / "train.py").write_text("DEPTH = 3\n")
    git(root / "train", "add", ".")
    git(root / "train", "commit", "-q", "-m", "first")
    git(root / "train", "push", "-q", "origin", "HEAD")
    return root


def git(at: Path, *argv: str) -> None:
    subprocess.run(["git", *argv], cwd=at, check=True, capture_output=True)


def tell(at: Path, *argv: str) -> Any:
    """Run the script in a process of its own, and return what it printed."""
    python = python_of("models")
    if python is None:
        pytest.skip("python tests/integrations/venvs.py models")
    env = {**os.environ, "GTRACK_QUIET": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    command = [str(python), "-W", "ignore", str(SCRIPT), *argv]
    done = subprocess.run(command, cwd=at, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def gtrack(at: Path, *argv: str) -> None:
    python = python_of("models")
    subprocess.run([str(python), "-m", "gtrack", *argv], cwd=at, check=True, capture_output=True)


def same(found: Any, wanted: Any) -> bool:
    """Tell whether two predictions are equal, to the last digit but one of a float32."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict | list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], float):
        return bool(np.allclose(found, wanted, rtol=1e-6, atol=1e-7))
    return bool(found == wanted) if not isinstance(wanted, float) else abs(found - wanted) < 1e-6


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_model_predicts_the_same_in_another_clone_and_in_mlflow(case: str, world: Path) -> None:
    wanted = tell(world / "train", "save", case)
    gtrack(world / "train", "push")
    clone = world / f"clone-{case}"
    git(world, "clone", "-q", "remote.git", clone.name)
    here = tell(clone, "load", case)
    assert same(here["found"], wanted)
    if case in NEED_TRUST | NEED_CLASS:
        assert "load_model(..." in here["refused"]
    gtrack(clone, "artifact", "get", f"{case}/model", "-o", "out")
    folder = str(next((clone / "out").rglob("MLmodel")).parent)
    seen = tell(clone, "mlflow", case, folder)
    if case not in NEED_CLASS:
        there = seen["found"]
        if case in TEXTS and isinstance(there, dict):  # MLflow makes tables of maps
            there = [dict(zip(there, row, strict=True)) for row in zip(*there.values(), strict=True)]
        assert same(there, wanted)
    assert same(seen["example"], seen["given"])
    assert seen["inputs"] == seen["inferred"]
    assert seen["outputs"]
    assert tell(clone, "forged", folder) is not None
    assert not (clone / "ran").exists()
    shutil.rmtree(clone)
