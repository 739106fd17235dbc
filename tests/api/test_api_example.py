"""The example that the documentation begins with, and what a run and its reader say."""

from __future__ import annotations

import math

import pytest

import gtrack
from gtrack.errors import RunActiveError, UsageError


def test_the_documented_example_is_recorded_and_read_back(here):
    with gtrack.start_run(
        experiment="churn", name="lgbm", params={"lr": 0.05, "model": {"leaves": 32}}, tags={"stage": "baseline"}
    ) as run:
        run.log_params({"model": {"depth": 6}, "data": {"split": {"seed": 1}}})
        run.define_metric("val_auc", goal="max")
        for step, auc in enumerate((0.71, 0.94, 0.91)):
            run.log({"train_loss": 1 / (step + 1), "val_auc": auc}, step=step)
        run.log_metric("grad_norm", 2.5, step=10)
        run.note("the second epoch was the best")
    found = gtrack.Repo(".").run("last")
    assert (found.id, found.name, found.experiment, found.status) == (run.id, "lgbm", "churn", "finished")
    assert found.params == {"lr": 0.05, "model": {"leaves": 32, "depth": 6}, "data": {"split": {"seed": 1}}}
    assert found.tags == {"stage": "baseline"}
    assert found.metrics == {"train_loss": pytest.approx(1 / 3), "val_auc": 0.91, "grad_norm": 2.5}
    assert (found.summary["val_auc"].max, found.summary["val_auc"].argmax, found.summary["val_auc"].count) == (
        0.94,
        1,
        3,
    )
    assert found.summary["val_auc"].goal == "max"
    assert found.summary["grad_norm"].step == 10
    assert [(note.text, note.author) for note in found.notes] == [
        ("the second epoch was the best", "Ada L <ada@example.org>")
    ]
    curves = found.curves(["val_auc"])
    assert curves.column_names == ["key", "step", "time", "value"]
    assert curves.select(["key", "step", "value"]).to_pylist() == [
        {"key": "val_auc", "step": 0, "value": 0.71},
        {"key": "val_auc", "step": 1, "value": 0.94},
        {"key": "val_auc", "step": 2, "value": 0.91},
    ]
    assert str(curves.schema.field("time").type) == "timestamp[us, tz=UTC]"


def test_a_single_key_may_be_asked_for_by_its_name(here):
    with gtrack.start_run() as run:
        run.log({"loss": 1.0, "l": 2.0}, step=0)
    found = gtrack.Repo(".").run("last")
    assert found.curves("loss")["value"].to_pylist() == [1.0]
    assert len(found.curves(["nothing"])) == 0
    assert len(found.curves()) == 2


def test_a_value_without_a_step_gets_the_next_integer_of_its_key(here):
    with gtrack.start_run() as run:
        run.log_metric("a", 1.0)
        run.log_metric("a", 2.0, step=7)
        run.log_metric("a", 3.0)
        run.log({"a": 4.0, "b": 5.0})
        run.log_metric("b", 6.0)
    curves = here.run().curves().to_pylist()
    assert [(row["key"], row["step"], row["value"]) for row in curves] == [
        ("a", 0, 1.0),
        ("a", 7, 2.0),
        ("a", 8, 3.0),
        ("a", 9, 4.0),
        ("b", 0, 5.0),
        ("b", 1, 6.0),
    ]


def test_nested_metrics_are_joined_with_dots(here):
    with gtrack.start_run() as run:
        run.log({"val": {"auc": 0.9, "by": {"age": 0.8}}, "loss": 1}, step=3)
    assert here.run().metrics == {"val.auc": 0.9, "val.by.age": 0.8, "loss": 1.0}


def test_nan_and_infinities_are_kept(here):
    with gtrack.start_run() as run:
        for value in (1.0, math.nan, math.inf, -math.inf):
            run.log_metric("x", value)
    values = here.run().curves(["x"])["value"].to_pylist()
    assert values[0] == 1.0
    assert math.isnan(values[1])
    assert values[2:] == [math.inf, -math.inf]


def test_a_live_run_is_read_with_what_it_has_logged_so_far(here):
    with gtrack.start_run(name="live", params={"lr": 0.1}) as run:
        run.log({"loss": 1.0})
        run.set_tag("stage", "warm-up")
        found = here.run("live")
        assert (found.status, found.metrics, found.params, found.tags) == (
            "running",
            {"loss": 1.0},
            {"lr": 0.1},
            {"stage": "warm-up"},
        )
        assert found.curves(["loss"])["value"].to_pylist() == [1.0]
        run.log({"loss": 0.5})
        assert here.run("live").curves(["loss"])["value"].to_pylist() == [1.0, 0.5]
    assert here.run("live").status == "finished"


def test_the_first_line_and_the_last_name_the_run(here, capsys):
    with gtrack.start_run(name="lgbm", experiment="churn") as run:
        run.log({"val_auc": 0.9412345})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0] == f"gtrack: run {run.id[:7]} lgbm started (experiment churn)"
    assert lines[1].startswith(f"gtrack: run {run.id[:7]} lgbm finished in ")
    assert lines[1].endswith(": val_auc=0.9412")


