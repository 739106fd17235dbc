"""Runs recorded after the fact, values added later, and later words about runs."""

from __future__ import annotations

import math

import pytest

import gtrack
from gtrack.errors import UsageError
from gtrack.ops import edit
from gtrack.ops.record import append_to_run, record_run

MINUTE = 60_000_000
NOON = 1_795_262_400_000_000


def record(repo, points=(), **facts):
    return record_run(repo, **{"params": {}, "tags": {}, "points": points, **facts})


def append(repo, selector, points=(), **facts):
    append_to_run(repo, repo.run(selector), **{"params": {}, "tags": {}, "points": points, **facts})


def points_of(run, key):
    return [(row["step"], row["value"]) for row in run.curves([key]).to_pylist()]


@pytest.fixture
def repo(here):
    with gtrack.Repo(".") as opened:
        yield opened


def test_values_without_a_training_are_a_finished_run(repo):
    run_id = record(
        repo,
        [("loss", 0, NOON, 1.0), ("loss", 1, NOON + MINUTE, 0.5), ("auc", None, None, 0.9)],
        params={"lr": 0.1},
        tags={"a": "b"},
        message="by hand",
        name="manual",
        experiment="churn",
    )
    found = repo.run("manual")
    assert (found.id, found.status, found.experiment) == (run_id, "finished", "churn")
    assert (found.params, found.tags) == ({"lr": 0.1}, {"a": "b"})
    assert [note.text for note in found.notes] == ["by hand"]
    assert points_of(found, "loss") == [(0, 1.0), (1, 0.5)]
    assert [row["time"].timestamp() * 1e6 for row in found.curves(["loss"]).to_pylist()] == [NOON, NOON + MINUTE]
    assert found.metrics["auc"] == 0.9
    assert found.state.code["commit"]


def test_a_value_that_cannot_be_logged_is_an_error_at_the_command_line(repo):
    with gtrack.start_run("a"):
        pass
    for point in (("loss", None, None, "bad"), ("loss", 1.5, None, 1.0)):
        with pytest.raises(UsageError, match="loss"):
            record(repo, [("good", None, None, 1.0), point])
        with pytest.raises(UsageError, match="loss"):
            append(repo, "a", [("good", None, None, 1.0), point])
    assert [(run.name, run.metrics) for run in repo.runs()] == [("a", {})]


def test_values_added_to_an_ended_run_leave_its_status_and_end_alone(repo):
    with pytest.raises(ValueError, match="x"), gtrack.start_run("a", params={"lr": 1}) as run:
        for step in range(5):
            run.log({"loss": 1.0 - step / 10}, step=step)
        raise ValueError("x")
    before = repo.run("a")
    append(repo, "a", [("test_auc", None, None, 0.8)], params={"threshold": 0.5}, tags={"t": 1}, message="later")
    found = repo.run("a")
    assert (found.status, found.ended, found.state.error) == ("failed", before.ended, before.state.error)
    assert found.metrics == {"loss": 0.6, "test_auc": 0.8}
    assert points_of(found, "loss") == points_of(before, "loss")
    assert (found.params, found.tags) == ({"lr": 1, "threshold": 0.5}, {"t": 1})
    assert [note.text for note in found.notes] == ["later"]


def test_values_added_without_a_step_follow_the_last_one(repo):
    with gtrack.start_run("a") as run:
        for step in range(3):
            run.log({"loss": 1.0}, step=step * 10)
    append(repo, "a", [("loss", None, None, 0.5), ("loss", None, None, 0.4)])
    append(repo, "a", [("loss", None, None, 0.3)])
    found = repo.run("a")
    assert points_of(found, "loss") == [(0, 1.0), (10, 1.0), (20, 1.0), (21, 0.5), (22, 0.4), (23, 0.3)]
    assert (found.metrics["loss"], found.summary["loss"].count, found.summary["loss"].max) == (0.3, 6, 1.0)


def test_values_added_between_earlier_ones_hide_none_of_them(repo):
    with gtrack.start_run("a") as run:
        for step in (0, 10, 20):
            run.log({"loss": float(step)}, step=step)
    append(repo, "a", [("loss", 5, None, 99.0)])
    found = repo.run("a")
    assert points_of(found, "loss") == [(0, 0.0), (5, 99.0), (10, 10.0), (20, 20.0)]
    assert (found.metrics["loss"], found.summary["loss"].max, found.summary["loss"].count) == (20.0, 99.0, 4)


