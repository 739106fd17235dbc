"""A metric along several branches: the same runs as blame has, and each commit once."""

from __future__ import annotations

import math
import random
import subprocess

import pytest
from spooling import git
from trained import AUC, Trained, make_trained

from gtrack.errors import UsageError
from gtrack.index.filter import parse
from gtrack.model.goal import Goal
from gtrack.ops.blame import blame
from gtrack.ops.blame_search import look_back
from gtrack.ops.experiments import set_protocol
from gtrack.ops.metric_history import (
    CommitPoint,
    RunValue,
    changes_between,
    find_revisions,
    metric_history,
    moves,
    names_of_code,
)
from gtrack.reader import Repo


@pytest.fixture
def trained(tmp_path) -> Trained:
    return make_trained(tmp_path / "repo")


def ask(repo: Repo, *branches: str, **more):
    return metric_history(repo, AUC, branches or ("main",), experiment="churn", **more)


def shape(points):
    return [(point.commit.id, {run.id for run in point.runs}) for point in points]


@pytest.mark.parametrize("dirty", [False, True])
def test_one_branch_has_the_runs_that_blame_has(trained, dirty):
    chance = random.Random(5)
    commits = trained.history(40)
    for commit in commits:
        for _ in range(chance.randrange(4)):
            status = chance.choice(["finished", "finished", "failed"])
            value = chance.choice([0.9, 0.8, math.nan, None])
            trained.run(commit, value, status=status, dirty=chance.random() < 0.3)
    with trained.save() as repo:
        history = look_back(repo, AUC, "main", experiment="churn", count=1000, dirty=dirty)
        found = ask(repo, dirty=dirty)
    points = [point for point in found.lines[0].points if point.runs]
    assert shape(points) == [(commit.id, {run.id for run in runs}) for commit, runs in reversed(history.runs)]
    assert (found.unfinished, found.edited) == (history.unfinished, history.edited)
    assert found.goal == history.goal


def test_a_commit_of_equal_code_is_the_one_that_brought_it(trained):
    commits = trained.history(2)
    again = git(trained.root, "commit-tree", f"{commits[1]}^{{tree}}", "-p", commits[1], "-m", "nothing").strip()
    git(trained.root, "update-ref", "refs/heads/main", again)
    with trained.save() as repo:
        tree = snapshot_of(repo, commits[1])
    at = trained.run(commits[1], 0.9)
    edit_code(trained, at, snapshot=tree)
    with trained.save() as repo:
        assert shape(ask(repo).lines[0].points) == [(commits[1], {at})]
        history = look_back(repo, AUC, "main", experiment="churn", count=10)
    assert [commit.id for commit, _ in history.runs] == [commits[1]]


def test_edits_that_were_committed_afterwards_are_runs_of_that_commit(trained):
    commits = trained.history(2)
    with trained.save() as repo:
        tree = snapshot_of(repo, commits[1])
    whole, part = (trained.run(commits[0], 0.9, dirty=True) for _ in range(2))
    edit_code(trained, whole, snapshot=tree)
    edit_code(trained, part, snapshot=tree, left_out=["big.bin"])
    with trained.save() as repo:
        first, second = ask(repo).lines[0].points
    assert {run.id for run in first.edited} == {whole, part}
    assert (first.runs, [run.id for run in second.runs]) == ((), [whole])


def test_runs_of_uncommitted_edits_are_beside_their_commit(trained):
    (commit,) = trained.history(1)
    trained.run(commit, 0.8)
    edited = trained.run(commit, 0.95, dirty=True)
    with trained.save() as repo:
        found = ask(repo)
        (counted,) = ask(repo, dirty=True).lines[0].points
    (point,) = found.lines[0].points
    assert [(run.id, run.edited) for run in point.edited] == [(edited, True)]
    assert (len(point.runs), found.edited) == (1, 1)
    assert (len(counted.runs), counted.edited) == (2, ())


def test_a_branch_is_a_line_of_its_own_from_where_it_parted(trained):
    commits = trained.history(3)
    git(trained.root, "branch", "-q", "feature", commits[1])
    other = Trained(trained.root, commits[:2], runs=100).history(1, subjects={2: "wider"}, branch="feature")
    for at, commit in enumerate([*commits, *other]):
        trained.run(commit, 0.8 + at / 100)
    with trained.save() as repo:
        found = ask(repo, "main", "feature")
    main, feature = found.lines
    assert (main.parted, feature.parted) == (0, 2)
    assert [point.commit.id for point in feature.points] == [*commits[:2], *other]
    assert [point.commit.id for point in found.points] == [*commits, *other]


def test_two_names_of_one_commit_are_one_line(trained):
    trained.history(1)
    git(trained.root, "branch", "-q", "same")
    with trained.save() as repo:
        assert [each.name for each in find_revisions(repo, ["main", "same"])] == ["main"]
        with pytest.raises(UsageError, match="no revision"):
            find_revisions(repo, ["main", "gone"])