def test_quiet_means_silent_and_warnings_still_come(here, capsys, monkeypatch):
    monkeypatch.setenv("GTRACK_QUIET", "1")
    with gtrack.start_run() as run:
        run.log({"loss": 1.0})
        run.log({"loss": "bad"})
        run.log({"loss": "bad"})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("gtrack: warning: 'loss' was not logged: ")


def test_the_html_of_a_run_escapes_what_users_wrote(here):
    with gtrack.start_run(name="<script>alert(1)</script>", params={"<b>": "<i>&"}) as run:
        live = run._repr_html_()
        run.log({"<img>": 1.0})
    for html in (live, here.run()._repr_html_()):
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
        assert "<b>" not in html
        assert "<img>" not in html


def test_a_second_run_in_one_thread_is_refused_with_what_to_type(here):
    with gtrack.start_run(name="first"):
        with pytest.raises(RunActiveError) as caught:
            gtrack.start_run()
        assert "first" in caught.value.message
        assert caught.value.hint == "end it with gtrack.end_run(), or start a child with nested=True"
        assert len(here.runs()) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"run_name": " "}, "run_name"),
        ({"experiment": "x" * 600}, "512"),
        ({"group": ""}, "group"),
        ({"params": [1]}, "params"),
        ({"tags": "a"}, "tags"),
        ({"run_id": "short"}, "32 hex digits"),
        ({"resume": True}, "resume"),
        ({"parent": 7}, "parent"),
    ],
)
def test_wrong_use_of_start_run_raises_and_starts_nothing(here, arguments, word):
    with pytest.raises(UsageError, match=word) as caught:
        gtrack.start_run(**arguments)
    assert caught.value.hint
    assert here.runs() == []


def test_an_unknown_goal_or_status_is_refused(here):
    with gtrack.start_run() as run:
        with pytest.raises(UsageError, match="goal"):
            run.define_metric("loss", goal="lower")
        with pytest.raises(UsageError, match="status"):
            run.end("done")
        assert run.active


def test_what_is_logged_after_the_end_warns_once_and_hurts_nobody(here, capsys):
    with gtrack.start_run() as run:
        log = run.log_metric
        run.log({"loss": 1.0})
    for _ in range(3):
        run.log({"loss": 2.0})
        log("loss", 2.0)
        run.log_param("lr", 1)
        run.set_tag("a", "b")
        run.note("late")
        run.end("failed")
    assert capsys.readouterr().err.count("has ended") == 1
    found = here.run()
    assert (found.status, found.curves()["value"].to_pylist(), found.params) == ("finished", [1.0], {})


def test_a_param_that_changes_is_told_and_the_last_value_stands(here, capsys):
    with gtrack.start_run(params={"lr": 0.1}) as run:
        run.log_param("lr", 0.1)
        assert "was" not in capsys.readouterr().err
        assert run.log_param("lr", 0.2) == 0.2
        assert "param 'lr' was 0.1 and is now 0.2" in capsys.readouterr().err
        assert run.params == {"lr": 0.2}
    assert here.run().params == {"lr": 0.2}


def test_names_and_texts_that_are_none_are_kept_as_text(here):
    class Broken:
        def __str__(self):
            raise RuntimeError("no text")

    with gtrack.start_run() as run:
        assert run.log_param(["a"], 1) == 1
        run.log_param(2, Broken())
        run.set_tag({"b": 1}, 2)
        run.note(Broken())
        run.note(3)
    found = here.run()
    assert (found.params["['a']"], found.tags) == (1, {"{'b': 1}": 2})
    assert "2" in found.params
    assert [note.text for note in found.notes][-1] == "3"


def test_params_tags_and_goals_after_the_first_metric_are_kept_too(here):
    with gtrack.start_run(params={"model": {"depth": 3}}) as run:
        run.log({"loss": 1.0})
        run.log_params({"model": {"width": 64}})
        run.set_tags({"late": True})
        run.define_metric("loss", goal="min")
    found = here.run()
    assert found.params == {"model": {"depth": 3, "width": 64}}
    assert found.tags == {"late": True}
    assert found.summary["loss"].best == 1.0


def test_long_values_come_back_whole(here):
    prompt = "näive \x1b[31m" * 20_000
    with gtrack.start_run(params={"prompt": prompt, "nested": {"text": prompt}}) as run:
        run.set_tag("long", prompt)
    found = here.run()
    assert found.params == {"prompt": prompt, "nested": {"text": prompt}}
    assert found.tags == {"long": prompt}
    assert run.id == found.id


def test_deleting_and_restoring_hides_and_shows(here):
    from gtrack.ops import edit

    with gtrack.start_run(name="a"):
        pass
    with gtrack.Repo(".") as repo:
        edit.delete(repo, [repo.run("a")], "noise")
        assert [run.name for run in repo.runs()] == []
        assert [run.name for run in repo.runs(deleted=True)] == ["a"]
        edit.restore(repo, [repo.run("a")])
        assert [run.name for run in repo.runs()] == ["a"]
