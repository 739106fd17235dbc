"""The functions on the active run, scripts written for MLflow, nested runs and threads."""

from __future__ import annotations

import threading

import pytest

import gtrack
from gtrack.errors import NotFoundError, UsageError

MLFLOW_SCRIPT = """\
import {module} as mlflow

mlflow.set_experiment("churn")
with mlflow.start_run(run_name="search", tags={{"kind": "search"}}) as parent:
    mlflow.log_param("budget", 2)
    for depth in (3, 5):
        with mlflow.start_run(run_name=f"depth-{{depth}}", nested=True) as child:
            mlflow.log_params({{"depth": depth, "lr": 0.1}})
            for epoch in range(3):
                mlflow.log_metric("loss", 1.0 / (epoch + depth), step=epoch)
            mlflow.log_metrics({{"auc": 0.8 + depth / 100, "f1": 0.7}}, step=3)
            mlflow.set_tag("framework", "none")
            mlflow.set_tags({{"a": 1, "b": "two"}})
            assert mlflow.active_run().info.run_id == child.info.run_id
        assert mlflow.active_run().info.run_id == parent.info.run_id
    mlflow.log_metric("best", 0.85)
assert mlflow.active_run() is None

mlflow.set_experiment(experiment_name="second")
mlflow.log_metric("started_by_itself", 1)
print(mlflow.active_run().info.run_name, mlflow.active_run().info.status)
mlflow.end_run("FAILED")
mlflow.end_run()
print(child.info.run_id)
"""


def test_a_script_written_for_mlflow_works_with_its_import_changed(project):
    done = project.train(MLFLOW_SCRIPT.format(module="gtrack"))
    runs = {run.name: run for run in project.runs()}
    by_itself, status = done.out.split()[:2]
    assert status == "RUNNING"
    assert set(runs) == {"search", "depth-3", "depth-5", by_itself}
    parent = runs["search"]
    assert (parent.experiment, parent.params, parent.metrics) == ("churn", {"budget": 2}, {"best": 0.85})
    for depth in (3, 5):
        child = runs[f"depth-{depth}"]
        assert (child.state.parent, child.experiment, child.status) == (parent.id, "churn", "finished")
        assert child.params == {"depth": depth, "lr": 0.1}
        assert child.tags == {"framework": "none", "a": 1, "b": "two"}
        assert child.summary["loss"].count == 3
    assert runs["depth-5"].id == done.out.split()[2]
    assert (runs[by_itself].status, runs[by_itself].experiment) == ("failed", "second")


def test_every_function_acts_on_the_active_run(here):
    with gtrack.start_run() as run:
        assert gtrack.active_run() is run
        gtrack.log({"loss": 1.0})
        gtrack.log_metric("loss", 0.5)
        gtrack.log_metrics({"auc": 0.9})
        assert gtrack.log_param("lr", 0.1) == 0.1
        gtrack.log_params({"depth": 3})
        gtrack.set_tag("a", 1)
        gtrack.set_tags({"b": 2})
        gtrack.note("hello")
        gtrack.define_metric("auc", goal="max")
    assert gtrack.active_run() is None
    found = here.run()
    assert found.metrics == {"loss": 0.5, "auc": 0.9}
    assert found.params == {"lr": 0.1, "depth": 3}
    assert found.tags == {"a": 1, "b": 2}
    assert [note.text for note in found.notes] == ["hello"]
    assert found.summary["auc"].best == 0.9


def test_the_info_of_a_run_has_the_names_of_mlflow_and_no_artifacts(here):
    with gtrack.start_run("a", experiment="churn") as run:
        info = run.info
        assert (info.run_id, info.run_name, info.experiment_id, info.status) == (run.id, "a", "churn", "RUNNING")
        assert not hasattr(info, "artifact_uri")
    assert run.info.status == "FINISHED"


def test_an_experiment_comes_from_the_argument_then_the_process_then_the_environment(here, monkeypatch):
    monkeypatch.setenv("GTRACK_EXPERIMENT", "from-environment")
    gtrack.start_run("a").end()
    assert gtrack.set_experiment("from-process") == "from-process"
    gtrack.start_run("b").end()
    gtrack.start_run("c", experiment="from-argument").end()
    assert {run.name: run.experiment for run in here.runs()} == {
        "a": "from-environment",
        "b": "from-process",
        "c": "from-argument",
    }
    with pytest.raises(UsageError, match="experiment"):
        gtrack.set_experiment("")
    with pytest.raises(UsageError, match="no name"):
        gtrack.set_experiment()


