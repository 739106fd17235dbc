"""Panels that somebody put together on the page of charts, and what a new one starts with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from charts_world import looking, make_curves, of_all, state, summary
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.builder import PanelData, build
from gtrack._app.charts.panel_spec import KINDS, PanelSpec
from gtrack._app.screens.charts.curves import read_curves
from gtrack._app.screens.charts.panels import MOST, changed, copied, moved, name_of, read_panels, removed
from gtrack._app.screens.charts.runs import Chosen
from gtrack._app.screens.charts.suggest import suggested
from gtrack.errors import UsageError
from gtrack.model.goal import Goal
from gtrack.runs import runs_table


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_curves(tmp_path_factory.mktemp("some") / "repo")


def test_what_is_no_panel_is_told_and_does_not_hurt_the_others() -> None:
    good = PanelSpec("scatter", x="params.lr", y="metrics.loss")
    found = read_panels([good.to_dict(), {"kind": "nope"}, 3, {"kind": "bar"}, {"x": []}, None])
    assert found[0] == good
    assert all(isinstance(panel, UsageError) for panel in found[1:])
    assert [name_of(panel) for panel in found[:2]] == ["scatter: loss by lr", "not a panel"]


def test_panels_are_named_by_what_they_show() -> None:
    assert name_of(PanelSpec("line", metrics=("a", "b"))) == "line: a, b"
    assert name_of(PanelSpec("line", x="relative", metrics=("a",))) == "line: a by relative"
    assert name_of(PanelSpec("importance", y="metrics.auc", title="What matters")) == "importance: What matters"
    assert name_of(PanelSpec("histogram", x="duration")) == "histogram: duration"


@given(st.lists(st.integers(), max_size=6), st.integers(0, 6), st.integers(-9, 9))
def test_arranging_loses_no_panel(panels: list[int], at: int, by: int) -> None:
    assert sorted(moved(panels, at, by)) == sorted(panels)
    if at < len(panels):
        assert moved(panels, at, by)[min(max(0, at + by), len(panels) - 1)] == panels[at]
        assert removed(panels, at) == panels[:at] + panels[at + 1 :]
        assert copied(panels, at) == panels[: at + 1] + panels[at:]
    else:
        assert removed(panels, at) == panels and copied(panels, at) == panels


def test_a_panel_is_added_behind_or_takes_the_place_of_one() -> None:
    panel = PanelSpec("histogram", x="duration")
    assert changed([1, 2], None, panel) == [1, 2, panel.to_dict()]
    assert changed([1, 2], 0, panel) == [panel.to_dict(), 2]
    full = list(range(MOST))
    assert changed(full, None, panel) == full and copied(full, 0) == full


# -- what a new one starts with


def of_params(*params: dict[str, Any], **metrics: int) -> Chosen:
    found = {key: summary(count) for key, count in metrics.items()}
    return Chosen(tuple(state(f"r{at}", params=each, metrics=found) for at, each in enumerate(params)))


def test_a_new_panel_shows_the_main_metric_over_its_steps() -> None:
    found = suggested(of_params({"lr": 0.1, "seed": 1}, {"lr": 0.2, "seed": 2}, loss=9, val_auc=9, test_acc=1))
    assert (found.first, found.other) == ("line", "")
    assert found.panels["line"] == PanelSpec("line", x="step", metrics=("val_auc",)), "which has a curve"
    assert found.panels["scatter"] == PanelSpec("scatter", x="params.lr", y="metrics.val_auc")


def test_of_several_params_that_differ_a_scatter_is_offered_beside_it() -> None:
    found = suggested(of_params({"lr": 0.1, "depth": 3}, {"lr": 0.2, "depth": 4}, loss=9))
    assert (found.first, found.other) == ("line", "scatter")
    assert found.panels["scatter"] == PanelSpec("scatter", x="params.lr", y="metrics.loss", colour="params.depth")
    assert found.panels["matrix"].metrics == ("params.lr", "params.depth", "metrics.loss")


def test_the_metric_that_runs_are_compared_by_comes_first() -> None:
    chosen = replace(of_params({}, loss=9, val_auc=9), goals=(("loss", Goal("min", "experiment")),))
    assert suggested(chosen).panels["line"].metrics == ("loss",)


def test_without_curves_or_runs_a_new_panel_is_of_runs_all_the_same() -> None:
    assert suggested(of_params({}, test_acc=1)).first == "scatter"
    assert suggested(Chosen()).panels["scatter"] == PanelSpec("scatter", x="started", y="duration")
    assert suggested(of_params({"x" * 2_000: 1}, {"x" * 2_000: 2}, loss=9)).panels.keys() >= {"line", "bar"}


def test_every_panel_that_is_suggested_draws_something(some: Path) -> None:
    with looking(some) as now:
        drawing = of_all(now)
        found = suggested(drawing.chosen).panels
        assert found.keys() == KINDS.keys()
        curves = read_curves(now, drawing.states, found["line"].curve_keys)
        data = PanelData(runs_table(drawing.states), curves, drawing.legend.runs)
        empty = [kind for kind, panel in found.items() if not build(panel, data).traces]
        assert empty == ["importance"], "these runs end at the same loss: nothing explains it"
