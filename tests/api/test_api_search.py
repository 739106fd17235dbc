"""Searching from Python: what is found as a sequence and as tables, wrong arguments named, experiments, curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gtrack
from gtrack.errors import UsageError
from gtrack.model.experiment import ExperimentState
from gtrack.ops.experiments import archive, set_protocol

FACTS = ["id", "name", "experiment", "status", "started", "ended", "duration", "parent", "group", "author", "commit"]


@pytest.fixture
def trained(here):
    """Three runs of two experiments."""
    for name, experiment, auc in (("a", "churn", 0.7), ("b", "churn", 0.9), ("c", "fraud", 0.8)):
        with gtrack.start_run(name, experiment=experiment, params={"model": {"depth": 6}, "lr": auc}) as run:
            run.log({"val_auc": auc / 2, "loss": 1.0}, step=0)
            run.log({"val_auc": auc}, step=1)
    return here


def test_every_way_to_say_the_order_means_the_same(trained):
    for order in ("-metrics.val_auc", "metrics.val_auc DESC", ["metrics.val_auc DESC"], ("-metrics.val_auc", "name")):
        found = gtrack.search_runs(order_by=order, max_results=2)
        assert [run.name for run in found] == ["b", "c"] and found.total == 3
    newest = ["c", "b", "a"]
    assert [run.name for run in gtrack.search_runs(order_by=None)] == newest
    assert [run.name for run in gtrack.search_runs(order_by=[])] == newest
    assert [run.name for run in gtrack.search_runs(experiment=["churn", "fraud"])] == newest
    assert [run.name for run in gtrack.search_runs(experiment="churn")] == newest[1:]


WRONG: list[tuple[Callable[[gtrack.Repo], Any], str]] = [
    (lambda repo: repo.search(5), "the filter is an int, not text"),
    (lambda repo: repo.search(["metrics.a > 1"]), "the filter is a list, not text"),
    (lambda repo: repo.search(b"metrics.a > 1"), "the filter is a bytes, not text"),
    (lambda repo: repo.search(order_by=5), "order_by: expected text, or several in a list, not an int"),
    (lambda repo: repo.search(order_by=[("metrics.a", "DESC")]), "order_by: expected a field, not a tuple"),
    (lambda repo: repo.search(order_by={"metrics.a": "DESC"}), "order_by: expected text, or several in a list"),
    (lambda repo: repo.search(order_by=[None]), "order_by: expected a field, not a NoneType"),
    (lambda repo: repo.search(experiment=5), "experiment: expected text, or several in a list, not an int"),
    (lambda repo: repo.search(experiment=[5]), "experiment: expected a name, not an int"),
    (lambda repo: repo.search(experiment=b"churn"), "experiment: expected text"),
    (lambda repo: repo.runs(experiment=5), "experiment: expected text"),
    (lambda repo: repo.search(max_results=0), "max_results is 0; it is 1 or more"),
    (lambda repo: repo.search(max_results=-1), "max_results is -1; it is 1 or more"),
    (lambda repo: repo.search(max_results=2.0), "max_results is a float, not a whole number"),
    (lambda repo: repo.search(max_results=True), "max_results is a bool, not a whole number"),
    (lambda repo: repo.run(5), "run: expected a name, not an int"),
    (lambda repo: repo.experiment(None), "experiment: expected a name, not a NoneType"),
    (lambda _: gtrack.search_runs(order_by=5), "order_by: expected text"),
    (lambda _: gtrack.curves(5), "curves: expected runs or selectors, not an int"),
    (lambda _: gtrack.curves([{"id": "a"}]), "curves: expected runs or selectors, not a dict"),
    (lambda _: gtrack.curves("last", keys=5), "keys: expected text, or several in a list, not an int"),
]


@pytest.mark.parametrize(("ask", "message"), WRONG, ids=[message for _, message in WRONG])
def test_an_argument_of_another_type_is_named(here, ask, message):
    with gtrack.Repo() as repo, pytest.raises(UsageError, match="^" + message):
        ask(repo)


def test_a_number_of_results_may_be_any_whole_number(trained):
    import numpy as np

    assert len(gtrack.search_runs(max_results=np.int64(2))) == 2


def test_the_curves_of_all_that_was_found_are_one_table(trained):
    found = gtrack.search_runs("experiment = 'churn'", order_by="name")
    table = found.curves("val_auc")
    assert table.equals(gtrack.curves(found, ["val_auc"]))
    assert table["run"].to_pylist() == [found[0].id] * 2 + [found[1].id] * 2
    assert table["value"].to_pylist() == [0.35, 0.7, 0.45, 0.9]
    assert len(found[:0].curves()) == 0
    assert sorted(set(found.curves()["key"].to_pylist())) == ["loss", "val_auc"]


def test_a_table_of_nothing_keeps_the_columns_that_were_asked_for(trained):
    pytest.importorskip("pandas", reason="pandas is not installed")
    found = gtrack.search_runs(
        "metrics.val_auc > 2 AND params.model.depth = 6 AND tags.`a b` = 'x'", order_by="metrics.loss"
    )
    empty, full = found.to_pandas(), gtrack.search_runs().to_pandas()
    assert list(empty.columns) == [
        *full.columns[: len(FACTS) + 3], "params.model.depth", "metrics.loss", "metrics.val_auc", "tags.a b",
    ]  # fmt: skip
    assert list(full.columns[: len(FACTS)]) == FACTS
    facts = [*FACTS, "metrics.val_auc"]
    assert empty[facts].dtypes.to_dict() == full[facts].dtypes.to_dict()
    assert len(empty) == 0 and empty["metrics.val_auc"].max() != empty["metrics.val_auc"].max()
    assert found[:0].to_arrow().column_names == list(empty.columns)


def test_a_column_that_no_run_has_is_there_when_it_was_asked_for(trained):
    table = gtrack.search_runs("params.dropout IS NULL", order_by="metrics.val_f1").to_arrow()
    assert table["params.dropout"].to_pylist() == table["metrics.val_f1"].to_pylist() == [None] * 3
    assert str(table.schema.field("metrics.val_f1").type) == "double"


def test_the_protocol_of_an_experiment_is_read_from_python(trained):
    with gtrack.Repo() as repo:
        assert repo.experiment("churn") == ExperimentState("churn")
        set_protocol(repo.repository, "churn", {"metric": "val_auc", "goal": "max"})
        assert (repo.experiment("churn").metric, repo.experiment("churn").goal) == ("val_auc", "max")


def test_the_experiments_are_those_with_runs_and_those_that_were_spoken_of(trained):
    with gtrack.Repo() as repo:
        archive(repo.repository, "Ancient")
        set_protocol(repo.repository, "churn", {"metric": "val_auc"})
        told = repo.experiments()
        assert [each.name for each in told] == ["fraud", "churn", "Ancient"]
        assert [each.metric for each in told] == [None, "val_auc", None]
        assert [each.archived for each in told] == [False, False, True]
        with gtrack.start_run(experiment="new"):
            assert next(each.name for each in repo.experiments()) == "new", "a live run counts, too"


def test_a_run_is_read_on_after_its_repository_was_closed(trained):
    trained.git("gc", "-q")
    with gtrack.Repo() as repo:
        run = repo.run("b")
        found = repo.search(experiment="churn")
    assert run.curves("val_auc")["value"].to_pylist() == [0.45, 0.9]
    assert run.params["model"] == {"depth": 6}
    assert len(found.curves()) == 6
    repo.close()
