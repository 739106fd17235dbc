"""Continuing a run that was killed, has failed or has finished."""

from __future__ import annotations

import signal

import pytest

import gtrack
from gtrack.errors import ConflictError, NotFoundError, UsageError


def fail(steps=6, **arguments):
    with pytest.raises(ZeroDivisionError), gtrack.start_run(**arguments) as run:
        for step in range(steps):
            run.log({"loss": 1.0 - step / 10, "acc": step / 10})
        raise ZeroDivisionError("enough")
    return run


def test_a_failed_run_goes_on_where_it_stopped(here):
    first = fail(name="a", experiment="churn", params={"lr": 0.1}, group="g")
    with gtrack.start_run(run_id=first.id, resume=True) as run:
        assert (run.id, run.name, run.experiment) == (first.id, "a", "churn")
        assert run.params == {"lr": 0.1}
        run.log({"loss": 0.2})
        run.log_metric("fresh", 5.0)
    found = here.only_run()
    assert (found.status, found.params, found.state.group) == ("finished", {"lr": 0.1}, "g")
    assert found.curves(["loss"])["step"].to_pylist() == list(range(7))
    assert found.metrics == {"loss": 0.2, "acc": 0.5, "fresh": 5.0}
    assert (found.summary["loss"].count, found.summary["loss"].max, found.summary["loss"].first_step) == (7, 1.0, 0)
    assert [session.status for session in found.state.sessions] == ["failed", "finished"]
    assert found.state.sessions[1].details["from_step"] == 5
    assert found.state.error is None


def test_points_after_a_checkpoint_are_superseded_and_the_others_kept(here):
    first = fail(steps=10)
    with gtrack.start_run(run_id=first.id, resume=True) as run:
        for step in range(4, 8):
            run.log({"loss": 100.0 + step}, step=step)
    found = here.only_run()
    values = found.curves(["loss"]).select(["step", "value"]).to_pylist()
    assert [(row["step"], row["value"]) for row in values] == [
        *((step, pytest.approx(1.0 - step / 10)) for step in range(4)),
        *((step, 100.0 + step) for step in range(4, 8)),
    ]
    # The other metric was not logged again, so it stands as it was.
    assert found.curves(["acc"])["step"].to_pylist() == list(range(10))
    assert (found.metrics["loss"], found.summary["loss"].max) == (107.0, 107.0)


def test_what_is_passed_when_resuming_is_recorded(here):
    first = fail(params={"lr": 0.1, "depth": 3}, tags={"a": "1"})
    gtrack.set_seed(3)
    with gtrack.start_run(run_id=first.id, resume=True, params={"lr": 0.2}, tags={"a": "2"}, notes="again") as run:
        run.log({"loss": 0.0})
    found = here.only_run()
    assert (found.params, found.tags) == ({"lr": 0.2, "depth": 3}, {"a": "2"})
    assert [note.text for note in found.notes] == ["again"]
    assert found.state.sessions[1].details["seed"]["seed"] == 3


def test_a_killed_run_is_resumed(project):
    process = project.start(
        """\
import time, gtrack
run = gtrack.start_run("victim")
for step in range(5):
    run.log({"loss": step})
print("ready")
time.sleep(60)
"""
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    project.train(
        """\
import gtrack
with gtrack.start_run(run_id="victim", resume=True) as run:
    run.log({"loss": 99})
"""
    )
    found = project.only_run()
    assert found.status == "finished"
    assert found.curves(["loss"])["value"].to_pylist() == [0, 1, 2, 3, 4, 99]
    assert [session.status for session in found.state.sessions] == ["killed", "finished"]


def test_the_last_session_decides_the_status(here):
    first = fail()
    gtrack.start_run(run_id=first.id, resume=True).end("preempted")
    assert here.only_run().status == "preempted"
    with pytest.raises(KeyError), gtrack.start_run(run_id=first.id, resume=True):
        raise KeyError("x")
    found = here.only_run()
    assert (found.status, found.state.error["type"]) == ("failed", "KeyError")
    assert [session.status for session in found.state.sessions] == ["failed", "preempted", "failed"]


def test_a_finished_run_is_continued_only_by_force(here):
    with gtrack.start_run("done") as run:
        run.log({"loss": 1.0})
    with pytest.raises(UsageError, match="has finished") as caught:
        gtrack.start_run(run_id=run.id[:8], resume=True)
    assert "force=True" in caught.value.hint
    with gtrack.start_run(run_id="done", resume=True, force=True) as again:
        again.log({"loss": 0.5})
    assert here.only_run().curves(["loss"])["value"].to_pylist() == [1.0, 0.5]


def test_a_running_run_is_not_resumed(here, project):
    process = project.start("import sys, gtrack\ngtrack.start_run('busy')\nprint('ready')\nsys.stdin.read()\n")
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(ConflictError, match="is running"):
        gtrack.start_run(run_id="busy", resume=True)
    process.communicate("")
    assert process.returncode == 0
    assert here.only_run().status == "finished"


@pytest.mark.parametrize("selector", ["0123456789abcdef" * 2, "nobody", "abcd", "last"])
def test_an_unknown_run_is_not_resumed(here, selector):
    with pytest.raises(NotFoundError) as caught:
        gtrack.start_run(run_id=selector, resume=True)
    assert caught.value.hint
    assert here.runs() == []


def test_a_run_cannot_be_resumed_without_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match="repository"):
        gtrack.start_run(run_id="last", resume=True)


def test_forked_children_of_a_resumed_run_do_not_begin_at_step_zero_again(project):
    project.train(
        """\
import os, gtrack
try:
    with gtrack.start_run("a") as run:
        for _ in range(5):
            run.log({"loss": 1})
        raise ValueError
except ValueError:
    pass
with gtrack.start_run(run_id="a", resume=True) as run:
    if os.fork() == 0:
        run.log({"loss": 2})
        os._exit(0)
    os.wait()
"""
    )
    assert project.only_run().curves(["loss"])["step"].to_pylist() == list(range(6))