def test_an_ended_run_is_resumed_after_values_were_added(repo):
    with pytest.raises(ValueError, match="x"), gtrack.start_run("a") as run:
        run.log({"loss": 1.0})
        raise ValueError("x")
    append(repo, "a", [("auc", None, None, 0.5)])
    with gtrack.start_run(run_id="a", resume=True) as run:
        run.log({"loss": 0.5})
    found = repo.run("a")
    assert (found.status, found.metrics) == ("finished", {"loss": 0.5, "auc": 0.5})


def test_values_are_added_to_a_live_run(repo):
    with gtrack.start_run("a") as run:
        run.log({"loss": 1.0})
        append(repo, "a", [("checked", None, None, 1.0)], tags={"seen": True}, params={"p": 1}, message="hm")
        found = repo.run("a")
        assert (found.status, found.metrics) == ("running", {"loss": 1.0, "checked": 1.0})
        assert (found.tags, found.params) == ({"seen": True}, {"p": 1})
    found = repo.run("a")
    assert (found.status, found.metrics) == ("finished", {"loss": 1.0, "checked": 1.0})
    assert [note.text for note in found.notes] == ["hm"]
    assert len(found.state.sessions) == 1


def test_nan_can_be_added(repo):
    record(repo, [("x", 1, None, math.nan)], name="a")
    assert math.isnan(repo.run("a").metrics["x"])


def test_tags_are_set_and_taken_away(repo):
    gtrack.start_run("a", tags={"keep": 1, "drop": 2}).end()
    edit.tag(repo, [repo.run("a")], {"drop": None, "new": "x", "nested": {"a": [1]}})
    assert repo.run("a").tags == {"keep": 1, "new": "x", "nested": {"a": [1]}}
    with pytest.raises(UsageError):
        edit.tag(repo, [repo.run("a")], {})


def test_the_last_edit_stands_also_when_made_through_an_old_view(repo):
    gtrack.start_run("a").end()
    old = repo.run("a")
    for number in range(5):
        edit.tag(repo, [old], {"n": number})
    edit.rename(repo, old, "b")
    edit.rename(repo, old, "c")
    assert (repo.run(old.id).tags, repo.run(old.id).name) == ({"n": 4}, "c")


def test_an_edit_after_an_edit_from_the_future_still_stands(repo, monkeypatch):
    from gtrack import clock

    gtrack.start_run("a").end()
    old = repo.run("a")
    ahead = clock.now_ns() + 3_600 * 10**9
    with monkeypatch.context() as patch:
        patch.setattr(edit, "now_ns", lambda: ahead)
        edit.tag(repo, [repo.run("a")], {"n": "ahead"})
    edit.tag(repo, [old], {"n": "now"})
    assert repo.run("a").tags == {"n": "now"}


def test_notes_names_and_experiments_can_be_given_later(repo):
    gtrack.start_run("a", notes="first").end()
    gtrack.start_run("b").end()
    edit.note(repo, [repo.run("a"), repo.run("b")], "looks\nleaky \x1b[31m")
    edit.move(repo, [repo.run("a")], "other")
    edit.rename(repo, repo.run("a"), "c")
    found = repo.run("c")
    assert [note.text for note in found.notes] == ["first", "looks\nleaky \x1b[31m"]
    assert found.experiment == "other"
    assert [run.name for run in repo.runs(experiment="other")] == ["c"]
    assert [note.text for note in repo.run("b").notes] == ["looks\nleaky \x1b[31m"]
    for subject in subjects(repo):
        assert subject.isprintable()


def subjects(repo):
    import subprocess

    done = subprocess.run(
        ["git", "log", "--format=%s", "gtrack"], cwd=repo.root, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "change",
    [
        lambda repo, run: edit.note(repo, [run], " "),
        lambda repo, run: edit.rename(repo, run, ""),
        lambda repo, run: edit.move(repo, [run], ""),
    ],
)
def test_an_empty_text_is_refused(repo, change):
    gtrack.start_run("a").end()
    with pytest.raises(UsageError):
        change(repo, repo.run("a"))


def test_a_live_run_can_be_edited(repo):
    with gtrack.start_run("a") as run:
        edit.tag(repo, [repo.run("a")], {"n": 1})
        edit.rename(repo, repo.run("a"), "b")
        assert (repo.run(run.id).tags, repo.run(run.id).name, repo.run(run.id).status) == ({"n": 1}, "b", "running")
        run.log({"x": 1})
    found = repo.run("b")
    assert (found.tags, found.status, found.metrics) == ({"n": 1}, "finished", {"x": 1.0})