def test_moves_are_what_blame_says(trained):
    chance = random.Random(3)
    commits = trained.history(12)
    for number, commit in enumerate(commits):
        for _ in range(3):
            trained.run(commit, 0.91 + chance.gauss(0, 0.003) - (0.05 if number >= 7 else 0))
    with trained.save() as repo:
        history = look_back(repo, AUC, "main", experiment="churn", count=1000)
        told = blame(history.commits, history.runs, AUC, history.goal)
        found = ask(repo)
        said = moves(repo, found.lines[0], AUC, found.goal)
    assert said.to_dict()["worsened_most"] == told.worsened_most.commit.id == commits[7]
    assert [point.step for point in said.points] == [point.step for point in told.points]
    assert [point.sample for point in said.points] == [point.sample for point in told.points]
    assert all(point.runs == () for point in said.points)


def test_a_single_commit_is_not_judged(trained):
    (commit,) = trained.history(1)
    trained.run(commit, 0.9)
    with trained.save() as repo:
        found = ask(repo)
        assert moves(repo, found.lines[0], AUC, found.goal).points == ()


def test_tags_branches_and_what_they_leave_out(trained):
    commits = trained.history(2)
    git(trained.root, "tag", "light", commits[0])
    git(trained.root, "tag", "-a", "-m", "heavy", "v1.0", commits[0])
    blob = subprocess.run(
        ["git", "-C", str(trained.root), "hash-object", "-w", "--stdin"], input=b"x", capture_output=True, check=True
    ).stdout.decode()
    git(trained.root, "tag", "file", blob.strip())
    git(trained.root, "branch", "-q", "side", commits[0])
    trained.run(commits[0], 0.9)
    with trained.save() as repo:
        found = ask(repo)
        names = names_of_code(repo)
    assert found.tags == {commits[0]: ("light", "v1.0")}
    assert names.tags == {"light": commits[0], "v1.0": commits[0]}
    assert names.branches == {"main": commits[1], "side": commits[0]}
    assert names.current == "main"


def test_branches_of_the_remote_that_are_as_ones_own_are_named_once(trained):
    commits = trained.history(2)
    git(trained.root, "remote", "add", "origin", "https://example.org/x.git")
    for name, oid in (("main", commits[1]), ("feature", commits[0]), ("gtrack", commits[0])):
        git(trained.root, "update-ref", f"refs/remotes/origin/{name}", oid)
    git(trained.root, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    with trained.save() as repo:
        assert names_of_code(repo).branches == {"main": commits[1], "origin/feature": commits[0]}


def test_runs_elsewhere_filters_and_other_experiments(trained):
    first, second = trained.history(2)
    trained.run(first, 0.9, params={"depth": 6})
    trained.run(second, 0.8, params={"depth": 3})
    trained.run("f" * 40, 0.7)
    trained.run(first, 0.1, experiment="fraud")
    with trained.save() as repo:
        assert (len(ask(repo).points), ask(repo).elsewhere) == (2, 1)
        assert [point.commit.id for point in ask(repo, where=parse("params.depth > 5")).points] == [first]
        assert ask(repo, second).lines[0].revision.commit == second


def test_the_goal_is_the_experiments(trained):
    (commit,) = trained.history(1)
    trained.run(commit, None, metrics={AUC: [0.9, 0.5]})
    with trained.save() as repo:
        assert ask(repo).points[0].runs[0].value == 0.5
        set_protocol(repo.repository, "churn", {"metric": AUC, "goal": "max"})
        assert (ask(repo).goal.source, ask(repo).points[0].runs[0].value) == ("experiment", 0.9)


def test_the_value_of_a_commit():
    runs = tuple(RunValue(str(at), value, at) for at, value in enumerate([0.5, 0.9, math.nan, 0.7]))
    point = CommitPoint(None, runs)
    up, down = Goal("max", "name"), Goal("min", "name")
    assert [point.value(which, up) for which in ("best", "mean", "last")] == [0.9, pytest.approx(0.7), 0.7]
    assert (point.value("best", down), point.value("best", None)) == (0.5, pytest.approx(0.7))
    assert math.isnan(CommitPoint(None).value("best", up))


def test_the_files_that_differ_between_two_commits(trained):
    first, second = trained.history(2)
    with trained.save() as repo:
        (file,) = changes_between(repo, first, second)
    assert (file.path, file.added, file.removed) == ("train.py", 1, 1)


def snapshot_of(repo: Repo, commit: str) -> str:
    from gtrack.branch.code_history import snapshots_of

    return snapshots_of(repo.repository, [commit])[commit]


def edit_code(trained: Trained, run_id: str, **facts: object) -> None:
    """Change what a run that is not saved yet says of its code."""
    from gtrack.format import names, yaml

    path = f"{names.run_dir(run_id)}/run.yaml"
    document = yaml.load(trained.files[path], name=path)
    document["code"] = {**document["code"], **facts}
    trained.files[path] = yaml.dump(document)
