"""Which runs the page of charts draws, how its legend tells them apart, and its sections of metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from charts_world import looking, make_curves, state, summary
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.asking import Asked
from gtrack._app.panels.legend import LegendClick, click_of
from gtrack._app.screens.charts.curves import batches
from gtrack._app.screens.charts.groups import group_names
from gtrack._app.screens.charts.legend import COLOUR_ONLY, Entry, hidden_after, legend_of
from gtrack._app.screens.charts.runs import chosen_runs, order_of, rankings
from gtrack._app.screens.charts.sections import PAGE, fold_after, folds_of
from gtrack.errors import UsageError
from gtrack.index.query import Query
from gtrack.model.goal import Goal


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_curves(tmp_path_factory.mktemp("some") / "repo")


def test_runs_are_the_newest_unless_they_were_selected(some: Path) -> None:
    with looking(some) as now:
        link: dict[str, Any] = {"runs": (), "count": 2, "best": ""}
        asked = Asked(Query())
        newest = chosen_runs(now, link, asked)  # type: ignore[arg-type]
        assert ([run.name for run in newest.states], newest.total) == (["run-3", "run-2"], 4)
        oldest = next(run.id for run in now.repo.runs() if run.name == "run-0")
        link["runs"] = (oldest, "0" * 32, "not an id", oldest)
        selected = chosen_runs(now, link, asked)  # type: ignore[arg-type]
        assert ([run.name for run in selected.states], selected.selected) == (["run-0"], True)


def test_the_best_runs_are_best_by_the_goal_of_their_metric(some: Path) -> None:
    with looking(some) as now:
        asked = Asked(Query())
        ranked = rankings(now, asked)
        assert ranked["test/accuracy"].direction == "max" and ranked["train/loss"].direction == "min"
        for metric, best in (("test/accuracy", "run-3"), ("train/loss", "run-3"), ("nonsense", "run-3")):
            link: dict[str, Any] = {"runs": (), "count": 1, "best": metric}
            found = chosen_runs(now, link, asked)  # type: ignore[arg-type]
            assert [run.name for run in found.states] == [best]
            assert found.best == ("" if metric == "nonsense" else metric)
    assert str(order_of("loss", Goal("min", "define_metric"))) == "min(metrics.loss) ASC"
    assert str(order_of("auc", Goal("max", "name"))) == "metrics.auc DESC"


def test_a_hidden_run_is_in_the_legend_and_not_drawn() -> None:
    one, other = state("one", "a" * 32), state("other", "b" * 32)
    legend = legend_of([one, other], hidden={one.id}, strong={other.id})
    assert [run.id for run in legend.runs] == [other.id]
    assert [(entry.name, entry.hidden, entry.strong) for entry in legend.entries] == [
        ("one", True, False),
        ("other", False, True),
    ]
    assert legend.entries[1].colour == legend.runs[0].colour == legend_of([other]).runs[0].colour


def test_runs_of_one_name_are_told_apart_by_their_ids() -> None:
    entries = legend_of([state("same", "a" * 32), state("same", "b" * 32), state("x", "c" * 32)]).entries
    assert [entry.name for entry in entries] == ["same aaaaaaa", "same bbbbbbb", "x"]


def test_groups_stand_in_the_legend_for_their_runs() -> None:
    states = [state(f"r{n}", f"{n:032x}", params={"lr": n % 2}) for n in range(4)]
    means = legend_of(states, by="params.lr", band="std", hidden={states[0].id, states[2].id})
    assert [(entry.name, entry.hidden, entry.run) for entry in means.entries] == [
        ("lr=0 (2)", True, ""),
        ("lr=1 (2)", False, ""),
    ]
    assert {run.group for run in means.runs} == {"lr=1"}
    alone = legend_of(states, by="params.lr", band=COLOUR_ONLY)
    assert {run.group for run in alone.runs} == {None}
    assert len({run.colour for run in alone.runs}) == 2
    with pytest.raises(UsageError, match="cannot group"):
        legend_of(states, by="nonsense")


def entries_of(count: int) -> list[Entry]:
    return [Entry(f"run {n}", "#000000", "solid", (str(n),), str(n)) for n in range(count)]


@given(st.integers(1, 6), st.sets(st.integers(0, 8)), st.integers(0, 8), st.booleans())
def test_what_is_hidden_twice_is_shown_again(count: int, hidden: set[int], clicked: int, only: bool) -> None:
    before = tuple(map(str, sorted(hidden)))
    entries = entries_of(count)
    once = hidden_after(entries, before, [str(clicked)], only=only)
    elsewhere = {run for run in before if int(run) >= count}
    assert elsewhere <= set(once), "what is not on this page is not touched"
    if clicked >= count:
        assert once == before
    elif only:
        assert str(clicked) not in once
        others = {str(n) for n in range(count)} - {str(clicked)}
        was = {run for run in before if int(run) < count}
        assert set(once) - elsewhere == (set() if was == others else others)
    else:
        assert set(hidden_after(entries, once, [str(clicked)], only=False)) == set(before)
        assert set(once) ^ set(before) == {str(clicked)}


def test_groups_are_named_by_the_field_or_by_what_differs() -> None:
    states = [
        state("a", params={"lr": 0.1, "seed": 1, "depth": 3}),
        state("b", params={"lr": 0.1, "seed": 2, "depth": 3}),
        state("c", params={"lr": 0.2, "seed": 1, "depth": 3}),
    ]
    assert group_names(states, "params.lr") == ["lr=0.1", "lr=0.1", "lr=0.2"]
    assert group_names(states, "tags.team") == ["no team"] * 3
    assert group_names(states, "configuration") == ["lr=0.1", "lr=0.1", "lr=0.2"]
    code = [state("a", code={"commit": "a" * 40}), state("b", code={"commit": "b" * 40}), state("a")]
    assert group_names(code, "configuration") == ["a", "b", "a (2)"]


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_only_a_click_is_a_click(value: object) -> None:
    found = click_of(value)
    assert found is None or (found.kind in ("toggle", "only", "all", "open") and isinstance(found.ids, tuple))


def test_a_click_names_runs() -> None:
    assert click_of({"kind": "toggle", "ids": ["a"]}) == LegendClick("toggle", ("a",))
    for wrong in (
        {"kind": "toggle"},
        {"kind": "x", "ids": []},
        {"kind": "only", "ids": [1]},
        {"kind": "all", "ids": ["a" * 101]},
    ):
        assert click_of(wrong) is None


def test_the_section_of_the_main_metric_is_first_and_alone_open_where_there_are_many() -> None:
    few = folds_of(["train/loss", "val/loss", "lr"], ["val/loss"])
    assert [(fold.name, fold.open) for fold in few] == [("val", True), ("metrics", True), ("train", True)]
    many = [f"grads/{n}" for n in range(30)]
    found = folds_of([*many, "val/loss"], ["val/loss"], pages={"grads": 2})
    assert [(fold.name, fold.open, fold.page) for fold in found] == [("val", True, 1), ("grads", False, 2)]
    assert found[1].shown == tuple(many[PAGE:])
    assert [fold.page for fold in folds_of(many, [], pages={"grads": 99})] == [2]
    assert [fold.page for fold in folds_of(many, [], pages={"grads": "x"})] == [1]


def test_a_section_stays_as_somebody_left_it() -> None:
    keys = [f"{name}/{n}" for name in ("a", "b") for n in range(10)]
    first, second = folds_of(keys, ["a/1"])
    assert (first.open, second.open) == (True, False)
    settings = fold_after(second, (), (), to=True)
    settings = fold_after(first, settings["open"], settings["closed"], to=False)
    again = folds_of(keys, ["a/1"], opened=settings["open"], closed=settings["closed"])
    assert [fold.open for fold in again] == [False, True]
    assert fold_after(first, settings["open"], settings["closed"], to=True) == {"open": ("b", "a"), "closed": ()}


@given(st.lists(st.integers(1, 50), max_size=12), st.integers(1, 100))
def test_metrics_are_read_in_order_and_few_points_at_a_time(counts: list[int], most: int) -> None:
    metrics = {f"m{n:02d}": summary(count) for n, count in enumerate(counts)}
    states = [state("one", metrics=metrics), state("other", metrics=metrics)]
    found = list(batches(states, list(metrics), most))
    assert [key for batch in found for key in batch] == list(metrics)
    assert all(len(batch) == 1 or 2 * sum(metrics[key].count for key in batch) <= most for batch in found)
