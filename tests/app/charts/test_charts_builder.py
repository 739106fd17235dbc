"""Panels that somebody put together."""

from __future__ import annotations

import pytest
from figure_world import chart_runs, checked, curves, drawn, runs_table
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.builder import PanelData, build
from gtrack._app.charts.panel_spec import KINDS, PanelSpec
from gtrack.errors import UsageError

TABLE = runs_table(4, **{"params.lr": [0.1, 0.1, 0.2, None], "metrics.loss": [1.0, 2.0, 3.0, 4.0]})
CURVES = curves(*((number, key, [number, 1]) for number in range(4) for key in ("epoch", "loss")))
DATA = PanelData(TABLE, CURVES, chart_runs(4))
SPECS = {
    "line": {"metrics": ["metrics.loss", "epoch"]},
    "scatter": {"x": "params.lr", "y": "metrics.loss"},
    "bar": {"y": "metrics.loss"},
    "histogram": {"x": "metrics.loss"},
    "parallel": {"metrics": ["params.lr", "metrics.loss"]},
    "importance": {"y": "metrics.loss"},
    "matrix": {"metrics": ["params.lr", "metrics.loss"]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_figure_and_comes_back_from_a_saved_view(kind):
    spec = PanelSpec.from_dict({"kind": kind, **SPECS[kind], "title": "<b>mine</b>"})
    assert PanelSpec.from_dict(spec.to_dict()) == spec
    figure = checked(build(spec, DATA))
    assert figure.title == "<b>mine</b>"
    assert figure.traces


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_an_empty_table(kind):
    checked(build(PanelSpec.from_dict({"kind": kind, **SPECS[kind]}), PanelData(runs_table(0), curves())))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "it has no kind"),
        ({"kind": "pie"}, "kind is 'pie', expected one of line, scatter"),
        ({"kind": ["line"]}, "kind is"),
        ({"kind": "scatter", "x": "params.lr"}, "y is '', expected a value: a scatter needs it"),
        ({"kind": "scatter", "x": "params.lr", "y": "metrics.loss", "color": "x"}, "unknown setting 'color'.*colour"),
        ({"kind": "scatter", "x": "params.lr", "y": "metrics.loss", "smoothing": 0.5}, "a scatter has no smoothing"),
        ({"kind": "histogram", "x": "lr"}, "unknown field lr"),
        ({"kind": "histogram", "x": 3}, "x is 3, expected text"),
        ({"kind": "histogram", "x": "duration", "log_x": "yes"}, "log_x is 'yes', expected true or false"),
        ({"kind": "line", "metrics": "loss"}, "metrics is 'loss', expected a list"),
        ({"kind": "line", "metrics": ["a"] * 999}, "metrics is"),
        ({"kind": "line", "metrics": ["a"], "smoothing": float("nan")}, "smoothing is nan"),
        ([], "expected names and values"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(values, message):
    with pytest.raises(UsageError, match=message):
        PanelSpec.from_dict(values)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([*KINDS, "params.lr", "metrics.loss"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*PanelSpec.__slots__, "other"]), anything) | anything)
def test_anything_is_a_panel_or_refused_in_one_line(values):
    try:
        spec = PanelSpec.from_dict(values)
    except UsageError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1_500
    else:
        assert PanelSpec.from_dict(spec.to_dict()) == spec


def test_lines_name_the_curves_that_they_need():
    spec = PanelSpec("line", x="metrics.epoch", metrics=("metrics.loss", "loss", "acc"))
    assert spec.curve_keys == ("loss", "acc", "epoch")
    assert PanelSpec("line", x="time", metrics=("loss",)).curve_keys == ("loss",)
    assert PanelSpec("bar", y="metrics.loss").curve_keys == ()


def test_lines_of_a_group_are_means_by_a_column():
    figure = checked(build(PanelSpec("line", metrics=("loss",), group="params.lr"), DATA))
    assert sorted(trace["name"] for trace in drawn(figure)) == ["lr=0.1 (2 runs)", "lr=0.2 (1 run)", "no lr (1 run)"]


def test_lines_without_curves_say_what_they_need():
    with pytest.raises(UsageError, match="lines need the curves"):
        build(PanelSpec("line", metrics=("loss",)), PanelData(TABLE))


def test_runs_keep_their_colours():
    figure = build(PanelSpec("scatter", x="params.lr", y="metrics.loss"), DATA)
    assert figure.traces[0]["marker"]["color"] == ["#0072B2"] * 3
