"""MLflow's documented searches find here what they find in MLflow itself, on the same runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from mlflow_search_cases import CASES, RUNS, Case, LoggedRun
from venvs import python_of

from gtrack.clock import iso
from gtrack.errors import UsageError
from gtrack.reader import Repo
from gtrack.spool.writing import create_run

pytestmark = pytest.mark.integrations

SIDE = Path(__file__).with_name("mlflow_side.py")


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    """What MLflow made of the runs, and found."""
    python = python_of("mlflow")
    if python is None:
        pytest.skip("MLflow is not installed; make test-integrations installs it")
    folder = tmp_path_factory.mktemp("mlflow")
    asked = {
        "store": f"sqlite:///{folder}/mlflow.db",
        "runs": list(map(asdict, RUNS)),
        "cases": [{"text": case.text, "order": case.order} for case in CASES],
    }
    command = [str(python), str(SIDE)]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def repo(mlflow: dict[str, list], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """A repository with the same runs, under the ids that MLflow gave them."""
    root = tmp_path_factory.mktemp("gtrack")
    subprocess.run(["git", "init", "-q", root], check=True)
    spool = root / ".git" / "gtrack" / "spool"
    spool.mkdir(parents=True)
    for logged, made in zip(RUNS, mlflow["runs"], strict=True):
        record(spool, made["id"], logged)
    with Repo(str(root), env=dict(os.environ)) as opened:
        yield opened


def record(spool: Path, run_id: str, logged: LoggedRun) -> None:
    """Write what a process that logged the run leaves behind when it ends."""
    session, started = run_id[:8], iso(logged.start * 1000)
    facts = {
        "format": 1, "id": run_id, "name": logged.name, "experiment": "search-run-guide", "parent": None,
        "group": None, "started": started, "session": session, "author": logged.user, "params": logged.params,
        "tags": logged.tags, "notes": [], "code": {}, "environment": {}, "seed": {},
        "data": [{"name": name, "digest": digest, "role": role} for name, digest, role in logged.datasets],
    }  # fmt: skip
    writer = create_run(str(spool), run_id, session, facts, on_trouble=trouble)
    for key, value, step in logged.metrics:
        writer.journal.append_at(key, value, step, (logged.start + step) * 1_000_000)
    writer.ledger.append("end", {"status": logged.status.lower(), "ended": logged.end * 1000, "error": None})
    writer.close()


def trouble(key: str, error: Exception) -> None:
    raise AssertionError(f"{key}: {error}")


def ours(repo: Repo, case: Case, ids: list[str]) -> list[str] | str:
    text = case.text.format(**{f"id{number}": run_id for number, run_id in enumerate(ids)})
    try:
        return [run.id for run in repo.search(text or None, order_by=case.order)]
    except UsageError as error:
        return error.message


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: " ".join(CASES[number].text.split())[:60])
def test_a_search_finds_what_mlflow_finds(repo: Repo, mlflow: dict[str, list], number: int) -> None:
    case, ids, theirs = CASES[number], [run["id"] for run in mlflow["runs"]], mlflow["found"][number]
    found = ours(repo, case, ids)

    def numbers(found: list[str] | str) -> list[int] | str:
        return found if isinstance(found, str) else [ids.index(run_id) for run_id in found]

    if case.error:
        assert isinstance(found, str)
        assert isinstance(theirs, str)
    elif case.differs is not None:
        expected = None if case.ours is None else list(case.ours)
        assert (None if isinstance(found, str) else numbers(found)) == expected
        assert numbers(theirs) != numbers(found), "no longer different"
    else:
        assert numbers(found) == numbers(theirs)
        assert not isinstance(found, str)
