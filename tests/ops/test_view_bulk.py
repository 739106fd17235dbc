"""Many runs read at once: the same states as one by one, from one git process, and nothing of it stays behind."""

from __future__ import annotations

import gc
import os
import stat
from contextlib import closing

import psutil
import pytest
from hostile import PLAIN, SUBMODULE, blobs, commit, event
from spooling import START, facts_of, git, make_repo

from gtrack.branch.bulk import read_blobs, read_runs
from gtrack.branch.commit import FORMAT_FILE, format_file
from gtrack.branch.git import Git
from gtrack.branch.objects import MissingObjectError
from gtrack.branch.repository import Repository
from gtrack.clock import iso, stamp
from gtrack.errors import GitError
from gtrack.format import names, yaml
from gtrack.model.summary import MetricSummary
from gtrack.ops.view import View

IDS = [f"{number:032x}" for number in range(0, 60 * 7**10, 7**10)]


def run_files(run_id):
    """A run with an end that many have alike, and a rename."""
    number = int(run_id, 16) % 5
    metrics = {"loss": MetricSummary.point(float(number), number, START).to_dict()}
    end = yaml.dump({"format": 1, "session": "9c1d7b6e", "status": "finished", "ended": iso(START), "metrics": metrics})
    folder = names.run_dir(run_id)
    return {
        f"{folder}/run.yaml": yaml.dump(facts_of(run_id, params={"n": number}, environment={"packages": {"a": "1"}})),
        f"{folder}/{names.end(stamp(START), end)}": end,
        **event(folder, {"kind": "rename", "name": f"run {number}", "author": "Ada"}, START + 1),
        f"{folder}/notes.yaml": b"not of this format",
    }


@pytest.fixture
def repo(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        yield repo.repository


def record(repo, more=None):
    """Put sixty runs on the branch, and perhaps more files, {path: (mode, id)}."""
    files = {path: data for run_id in IDS for path, data in run_files(run_id).items()}
    everything = {FORMAT_FILE: format_file(0), **files}
    tip = commit(repo, {**blobs(repo, everything), **(more or {})})
    git(repo.paths.common_dir, "update-ref", repo.branch, tip)
    return {path: oid for path, (_, oid) in blobs(repo, files).items()}


def lose(repo, oid):
    os.remove(os.path.join(repo.paths.common_dir, "objects", oid[:2], oid[2:]))


def one_by_one(repo):
    view = View(repo)
    return {run_id: view.state(run_id) for run_id in view.run_ids}


def in_bulk(repo):
    return {state.id: state for state in View(repo).states()}


def read(repo, wanted=IDS):
    return read_runs(repo, [repo.tree_of(repo.tip)], wanted)


def test_runs_read_in_bulk_are_those_read_one_by_one(repo):
    record(repo)
    assert in_bulk(repo) == one_by_one(repo)
    assert len(in_bulk(repo)) == len(IDS)
    assert {state.name for state in in_bulk(repo).values()} == {f"run {number}" for number in range(5)}


def test_content_that_many_runs_have_in_common_is_there_for_each_and_dropped_after_the_last(repo):
    record(repo)
    kept = None
    with closing(read(repo)) as runs:
        for _, files, contents in runs:
            kept = contents
            for name, _, oid in files:
                assert not name.endswith(".yaml") or (oid in contents and contents[oid] == repo.read_blob(oid))
    assert kept == {}


def test_only_the_runs_that_are_wanted_are_read(repo):
    record(repo)
    assert [run_id for run_id, _, _ in read(repo, set(IDS[3:5]))] == IDS[3:5]
    assert list(read(repo, ())) == []
    assert list(read_runs(repo, [], IDS)) == []


def test_a_missing_document_is_named_as_such_in_bulk_too(repo):
    oids = record(repo)
    lost = oids[f"{names.run_dir(IDS[30])}/run.yaml"]
    lose(repo, lost)
    with pytest.raises(MissingObjectError, match=lost):
        View(repo).states()


def test_files_that_are_no_documents_may_be_missing(repo):
    folder, absent = names.run_dir(IDS[7]), "1" * 40
    artifacts = f"{folder}/artifacts-9c1d7b6e-9c1d7b6e-0-1.yaml"
    record(repo, {f"{folder}/module.yaml": (SUBMODULE, absent), artifacts: (PLAIN, absent)})
    states = in_bulk(repo)
    assert len(states) == len(IDS)
    assert any("module.yaml" in problem for problem in states[IDS[7]].problems)


def test_a_reader_that_stops_early_leaves_no_process(repo):
    record(repo)
    before = psutil.Process().children()
    with closing(read(repo)) as runs:
        next(runs)
        assert len(psutil.Process().children()) == len(before) + 1
    assert psutil.Process().children() == before


def script(tmp_path, body):
    """A git that does something else when asked for contents."""
    real = Git.find(os.environ).executable
    path = tmp_path / "bin" / "git"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\ncase "$*" in *cat-file*) {body} ;; esac\nexec {real} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {**os.environ, "PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'fatal: object is corrupt' >&2; exit 128", "git cat-file failed: fatal: object is corrupt"),
        (f"printf '{'1' * 40} blob 99\\nhalf'; echo 'fatal: disk on fire' >&2; exit 1", "fatal: disk on fire"),
        (f"printf '{'1' * 40} blob 99\\nhalf'; exit 0", "stopped before it had read everything"),
        ("exit 0", "stopped before it had read everything"),
        ("echo something else; cat", "answered b'something else"),
    ],
)
def test_what_git_cannot_read_is_an_error_in_its_own_words(repo, tmp_path, body, said):
    record(repo)
    with (
        closing(Repository(str(tmp_path / "repo"), script(tmp_path, body))) as other,
        pytest.raises(GitError, match=said),
    ):
        View(other).states()


def test_contents_are_given_by_id_and_what_is_missing_is_left_out(repo):
    oids = sorted(set(record(repo).values()))
    found = read_blobs(repo, [*oids, "1" * 40])
    assert found == {oid: repo.read_blob(oid) for oid in oids}
    assert read_blobs(repo, []) == {}


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_garbage_collector_is_as_it_was_after_a_listing(repo, enabled, frozen):
    record(repo)
    gc.collect()
    (gc.enable if enabled else gc.disable)()
    if frozen:
        gc.freeze()
    try:
        before = gc.get_freeze_count()
        View(repo).states()
        assert gc.isenabled() == enabled
        assert bool(gc.get_freeze_count()) == bool(before) == frozen
    finally:
        gc.unfreeze()
        gc.enable()


def test_the_garbage_collector_is_as_it_was_when_a_listing_fails(repo):
    oids = record(repo)
    lose(repo, oids[f"{names.run_dir(IDS[30])}/run.yaml"])
    with pytest.raises(MissingObjectError):
        View(repo).states()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
