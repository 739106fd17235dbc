"""Runs take artifacts of others; what was made from what is shown, and hostile edges lead nowhere."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner

import gtrack
from gtrack.branch.commit import commit_files
from gtrack.cli.artifact_lineage import lineage_command
from gtrack.cli.invocation import Invocation
from gtrack.cli.sections import run_sections
from gtrack.cli.terminal import Terminal
from gtrack.errors import AmbiguousError, DamageError, NotFoundError, UsageError
from gtrack.format import names, yaml
from gtrack.ops.gc_references import references
from gtrack.ops.lineage import find, lineage
from gtrack.ops.view import View
from gtrack.reader import Repo


def lineage_of(*args):
    env = {**os.environ, "GTRACK_QUIET": "1"}
    return CliRunner().invoke(lineage_command, args, obj=Invocation(env, quiet=True), catch_exceptions=False).output


def _uses(state):
    (section,) = [each for each in run_sections(state, Terminal()) if each.title == "Uses"]
    return section.rows


@pytest.fixture
def chain(here):
    """Three runs, each made from the one before; a fourth from the first."""
    with gtrack.start_run("ingest", experiment="churn") as ingest:
        ingest.log_bytes(b"raw", "raw/data.csv")
    with gtrack.start_run("prepare", experiment="churn") as prepare:
        path = prepare.use_artifact("ingest/raw/data.csv")
        assert prepare.use_artifact("ingest/raw/data.csv") == path
        assert os.path.basename(path) == "data.csv"
        with open(path, "rb") as file:
            assert file.read() == b"raw"
        prepare.log_bytes(b"features", "features.bin")
        prepare.log_bytes(b"other", "other.bin")
    with gtrack.start_run("train", experiment="churn") as train:
        train.log_metric("loss", 1.0)
        train.use_artifact("features.bin", run="prepare")
        train.log_bytes(b"model", "model.bin")
    with gtrack.start_run("report", experiment="churn") as report, Repo() as repo:
        first = repo.run("ingest")
        report.use_artifact(first.artifact("raw/data.csv"), run=first)
    return [ingest.id, prepare.id, train.id, report.id]


def test_a_run_is_made_from_what_it_used_to_any_depth(chain):
    ingest, prepare, train, report = chain
    with Repo() as repo:
        assert [use["run"] for use in repo.run("train").state.uses] == [prepare]
        assert [use["path"] for use in repo.run("prepare").state.uses] == ["raw/data.csv"]
        view = View(repo.repository)
        found = lineage(view, train)
        assert [step.run for step in found.up] == [train, prepare, ingest]
        assert [step.run for step in found.down] == [train]
        below = lineage(view, ingest, up=False)
        assert {step.run for step in below.down} == {ingest, prepare, train, report}
        assert [step.run for step in lineage(view, prepare, "other.bin", up=False).down] == [prepare]
        assert [step.run for step in lineage(view, prepare, "features.bin", up=False).down] == [prepare, train]


def test_show_names_what_was_used_and_by_whom_it_was_made(chain):
    with Repo() as repo:
        state = repo.run("train").state
        (row,) = _uses(state)
        assert row[1] == f"features.bin of {chain[1][:7]}, sha256 {state.uses[0]['sha256'][:12]}"
        odd = [{"run": chain[0], "path": "a\x1b[2Jb"}, {"run": "nobody", "path": "x"}, "words"]
        shown = [row[1] for row in _uses(replace(state, uses=odd))]
    assert shown == [f"a\\x1b[2Jb of {chain[0][:7]}", "run=nobody path=x", "words"]


def test_what_a_run_used_keeps_objects(chain):
    with Repo() as repo:
        uses = repo.run("train").state.uses
        assert uses[0]["sha256"] in references(repo.repository).runs[chain[2]]


def test_an_artifact_is_used_without_a_network_and_not_when_it_is_damaged(chain, here):
    cache = here / ".git" / "gtrack" / "objects"
    with gtrack.start_run("again") as run:
        path = run.use_artifact("train/model.bin")
        assert os.stat(path).st_mode & 0o222 == 0
        (held,) = cache.rglob(os.path.basename(os.path.dirname(path)))
        held.chmod(0o644)
        held.write_bytes(b"forged")
        with pytest.raises((DamageError, NotFoundError)):
            run.use_artifact("train/model.bin")


def test_a_name_may_be_as_long_as_a_disk_takes_it(here):
    name = "n" * 251 + ".bin"
    with gtrack.start_run("made") as made:
        made.log_bytes(b"content", name)
    with gtrack.start_run("user") as user:
        path = user.use_artifact(name, run="made")
        assert os.path.basename(path) == name
        assert os.listdir(os.path.dirname(path)) == [name]


def test_wrong_names_are_told(chain):
    with gtrack.start_run("last one") as run:
        with pytest.raises(NotFoundError, match=r"did you mean 'model\.bin'"):
            run.use_artifact("train/modl.bin")
        with pytest.raises(NotFoundError, match="no run"):
            run.use_artifact("nobody/model.bin")
        with pytest.raises(UsageError, match="names a run"):
            run.use_artifact("train")
        with pytest.raises(UsageError, match="is not an artifact"):
            run.use_artifact(3)
        with Repo() as repo, pytest.raises(UsageError, match="which run"):
            run.use_artifact(repo.run("train").artifact("model.bin"))
        assert run.active


def test_a_run_whose_name_has_slashes_is_found_by_its_shortest_beginning(chain):
    with gtrack.start_run("a/b"), gtrack.start_run("c/d", nested=True):
        pass
    with Repo() as repo:
        view = View(repo.repository)
        assert find(view, "a/b") == (repo.run("a/b").id, None)
        assert find(view, "a/b/plots/roc.png") == (repo.run("a/b").id, "plots/roc.png")
        assert find(view, "train/a/b") == (chain[2], "a/b")
        with pytest.raises(NotFoundError):
            find(view, "x/" * 100)
    with gtrack.start_run("a/b"):
        pass
    with Repo() as repo, pytest.raises(AmbiguousError):
        find(View(repo.repository), "a/b/model.bin")


def test_the_command_draws_trees_and_graphs(chain):
    ingest, prepare, train, report = chain
    tree = lineage_of("prepare")
    assert f"raw/data.csv of ingest ({ingest[:7]})" in tree
    assert f"train ({train[:7]})" in tree
    assert "by features.bin" in tree
    assert "report" not in tree
    assert "used by" not in lineage_of("prepare", "--up")
    assert "made from" not in lineage_of("ingest", "--down")
    found = json.loads(lineage_of("ingest", "--json"))
    assert {node["name"] for node in found["runs"]} == {"ingest", "prepare", "train", "report"}
    assert {(use["run"], use["uses"]) for use in found["uses"]} == {
        (prepare, ingest), (report, ingest), (train, prepare)
    }  # fmt: skip
    dot = lineage_of("train", "--format", "dot")
    assert f'"{prepare}" -> "{train}" [label="features.bin"];' in dot
    assert lineage_of("train", "--format", "mermaid").startswith("flowchart LR\n")


def test_hostile_edges_and_names_cannot_break_out(chain, here):
    me, evil = "e" * 32, 'x"]; evil [label="\x1b[2J'
    uses = [{"run": me, "path": "self"}, {"run": chain[0], "path": evil}, {"run": "f" * 32, "path": "gone"}, {"run": 7}]
    head = {
        "format": 1, "id": me, "name": evil, "experiment": "x", "started": "2026-01-01T00:00:00.000000Z",
        "session": "1" * 8, "author": "", "params": {}, "tags": {}, "uses": uses,
        "code": {"commit": "c" * 40, "branch": evil}, "data": [{"name": evil, "digest": evil}, 3],
    }  # fmt: skip
    with Repo() as repo, repo.repository.lock():
        commit_files(repo.repository, {f"{names.run_dir(me)}/run.yaml": yaml.dump(head)}, "x", by="E <e@example.org>")
    for form in ("tree", "dot", "mermaid"):
        text = lineage_of(me, "--format", form)
        assert "\x1b" not in text
        assert "not here" in text
    dot = lineage_of(me, "--format", "dot")
    assert all(line.count('"') - line.count('\\"') in (0, 2, 4, 6) for line in dot.splitlines())
    if shutil.which("dot"):
        import subprocess

        subprocess.run(["dot", "-Tsvg"], input=dot.encode(), check=True, capture_output=True)
    mermaid = lineage_of(me, "--format", "mermaid")
    assert "evil [" not in mermaid
    assert 'x"]' not in mermaid
