"""Blame: the commit that moved a metric is named, and none where nothing moved."""

from __future__ import annotations

import math
import random
import subprocess

import pytest
from spooling import git
from trained import AUC, Trained, make_trained

from gtrack.branch.code_history import (
    CodeCommit,
    find_revision,
    first_parent,
    parents_of,
    resolve_revision,
    snapshots_of,
)
from gtrack.errors import UsageError
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.blame import Blame, blame
from gtrack.ops.blame_search import look_back
from gtrack.ops.experiments import set_protocol
from gtrack.reader import Repo

UP = Goal("max", "experiment")
BROKEN = 17


@pytest.fixture
def trained(tmp_path) -> Trained:
    return make_trained(tmp_path / "repo")


def ask(repo: Repo, branch="main", **more) -> Blame:
    history = look_back(repo, AUC, branch, experiment="churn", **more)
    return blame(history.commits, history.runs, AUC, history.goal)


def train_thirty(trained, *, every=1, seeds=3, drop=0.031):
    """Thirty commits, one of which drops the feature scaling."""
    chance = random.Random(3)
    commits = trained.history(30, subjects={BROKEN: "drop feature scaling"})
    for number, commit in enumerate(commits):
        for _ in range(seeds if number % every == 0 else 0):
            trained.run(commit, 0.91 + chance.gauss(0, 0.003) - (drop if number >= BROKEN else 0))
    return commits


def test_the_commit_that_broke_the_metric_is_named(trained):
    commits = train_thirty(trained)
    with trained.save() as repo:
        found = ask(repo)
    moved = [point for point in found.points if point.step is not None and point.step.moved]
    assert [point.commit.id for point in moved] == [commits[BROKEN]]
    assert found.moved_most is found.worsened_most is moved[0]
    assert moved[0].commit.subject == "drop feature scaling"
    assert moved[0].step.verdict == "worse"
    assert moved[0].step.commits == 1
    assert moved[0].step.interval.high < 0
    assert [point.sample.n for point in found.points] == [3] * 30


def test_with_runs_of_every_third_commit_the_range_is_named(trained):
    commits = train_thirty(trained, every=3)
    with trained.save() as repo:
        found = ask(repo).worsened_most
    assert found.commit.id == commits[18]
    assert (found.step.base.id, found.step.commits) == (commits[15], 3)


def test_a_history_in_which_nothing_happened_blames_nobody(trained):
    train_thirty(trained, drop=0)
    with trained.save() as repo:
        found = ask(repo)
    assert found.moved_most is None


def test_single_runs_are_judged_by_the_noise_of_the_steps(trained):
    commits = train_thirty(trained, seeds=1, drop=0.05)
    with trained.save() as repo:
        found = ask(repo)
    assert found.noise_from == "steps"
    assert found.worsened_most.commit.id == commits[BROKEN]


def test_a_diverged_commit_is_the_worst_of_all_and_what_follows_is_compared_with_what_came_before(trained):
    good, nan, after = trained.history(3)
    for value in (0.91, 0.912):
        trained.run(good, value)
        trained.run(nan, math.nan)
        trained.run(after, value)
    with trained.save() as repo:
        found = ask(repo)
    assert found.worsened_most.commit.id == nan
    last = found.points[-1].step
    assert (last.base.id, last.commits, last.moved) == (good, 2, False)


def test_runs_of_the_usual_params_are_compared_and_other_params_are_told(trained):
    first, second, third = trained.history(3)
    for value in (0.91, 0.912, 0.909):
        trained.run(first, value)
        trained.run(second, value)
        trained.run(second, value + 0.05, params={"lr": 0.3})  # better, but not by its code
        trained.run(third, value - 0.05, params={"lr": 0.5})
    with trained.save() as repo:
        found = ask(repo)
    assert [point.configurations for point in found.points] == [1, 2, 1]
    assert not found.points[1].step.moved
    assert found.worsened_most.step.params == ("lr",)


def test_edited_code_unfinished_runs_and_other_experiments_do_not_count(trained):
    first, second = trained.history(2)
    for value in (0.91, 0.912):
        trained.run(first, value)
        trained.run(second, value)
        trained.run(second, 0.1, dirty=True)
        trained.run(second, 0.1, status="failed")
        trained.run(second, 0.1, experiment="fraud")
    with trained.save() as repo:
        history = look_back(repo, AUC, "main", experiment="churn")
        assert (history.edited, history.unfinished) == (2, 2)
        assert [len(runs) for _, runs in history.runs] == [2, 2]
        assert [len(runs) for _, runs in look_back(repo, AUC, "main", experiment="churn", dirty=True).runs] == [4, 2]


def test_the_newest_commits_with_runs_are_looked_at_and_none_before_since(trained):
    commits = train_thirty(trained, every=3, seeds=1)
    with trained.save() as repo:
        history = look_back(repo, AUC, "main", experiment="churn", count=4)
        assert [commit.id for commit, _ in history.runs] == [commits[n] for n in (27, 24, 21, 18)]
        assert history.more
        since = look_back(repo, AUC, "main", experiment="churn", since=commits[24])
        assert [commit.id for commit, _ in since.runs] == [commits[27], commits[24]]
        assert not since.more


