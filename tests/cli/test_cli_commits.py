"""Which runs a commit has, as pull requests and continuous integration meet it: squashed, merged, shallow, detached."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

GOOD, BAD = (0.910, 0.913, 0.908), (0.880, 0.877, 0.882)
AUC = ("gate", "metrics.val_auc >= 0.9")


def write(project, text: str) -> None:
    (project.root / "train.py").write_text(text)


def commit(project, text: str) -> str:
    write(project, text)
    project.git("commit", "-qam", text)
    return project.git("rev-parse", "HEAD").strip()


def train(project, values=GOOD, *, lr: float = 0.1) -> None:
    for seed, value in enumerate(values):
        project.ok("log", f"val_auc={value}", "-p", f"lr={lr}", "-p", f"seed={seed}", "--experiment", "churn")


@pytest.fixture
def feature(project):
    """A branch of a better model, with runs; main has runs as well, and is checked out."""
    train(project, BAD)
    project.git("checkout", "-q", "-b", "feature")
    commit(project, "better")
    train(project, GOOD)
    project.git("checkout", "-q", "main")
    return project


def clone(project, tmp_path: Path, *options: str):
    """Return a clone as continuous integration makes one, with the team's runs."""
    server = tmp_path / "server.git"
    project.run("git", "init", "-q", "--bare", "-b", "main", str(server))
    project.git("push", "-q", str(server), "main", "feature", "gtrack")
    subprocess.run(
        ["git", "clone", "-q", *options, server.as_uri(), tmp_path / "ci"], check=True, env=dict(project.env)
    )
    found = replace(project, root=tmp_path / "ci")
    found.git("fetch", "-q", "origin", "gtrack:refs/remotes/origin/gtrack")
    return found


@pytest.mark.parametrize("how", [("merge", "--no-ff", "-m", "Merge"), ("merge", "--squash"), ("cherry-pick", "-x")])
def test_a_merge_a_squash_and_a_rebase_have_the_runs_of_the_code_that_they_are(feature, how):
    base = feature.git("rev-parse", "main").strip()
    feature.git(*how, "feature")
    feature.git("commit", "-q", "--allow-empty", "-m", "the squashed feature, or nothing")
    assert feature.gtrack(*AUC).out.splitlines()[0] == "PASS  val_auc 0.9103 ± 0.0063 (n=3) >= 0.9"
    assert "+0.0307 ± 0.0057  better" in feature.ok("diff", f"{base}..main").splitlines()[1]


def test_commits_that_change_nothing_are_no_steps_of_a_history(feature):
    feature.git("merge", "-q", "--no-ff", "-m", "Merge", "feature")
    feature.git("commit", "-q", "--allow-empty", "-m", "trigger CI")
    found = json.loads(feature.ok("blame", "val_auc", "--json"))
    assert [(point["subject"], point["n"]) for point in found["commits"]] == [("Merge", 3), ("first", 3)]
    assert feature.gtrack("gate", "--against", "main", "-m", "val_auc").out.startswith("PASS  val_auc +0.0307")


def test_edits_that_became_a_commit_are_its_code(project):
    train(project, BAD)
    write(project, "better")
    train(project, GOOD)
    assert "9103" not in project.gtrack(*AUC).out
    project.git("commit", "-qam", "what ran")
    assert project.gtrack(*AUC).out.startswith("PASS  val_auc 0.9103")
    assert [point["n"] for point in json.loads(project.ok("blame", "val_auc", "--json"))["commits"]] == [3, 3]


def test_edits_of_which_a_file_was_left_out_are_not_what_was_committed(project):
    write(project, "better")
    (project.root / "model.py").write_text("WEIGHTS = [" + "1, " * 1_000_000 + "]\n")
    train(project, GOOD[:1])
    code = json.loads(project.ok("show", "last", "--json"))["code"]
    assert code["left_out"]
    project.git("commit", "-qam", "not all that ran")
    done = project.gtrack(*AUC)
    assert (done.code, "has no runs" in done.err) == (3, True)


def test_a_commit_without_runs_names_the_one_that_is_probably_meant(feature):
    before = feature.git("rev-parse", "main").strip()
    commit(feature, "main goes on")
    done = feature.gtrack(*AUC)
    assert done.code == 3
    assert f"has no runs, but {before[:7]}, 1 commit before it, has 3" in done.err
    assert f"--rev {before[:12]}" in done.err
    assert feature.gtrack(*AUC, "--rev", before[:12]).code == 1
    feature.git("merge", "-q", "-X", "ours", "--no-ff", "-m", "as a code host merges", "feature")
    merged = feature.git("rev-parse", "feature").strip()
    assert f"has no runs, but {merged[:7]}, which it merges, has 3" in feature.gtrack(*AUC).err


def test_runs_of_a_commit_that_is_not_in_the_clone_are_judged_by_its_id(feature, tmp_path):
    merged = feature.git("rev-parse", "feature").strip()
    ci = clone(feature, tmp_path, "--depth=1", "--branch=main", "--single-branch")
    assert ci.gtrack(*AUC, "--rev", merged).out.startswith("PASS  val_auc 0.9103")
    assert ci.gtrack(*AUC, "--rev", merged[:7]).code == 0
    assert ci.gtrack(*AUC, "--rev", merged, "--against", "main").out.count("PASS") == 2
    done = ci.gtrack(*AUC, "--rev", "0123456789abcdef")
    assert (done.code, "no revision" in done.err) == (2, True)


def test_a_shallow_clone_says_what_it_lacks(feature, tmp_path):
    feature.git("checkout", "-q", "feature")
    commit(feature, "no run yet")
    ci = clone(feature, tmp_path, "--depth=1", "--branch=feature", "--single-branch")
    ci.git("checkout", "-q", "--detach")
    for asked in (
        ("gate", "--rev", feature.git("rev-parse", "feature~1").strip(), "--against", "HEAD", "-m", "val_auc"),
        ("diff", "HEAD..origin/main"),
        ("blame", "val_auc"),
    ):
        ci.git("fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
        done = ci.gtrack(*asked)
        assert (done.code, "git fetch --unshallow" in done.err) == (3, True), done


def test_with_min_runs_the_best_configuration_of_so_many_counts(feature):
    feature.git("checkout", "-q", "feature")
    train(feature, (0.99,), lr=9)
    assert feature.gtrack(*AUC).out.startswith("PASS  val_auc 0.99 (n=1)")
    done = feature.gtrack(*AUC, "--min-runs", "3")
    assert done.out.startswith("PASS  val_auc 0.9103 ± 0.0063 (n=3)")
    assert "the best by val_auc of those with 3 runs counts" in done.err
    assert feature.gtrack(*AUC, "--min-runs", "4").code == 1
