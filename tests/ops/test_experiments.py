"""What is said of experiments: kept on the branch as events, read from all that counts, trusted in nothing."""

from __future__ import annotations

import os

import pytest
from hostile import LINK, PLAIN, blobs, commit, event, files_of
from spooling import RUN, finished_run, git, make_repo

from gtrack.branch.repository import Repository
from gtrack.clock import now_ns
from gtrack.errors import UsageError
from gtrack.format import names, yaml
from gtrack.model.experiment import ExperimentState
from gtrack.ops.experiments import archive, experiment_of, experiments, set_protocol
from gtrack.ops.fsck import check
from gtrack.reader import Repo

BRANCH, TRACKING, FORK = "refs/heads/gtrack", "refs/remotes/origin/gtrack", "refs/remotes/alice/gtrack"
CHURN = "experiments/churn"
PROTOCOL = {"metric": "val_auc", "goal": "max", "floor": "metrics.precision >= 0.8", "baseline": RUN}


@pytest.fixture
def repo(tmp_path):
    with make_repo(tmp_path / "repo") as opened:
        yield opened.repository


def subjects(repo):
    return git(repo.paths.root, "log", "--format=%s", "gtrack").splitlines()


def put(repo, files, ref=BRANCH, mode=PLAIN):
    """Put further files, {path: content}, at the tip of a reference, as anybody who can push could."""
    tip = repo.refs.read(ref) or repo.tip
    made = commit(repo, {**(files_of(repo, tip) if tip else {}), **blobs(repo, files, mode)}, *([tip] if tip else []))
    git(repo.paths.root, "update-ref", ref, made)