def test_children_know_their_parent_and_share_its_experiment(here):
    with gtrack.start_run("parent", experiment="churn") as parent:
        with gtrack.start_run("child", nested=True) as child:
            with gtrack.start_run("grandchild", nested=True) as grandchild:
                gtrack.log({"depth": 2})
            assert gtrack.active_run() is child
        assert gtrack.active_run() is parent
    gtrack.start_run("later", parent=parent).end()
    gtrack.start_run("by-name", parent="parent").end()
    gtrack.start_run("by-record", parent=here.run("parent")).end()
    runs = {run.name: run for run in here.runs()}
    assert runs["grandchild"].state.parent == child.id
    assert runs["grandchild"].metrics == {"depth": 2.0}
    assert {runs[name].state.parent for name in ("child", "later", "by-name", "by-record")} == {parent.id}
    assert {run.experiment for run in runs.values()} == {"churn"}
    assert grandchild.parent == child.id
    assert runs["parent"].state.parent is None
    with pytest.raises(NotFoundError):
        gtrack.start_run(parent="nobody")
    elsewhere = "0123456789abcdef" * 2
    gtrack.start_run("orphan", parent=elsewhere).end()
    assert here.run("orphan").state.parent == elsewhere


def test_a_group_is_kept(here):
    for fold in range(2):
        gtrack.start_run(f"fold-{fold}", group="cv-1", params={"fold": fold}).end()
    assert {run.state.group for run in here.runs()} == {"cv-1"}


def test_a_parent_that_ends_first_leaves_its_child_active(here):
    parent = gtrack.start_run("parent")
    child = gtrack.start_run("child", nested=True)
    parent.end()
    assert gtrack.active_run() is child
    gtrack.log({"loss": 1.0})
    child.end("failed")
    assert gtrack.active_run() is None
    assert {run.name: run.status for run in here.runs()} == {"parent": "finished", "child": "failed"}


def test_threads_have_runs_of_their_own_at_the_same_time(here):
    barrier = threading.Barrier(4)
    failures = []

    def work(number):
        try:
            with gtrack.start_run(f"thread-{number}") as run:
                barrier.wait(20)
                for step in range(20):
                    gtrack.log({"number": number}, step=step)
                    assert gtrack.active_run() is run
                barrier.wait(20)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    with gtrack.start_run("main"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gtrack.log({"number": -1})
    assert failures == []
    found = {run.name: run.curves(["number"])["value"].to_pylist() for run in here.runs()}
    assert found == {"main": [-1.0], **{f"thread-{number}": [number] * 20 for number in range(4)}}


def test_a_helper_thread_logs_to_the_main_threads_run_and_does_not_end_it(here):
    with gtrack.start_run("main") as run:

        def help_out():
            gtrack.log({"helped": 1})
            gtrack.set_tag("helper", True)
            gtrack.end_run()

        thread = threading.Thread(target=help_out)
        thread.start()
        thread.join()
        assert run.active
    found = here.only_run()
    assert (found.metrics, found.tags) == ({"helped": 1.0}, {"helper": True})


def test_threads_that_log_one_metric_at_once_lose_nothing(here):
    with gtrack.start_run() as run:
        threads = [
            threading.Thread(target=lambda base=base: [run.log_metric("x", base + at) for at in range(500)])
            for base in (0, 1000, 2000, 3000)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    curve = here.run().curves(["x"])
    assert sorted(curve["value"].to_pylist()) == [base + at for base in (0, 1000, 2000, 3000) for at in range(500)]
    assert curve["step"].to_pylist() == list(range(2000))


def test_a_run_id_of_ones_own_is_taken_once(here):
    mine = "ab" * 16
    with gtrack.start_run(run_id=mine) as run:
        assert run.id == mine
        with pytest.raises(UsageError, match="exists"):
            gtrack.start_run(run_id=mine, nested=True)
    with pytest.raises(UsageError, match="resume=True"):
        gtrack.start_run(run_id=mine)
    assert here.only_run().id == mine


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_seed_is_recorded_with_the_active_run_and_with_later_ones(here, deterministic):
    import random

    with gtrack.start_run("first") as run:
        done = gtrack.set_seed(7, deterministic)
        drawn = random.random()
        run.log({"x": 1})
    gtrack.start_run("second").end()
    assert random.Random(7).random() == drawn
    for name in ("first", "second"):
        assert here.run(name).state.seed == done
    assert (done["seed"], done["deterministic"], done["python"]) == (7, deterministic, True)


def test_a_seed_set_after_the_first_metric_is_recorded_too(here):
    with gtrack.start_run() as run:
        run.log({"x": 1})
        gtrack.set_seed(11)
    assert here.run().state.seed["seed"] == 11