def test_the_protocol_says_which_way_is_better(trained):
    first, second = trained.history(2)
    for value in (0.1, 0.101):
        trained.run(first, value, metric="odd")
        trained.run(second, value + 1, metric="odd")
    with trained.save() as repo:

        def verdict():
            history = look_back(repo, "odd", "main", experiment="churn")
            return blame(history.commits, history.runs, "odd", history.goal).moved_most.step.verdict

        assert verdict() == "higher"
        set_protocol(repo.repository, "churn", {"metric": "odd", "goal": "min"})
        assert verdict() == "worse"


def synthetic(means, seeds, chance, spread=0.003):
    """A history made in memory."""
    commits = [CodeCommit(f"{n:040x}", (), n, "Ada", f"change {n}") for n in range(len(means))][::-1]
    runs = []
    for commit in commits:
        values = [chance.gauss(means[commit.time], spread) for _ in range(seeds)]
        runs.append((commit, [_run(commit, seed, value) for seed, value in enumerate(values)]))
    return commits, runs


def _run(commit, seed, value):
    metrics = {AUC: MetricSummary.point(value, 0, 0)}
    code = {"commit": commit.id, "tree": commit.id}
    run_id = f"{commit.time * 100 + seed:032x}"
    return RunState(run_id, "run", "churn", "finished", params={"seed": seed}, metrics=metrics, code=code)


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_few_histories_in_which_nothing_happened_have_a_mark(seeds):
    wrong = 0
    for number in range(100):
        commits, runs = synthetic([0.91] * 30, seeds, random.Random(number))
        wrong += blame(commits, runs, AUC, UP).moved_most is not None
    assert wrong <= 10


def test_most_breaks_of_some_standard_deviations_are_found_by_three_seeds():
    found = 0
    for number in range(100):
        commits, runs = synthetic([0.91] * 15 + [0.895] * 15, 3, random.Random(number))
        worst = blame(commits, runs, AUC, UP).worsened_most
        found += worst is not None and worst.commit.time == 15
    assert found >= 85


def test_trainings_without_any_chance_are_marked_at_every_change():
    commits, runs = synthetic([0.9, 0.9, 0.9, 0.8999, 0.8999, 0.9], 2, random.Random(1), spread=0)
    moved = [p.commit.time for p in blame(commits, runs, AUC, UP).points if p.step is not None and p.step.moved]
    assert moved == [3, 5]


def test_two_single_runs_tell_nothing_of_their_noise_and_mark_nothing():
    commits, runs = synthetic([0.9, 0.1], 1, random.Random(1))
    found = blame(commits, runs, AUC, UP)
    assert found.noise is None
    assert found.moved_most is None


# The code's history.


def test_a_history_is_that_of_the_first_parents_with_what_git_says_of_each(trained):
    one, two = trained.history(2, subjects={1: "naïve — ünïcode \t subject"})
    git(trained.root, "checkout", "-q", "-f", "-b", "side", one)
    git(trained.root, "commit", "-q", "--allow-empty", "-m", "on the side")
    git(trained.root, "checkout", "-q", "-f", "main")
    git(trained.root, "merge", "-q", "--no-ff", "-m", "take it in", "side")
    with trained.save() as repo:
        found = first_parent(repo.repository, "main", 10)
        assert [commit.subject for commit in found] == ["take it in", "naïve — ünïcode \t subject", "change 0"]
        assert [commit.id for commit in found[1:]] == [two, one]
        assert [len(commit.parents) for commit in found] == [2, 1, 0]
        assert found[1].author == "Ada L"
        assert len(first_parent(repo.repository, "main", 2)) == 2


def test_commits_of_equal_trees_have_the_equal_snapshot_and_one_that_is_not_here_has_none(trained):
    one, two = trained.history(2)
    git(trained.root, "checkout", "-q", "-f", two)
    git(trained.root, "commit", "-q", "--allow-empty", "-m", "nothing new")
    with trained.save() as repo:
        last = resolve_revision(repo.repository, "HEAD").commit
        found = snapshots_of(repo.repository, [one, "0" * 40, two, last])
        assert list(found) == [one, two, last]
        assert found[two] == found[last] != found[one]
        assert (parents_of(repo.repository, last), parents_of(repo.repository, one)) == ([two], [])


@pytest.mark.parametrize(
    "text", ["nowhere", "--all", "-n1", "", "main\0x", "main\nmain", "HEAD^{tree}", "main..HEAD", "x" * 5000]
)
def test_what_is_no_commit_is_no_revision(trained, text):
    trained.history(1)
    with trained.save() as repo:
        assert find_revision(repo.repository, text) is None
        with pytest.raises(UsageError, match="no revision"):
            resolve_revision(repo.repository, text)


def test_a_shallow_clone_says_how_to_get_the_rest(trained, tmp_path):
    trained.history(3)
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{trained.root}", tmp_path / "clone"], check=True)
    with Repo(str(tmp_path / "clone")) as repo:
        assert len(first_parent(repo.repository, "HEAD", 10)) == 1
        with pytest.raises(UsageError) as caught:
            resolve_revision(repo.repository, "HEAD~2")
    assert "--unshallow" in caught.value.hint


def test_a_repository_without_commits_says_so(tmp_path):
    git(tmp_path, "init", "-q")
    with Repo(str(tmp_path)) as repo, pytest.raises(UsageError, match="no commit yet"):
        resolve_revision(repo.repository, "HEAD")