def said(folder=CHURN, seconds=0, **body):
    """Return the file of an event that is made so many seconds from now."""
    return event(folder, {"kind": "set", **body}, now_ns() // 1000 + seconds * 1_000_000)


def test_a_protocol_is_one_event_with_a_subject_to_be_read(repo):
    state = set_protocol(repo, "churn", PROTOCOL)
    assert state == experiment_of(repo, "churn")
    assert {key: getattr(state, key) for key in PROTOCOL} == PROTOCOL
    assert subjects(repo)[0] == (
        "experiment churn: metric val_auc (max), floor metrics.precision >= 0.8, baseline 3f2a9c1"
    )
    listed = git(repo.paths.root, "ls-tree", "-r", "--name-only", "gtrack").split()
    assert len([path for path in listed if path.startswith(f"{CHURN}/events/")]) == 1


def test_what_is_not_named_stays_and_none_takes_away(repo):
    set_protocol(repo, "churn", PROTOCOL)
    state = set_protocol(repo, "churn", {"floor": None, "description": "who leaves?"})
    assert (state.metric, state.goal, state.floor, state.description) == ("val_auc", "max", None, "who leaves?")
    assert subjects(repo)[0] == "experiment churn: no floor, description who leaves?"


def test_saying_the_same_again_writes_nothing(repo):
    set_protocol(repo, "churn", PROTOCOL)
    before = repo.tip
    assert set_protocol(repo, "churn", PROTOCOL) == experiment_of(repo, "churn")
    assert not archive(repo, "churn", archived=False).archived
    assert repo.tip == before


def test_another_metric_does_not_inherit_the_goal(repo):
    set_protocol(repo, "churn", {"metric": "val_auc", "goal": "max"})
    assert set_protocol(repo, "churn", {"metric": "val_loss"}).goal is None
    assert set_protocol(repo, "churn", {"goal": "min"}).metric == "val_loss"
    assert set_protocol(repo, "churn", {"metric": "val_loss"}).goal == "min"
    state = set_protocol(repo, "churn", {"metric": None})
    assert (state.metric, state.goal) == (None, None)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("churn", {"goal": "max"}, "there is none"),
        ("churn", {"metric": "a", "goal": "up"}, "min"),
        ("churn", {"baseline": "3f2a"}, "32 hex"),
        ("churn", {"floor": "metrics.precision >="}, "expected a value"),
        ("churn", {"colour": "red"}, "no 'colour'"),
        (" ", {"metric": "a"}, "empty"),
        ("é" * 100, {"metric": "a"}, "too long"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(repo, name, changes, words):
    with pytest.raises(UsageError, match=words):
        set_protocol(repo, name, changes)
    assert repo.tip is None


def test_archiving_is_an_event_and_is_taken_back_by_one(repo):
    assert archive(repo, "churn").archived
    assert not archive(repo, "churn", archived=False).archived
    assert subjects(repo)[:2] == ["experiment churn: no longer archived", "experiment churn: archived"]


def test_any_name_comes_back_from_its_folder(repo):
    every = ["churn", "Churn", "..", ".git", "a/b", "a b", "ключ", "%41", "con", "é\u0301", "x" * 255]
    for name in every:
        set_protocol(repo, name, {"description": f"of {name}"})
    assert [state.name for state in experiments(repo)] == sorted(every)
    assert all(state.description == f"of {state.name}" for state in experiments(repo))
    assert git(repo.paths.root, "fsck", "--full", "--strict") == ""


def test_a_run_may_name_an_experiment_of_which_nothing_can_be_said(repo):
    for name in ("", " ", "é" * 5000):
        assert experiment_of(repo, name) == ExperimentState(name)


def test_a_clock_that_was_set_back_does_not_hide_an_edit(repo):
    put(repo, said(seconds=3600, metric="from_an_hour_ahead"))
    assert set_protocol(repo, "churn", {"metric": "now"}).metric == "now"
    assert experiment_of(repo, "churn").metric == "now"


def test_an_event_of_a_time_that_has_not_come_is_listed_and_hides_no_edit(repo):
    put(repo, said(seconds=10**10, metric="of the year 2343"))
    state = set_protocol(repo, "churn", {"metric": "now"})
    assert (state.metric, len(state.future)) == ("now", 1)
    assert "2343" not in str(experiment_of(repo, "churn").metric)


def test_what_is_published_and_what_is_here_are_read_together(repo):
    set_protocol(repo, "churn", {"metric": "val_auc", "goal": "max"})
    git(repo.paths.root, "remote", "add", "origin", "file:///nowhere")
    with Repository(repo.paths.root, dict(os.environ)) as cloned:
        put(cloned, said("experiments/other", description="theirs"), TRACKING)
        put(cloned, said(seconds=60, description="later"), TRACKING)
        assert [(state.name, state.description) for state in experiments(cloned)] == [
            ("churn", "later"),
            ("other", "theirs"),
        ]


def test_another_remotes_word_on_experiments_does_not_count(repo):
    set_protocol(repo, "churn", {"metric": "val_auc"})
    put(repo, said(seconds=60, metric="theirs"), FORK)
    assert experiment_of(repo, "churn").metric == "val_auc"


def test_files_that_cannot_be_trusted_are_passed_over_and_named(repo):
    set_protocol(repo, "churn", {"metric": "val_auc"})
    good = f"{CHURN}/events/20261126T120000.000000Z-"
    nested = b"format: 1\nkind: set\nmetric: " + b"[" * 5000
    put(
        repo,
        {
            good + "0123456789ab.yaml": b'format: 1\nkind: "set"\nmetric: "forged"\n',
            f"{CHURN}/events/{names.event('20261126T120000.000001Z', nested).removeprefix('events/')}": nested,
            f"{CHURN}/events/{names.event('20269926T120000.000001Z', b'').removeprefix('events/')}": b"",
            f"{CHURN}/events/readme": b"",
        },
    )
    put(repo, said(seconds=60, metric="linked"), mode=LINK)
    put(repo, {"experiments/%61/events/x": b"", "experiments/%ff/events/x": b"", "experiments/file": b""})
    state = experiment_of(repo, "churn")
    assert state.metric == "val_auc"
    assert len(state.problems) == 5
    assert [each.name for each in experiments(repo)] == ["churn"]
    assert set_protocol(repo, "churn", {"metric": "f1"}).metric == "f1"


def test_a_floor_that_is_no_filter_is_told_and_not_used(repo):
    put(repo, said(metric="val_auc", floor="metrics.precision >= 0.8; DROP TABLE run"))
    state = experiment_of(repo, "churn")
    assert (state.metric, state.floor) == ("val_auc", None)
    assert "floor is not used" in state.problems[0]
    assert "\n" not in state.problems[0]


def test_a_sound_protocol_passes_the_check_of_the_branch(repo):
    finished_run(repo.paths.spool)
    set_protocol(repo, "churn", PROTOCOL)
    archive(repo, "Churn 2025")
    with Repo(repo.paths.root, env=dict(os.environ)) as opened:
        assert check(opened).findings == ()


def test_events_are_yaml_that_anybody_can_read(repo):
    set_protocol(repo, "churn", {**PROTOCOL, "description": None})
    (path,) = (path for path in files_of(repo, repo.tip) if path.startswith(CHURN))
    body = yaml.load(repo.read_blob(files_of(repo, repo.tip)[path][1]))
    assert list(body) == ["format", "kind", "description", "metric", "goal", "floor", "baseline", "author", "previous"]
    assert (body["kind"], body["description"], body["previous"]) == ("set", None, [])


def test_the_users_checkout_is_left_alone(repo):
    def state():
        root = repo.paths.root
        return [git(root, *args) for args in (["status", "--porcelain"], ["rev-parse", "HEAD"], ["reflog"])]

    before = state()
    set_protocol(repo, "churn", PROTOCOL)
    assert state() == before
