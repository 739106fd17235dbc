"""The hook post-commit in real repositories: which commits are runs, and what of them is recorded."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hooked import Clone, make_clone
from hypothesis import given
from hypothesis import strategies as st

from gtrack.branch.lock import repository_lock
from gtrack.ops.committed_values import matches


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return make_clone(tmp_path)


@pytest.fixture
def recording(clone: Clone) -> Clone:
    """A clone whose team records metrics.json, params.yaml and results/*.csv."""
    clone.commit(
        "settings",
        gtrack_yaml="experiment: churn\non_commit:\n  - metrics.json\n  - params: params.yaml\n  - results/*.csv\n",
    )
    clone.git("push", "-q", "--no-verify", "origin", "main")
    return clone


def test_a_commit_of_metrics_is_a_run_of_that_commit(recording):
    (recording.root / "train.py").write_text("print('edited, and not committed')\n")
    recording.write(metrics_json='{"val": {"auc": 0.91}}', params_yaml="lr: 0.1\n")
    recording.git("add", "metrics.json", "params.yaml")
    began = time.time()
    done = recording.call("git", "commit", "-q", "-m", "more depth\n\nand a body")
    assert "gtrack: recorded run" in done.stderr
    assert "more depth: val.auc=0.91" in done.stderr
    (run,) = recording.runs()
    assert (run.name, run.experiment, run.status) == ("more depth", "churn", "finished")
    assert (run.metrics, run.params, run.tags) == ({"val.auc": 0.91}, {"lr": 0.1}, {"on_commit": True})
    assert run.started / 1e6 >= began - 1
    code = run.state.code
    assert code["commit"] == recording.head
    assert code["tree"] == recording.git("rev-parse", "HEAD^{tree}")
    assert (code["branch"], code["dirty"]) == ("main", False)
    assert recording.git("rev-parse", f"{code['snapshot']}^{{tree}}") == code["tree"]
    assert code["snapshot"] in recording.git("rev-list", "refs/gtrack/code").split()


def test_files_are_read_from_the_commit_and_not_from_the_working_tree(recording):
    recording.write(metrics_json='{"auc": 0.5}')
    recording.git("add", "metrics.json")
    recording.write(metrics_json='{"auc": 0.99}')
    recording.git("commit", "-q", "-m", "half")
    assert recording.runs()[0].metrics == {"auc": 0.5}


def test_only_what_the_commit_measured_is_recorded(recording):
    recording.commit("params alone", params_yaml="lr: 0.1\n")
    recording.commit("code alone", train_py="print(2)\n")
    assert len(recording.runs()) == 1  # no metrics file is there yet: params are what there is
    recording.commit("one", metrics_json='{"auc": 0.5}', results__a_csv="step,loss\n0,1.0\n1,0.5\n")
    recording.commit("two", results__b_csv="step,loss\n0,2.0\n")
    recording.commit("params again", params_yaml="lr: 0.2\n")
    newest, one, _ = recording.runs()
    assert (newest.name, newest.metrics, newest.params) == ("two", {"b/loss": 2.0}, {"lr": 0.1})
    assert one.metrics == {"auc": 0.5, "a/loss": 0.5}
    assert one.curves("a/loss").num_rows == 2


def test_a_commit_is_recorded_once(recording):
    recording.commit("one", metrics_json='{"auc": 0.5}')
    done = recording.call("gtrack", "hook", "post-commit")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(recording.runs()) == 1


def test_an_amended_commit_is_a_run_that_names_the_one_before(recording):
    recording.commit("one", metrics_json='{"auc": 0.5}')
    first = recording.head
    recording.commit("one, well said", "--amend", metrics_json='{"auc": 0.6}')
    newer, older = recording.runs()
    assert newer.tags == {"on_commit": True, "amends": first}
    assert newer.state.code["commit"] == recording.head
    assert older.tags == {"on_commit": True}


def test_replayed_commits_are_no_new_runs(recording):
    recording.git("checkout", "-q", "-b", "side")
    recording.commit("measured", metrics_json='{"auc": 0.5}')
    recording.git("checkout", "-q", "main")
    recording.commit("elsewhere", other_py="1\n")
    recording.git("cherry-pick", "side")
    recording.git("revert", "--no-edit", "HEAD")
    recording.git("checkout", "-q", "side")
    recording.git("rebase", "-q", "main~2")
    assert [run.name for run in recording.runs()] == ["measured"]


def test_a_conflict_that_is_solved_by_a_commit_is_no_new_run(recording):
    recording.git("checkout", "-q", "-b", "side")
    recording.commit("theirs", metrics_json='{"auc": 0.2}')
    recording.git("checkout", "-q", "main")
    recording.commit("ours", metrics_json='{"auc": 0.3}')
    for how in ("cherry-pick", "merge"):
        assert recording.call("git", how, "side").returncode == 1
        recording.commit(f"solved {how}", metrics_json=json.dumps({"solved by": how, "auc": 0.4}))
    assert [run.name for run in recording.runs()] == ["ours", "theirs"]


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_recorded(recording):
    said = recording.commit("one", metrics_json="{broken", results__a_csv="step,loss\n0,1.0\n")
    assert "gtrack: not recorded: metrics.json line 1" in said
    assert recording.runs()[0].metrics == {"a/loss": 1.0}


def test_links_out_of_the_tree_are_not_followed(recording, tmp_path):
    (tmp_path / "secret.json").write_text('{"auc": 1.0}')
    (recording.root / "metrics.json").symlink_to(tmp_path / "secret.json")
    assert recording.commit("link") == ""
    assert recording.runs() == []


def test_a_large_file_does_not_hold_a_commit_up(recording):
    said = recording.commit("large", results__big_csv="loss\n" + "0.123456789\n" * 200_000)
    assert "results/big.csv is larger than 2 MiB" in said
    assert recording.runs() == []


def test_what_others_keep_in_the_branch_of_runs_or_in_no_settings_is_no_run(clone):
    assert clone.commit("no settings", metrics_json='{"auc": 0.5}') == ""
    assert clone.runs() == []


def test_a_commit_does_not_wait_for_a_busy_gtrack_and_the_run_is_recorded_later(recording):
    with repository_lock(str(recording.root / ".git" / "gtrack"), timeout=5):
        said = recording.commit("one", metrics_json='{"auc": 0.5}')
    assert "is kept" in said
    assert [run.metrics for run in recording.runs()] == [{"auc": 0.5}]


def test_damaged_settings_fail_no_commit(recording):
    recording.commit("broken", gtrack_yaml="on_commit: [")
    recording.git("push", "-q", "--no-verify", "origin", "main")
    said = recording.commit("one", metrics_json='{"auc": 0.5}')
    assert "gtrack: gtrack.yaml at origin/main" in said
    assert recording.git("log", "-1", "--format=%s") == "one"


def test_a_worktree_has_the_same_hooks(recording, tmp_path):
    recording.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Clone(tmp_path / "side")
    side.commit("in the worktree", metrics_json='{"auc": 0.5}')
    (run,) = recording.runs()
    assert (run.state.code["branch"], run.state.code["commit"]) == ("side", side.head)
    side.git("push", "-q", "origin", "gtrack")
    assert "delete the branch" in side.refused("origin", ":gtrack")


@pytest.mark.parametrize(("policy", "present"), [("commit-only", {"commit", "tree"}), ("off", set())])
def test_the_policy_for_code_holds_for_commits_too(recording, policy, present):
    recording.git("config", "gtrack.code", policy)
    recording.commit("one", metrics_json='{"auc": 0.5}')
    code = recording.runs()[0].state.code
    assert {key for key in ("commit", "tree", "snapshot") if key in code} == present


# -- which files


def test_globs_stay_within_a_name_and_stars_cross_folders():
    yes = [("a.json", "a.json"), ("*.json", "a.json"), ("r/*.csv", "r/a.csv"), ("**/m.json", "m.json")]
    yes += [
        ("**/m.json", "a/b/m.json"),
        ("a/**/m.json", "a/m.json"),
        ("a/**", "a/b/c"),
        ("**", "x/y"),
        ("?.csv", "a.csv"),
    ]
    no = [
        ("a.json", "b/a.json"),
        ("*.json", "b/a.json"),
        ("r/*.csv", "r/x/a.csv"),
        ("a/**/m.json", "b/m.json"),
        ("r", "r/a"),
    ]
    assert all(matches(pattern, path) for pattern, path in yes)
    assert not any(matches(pattern, path) for pattern, path in no)


parts = st.lists(st.sampled_from(["a", "b", "*", "?", "**", "a*"]), min_size=1, max_size=6)
words = st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=6)


@given(parts, words)
def test_matching_agrees_with_trying_every_way(pattern, path):
    from fnmatch import fnmatchcase

    def every_way(p: list[str], w: list[str]) -> bool:
        if not p:
            return not w
        if p[0] == "**":
            return every_way(p[1:], w) or (bool(w) and every_way(p, w[1:]))
        return bool(w) and fnmatchcase(w[0], p[0]) and every_way(p[1:], w[1:])

    assert matches("/".join(pattern), "/".join(path)) == every_way(pattern, path)


def test_a_pattern_of_many_stars_takes_no_time():
    began = time.process_time()
    assert not matches("/".join(["**", "a"] * 60), "/".join(["a"] * 59 + ["b"] * 200))
    assert time.process_time() - began < 5
