"""The frozen example repository of format 1 stays readable, by every later version, as it was read when it was made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gtrack
from gtrack.ops.fsck import check

DATA = Path(__file__).parent / "data" / "format-1"
sys.path.insert(0, str(Path(__file__).parent / "data"))

from make_format_1 import digest, text  # noqa: E402

EXPECTED = json.loads((DATA / "expected.json").read_text())


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    path = tmp_path_factory.mktemp("frozen")
    subprocess.run(["git", "init", "-q", path], check=True)
    subprocess.run(["git", "-C", path, "fetch", "-q", DATA / "example.bundle", "refs/*:refs/*"], check=True)
    with gtrack.Repo(str(path)) as opened:
        yield opened


def test_it_holds_the_same_runs(repo):
    assert {run.id for run in [*repo.runs(), *repo.runs(deleted=True)]} == set(EXPECTED)


@pytest.mark.parametrize("run_id", sorted(EXPECTED))
def test_every_run_reads_as_it_did(repo, run_id):
    run = repo.run(run_id)
    assert json.dumps(run.to_dict(), sort_keys=True) == json.dumps(EXPECTED[run_id]["state"], sort_keys=True)
    assert digest(run) == EXPECTED[run_id]["curves"]
    assert text(run) == EXPECTED[run_id]["console"]


def test_it_has_every_ending_and_the_hard_cases():
    states = {entry["state"]["name"]: entry["state"] for entry in EXPECTED.values()}
    assert {state["status"] for state in states.values()} == {"finished", "failed", "killed", "preempted"}
    assert len(states["parent"]["params"]["long"]) == 100_000
    assert len(states["resumed"]["sessions"]) == 2
    assert states["renamed child"]["parent"] == states["parent"]["id"]
    assert states["parent"]["rejected"] == {"refused": 1}


def test_it_is_whole(repo):
    assert [finding for finding in check(repo).findings if finding.level == "error"] == []
