"""Runs as points, bars, distributions and lines through axes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from figure_world import NAMES, checked, role, runs_table
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gtrack._app.charts.bars import bar_figure
from gtrack._app.charts.colours import MISSING, Ink, inks
from gtrack._app.charts.histogram import bin_edges, histogram_figure
from gtrack._app.charts.matrix import matrix_figure
from gtrack._app.charts.parallel import parallel_figure
from gtrack._app.charts.scatter import scatter_figure
from gtrack.errors import UsageError
from gtrack.model.goal import Goal

LR, AUC, OPT = "params.lr", "metrics.val_auc", "params.opt"


def ids(*numbers):
    return [f"{number:032x}" for number in numbers]


@pytest.fixture
def table():
    return runs_table(
        6,
        **{
            LR: [1e-4, 1e-3, 1e-2, 1e-1, None, 1e-3],
            AUC: pa.array([0.7, 0.8, 0.9, 0.6, 0.5, None]),
            OPT: ["adam", "sgd", "adam", "sgd", "adam", None],
        },
    )


def test_a_point_is_a_run_in_its_own_colour_with_its_id(table):
    figure = checked(scatter_figure(table, LR, AUC, log_x=True, run_inks={ids(0)[0]: Ink("#123456")}))
    (trace,) = figure.traces
    assert trace["customdata"] == ids(0, 1, 2, 3)
    assert trace["marker"]["color"][:2] == ["#123456", inks(reversed(ids(0, 1, 2, 3)))[ids(1)[0]].colour]
    assert figure.layout["xaxis"]["type"] == "log"
    assert figure.note == "2 runs without lr or val_auc"


def test_points_of_a_category_are_a_trace_and_those_without_one_are_grey(table):
    figure = checked(scatter_figure(table, "duration", AUC, colour=OPT))
    assert [(trace["name"], trace["customdata"]) for trace in figure.traces] == [
        ("adam", ids(0, 2, 4)),
        ("sgd", ids(1, 3)),
    ]
    figure = checked(scatter_figure(table, "duration", LR, colour=OPT))
    assert (figure.traces[-1]["name"], figure.traces[-1]["marker"]["color"]) == ("no opt", MISSING)
    assert figure.note == "1 run without lr; 1 run without opt in grey"


def test_colours_of_numbers_over_decades_are_logarithmic(table):
    figure = checked(scatter_figure(table, "duration", AUC, colour=LR))
    marker = figure.traces[0]["marker"]
    np.testing.assert_allclose(marker["color"], [-4, -3, -2, -1])
    assert (marker["cmin"], marker["cmax"]) == (-4, -1)
    assert "0.001" in marker["colorbar"]["ticktext"]
    assert figure.traces[1]["customdata"] == ids(4)


def test_a_group_has_its_mean_with_intervals(table):
    figure = checked(scatter_figure(table, "duration", AUC, group=OPT))
    (means,) = role(figure, "groups")
    np.testing.assert_allclose(means["y"], [0.7, 0.7])
    assert means["customdata"] == [ids(0, 2, 4), ids(1, 3)]
    assert means["error_y"]["array"][1] == pytest.approx(12.7062 * np.std([0.8, 0.6], ddof=1) / np.sqrt(2), rel=1e-4)


def test_a_bar_is_a_run_the_best_first(table):
    figure = checked(bar_figure(table, AUC))
    (trace,) = figure.traces
    assert [run for _, run in sorted(zip(trace["y"], trace["customdata"], strict=True))] == ids(2, 1, 0, 3, 4)
    lowest = checked(bar_figure(table, AUC, goals={"val_auc": Goal("min", "experiment")}))
    assert lowest.layout["yaxis"]["ticktext"][0] == "run-4"


def test_of_very_many_runs_the_best_have_a_bar():
    figure = checked(bar_figure(runs_table(100), "duration"))
    assert len(figure.traces[0]["y"]) == 40
    assert figure.layout["yaxis"]["ticktext"][0] == "run-99"
    assert figure.note == "the highest 40 of 100 runs"


def test_a_bar_of_a_category_is_a_mean_with_its_interval(table):
    figure = checked(bar_figure(table, AUC, x=OPT))
    (trace,) = figure.traces
    np.testing.assert_allclose(trace["y"], [0.7, 0.7])
    assert trace["customdata"] == [ids(0, 2, 4), ids(1, 3)]
    assert figure.layout["xaxis"]["ticktext"] == ["adam", "sgd"]
    beside = checked(bar_figure(table, AUC, x=LR, colour=OPT))
    assert [trace["name"] for trace in beside.traces] == ["adam", "sgd"]
    assert "none where there is one run" in beside.note


def test_bars_of_texts_are_refused(table):
    with pytest.raises(UsageError, match="its values are no numbers"):
        bar_figure(table, OPT)


def test_a_histogram_counts_every_run_once_and_names_it(table):
    for name, log in ((AUC, False), (LR, True), (OPT, False), ("started", False)):
        figure = checked(histogram_figure(table, name, log_x=log))
        (trace,) = figure.traces
        named = [run for bar in trace["customdata"] for run in bar]
        assert sorted(named) == sorted(set(named))
        assert [len(bar) for bar in trace["customdata"]] == trace["y"]
        assert sum(trace["y"]) == 6 - sum(value is None for value in table[name].to_pylist())


def test_parts_of_a_histogram_are_stacked(table):
    figure = checked(histogram_figure(table, AUC, colour=OPT))
    assert [trace["name"] for trace in figure.traces] == ["adam", "sgd"]
    assert figure.layout["barmode"] == "stack"


def test_a_value_on_a_limit_is_of_the_upper_interval():
    values = np.linspace(0, 1, 11).tolist()
    (trace,) = checked(histogram_figure(runs_table(11, **{"metrics.m": values}), "metrics.m")).traces
    for x, width, members in zip(trace["x"], trace["width"], trace["customdata"], strict=True):
        for run in members:
            value = values[int(run, 16)]
            assert x - width / 2 - 1e-12 <= value
            assert value < x + width / 2 - 1e-12 or value == 1


@given(st.lists(st.floats(-1e149, 1e149), min_size=1, max_size=80))
def test_intervals_rise_and_hold_every_value(values):
    values = np.array(values)
    edges = bin_edges(values)
    assert 2 <= len(edges) <= 63
    assert (np.diff(edges) > 0).all()
    assert edges[0] <= values.min()
    assert edges[-1] >= values.max()


def test_parallel_axes_are_logarithmic_over_decades_and_hold_what_is_missing(table):
    figure = checked(parallel_figure(table, [LR, OPT, AUC, "started"], colour=AUC))
    (trace,) = figure.traces
    lr, opt, auc, started = trace["dimensions"]
    np.testing.assert_allclose(lr["values"], [-4, -3, -2, -1, -4.36, -3])
    assert (lr["tickvals"][0], lr["ticktext"][0]) == (lr["values"][4], "none")
    assert opt["values"].tolist() == [0, 1, 0, 1, 0, -1]
    assert opt["ticktext"] == ["none", "adam", "sgd"]
    assert auc["values"][5] < 0.5
    assert started["ticktext"]
    assert trace["meta"]["ids"] == ids(*range(6))
    assert figure.note == "1 run without val_auc in grey"
    line = trace["line"]
    assert line["color"][5] == line["cmin"]
    assert line["colorscale"][0] == [0.0, MISSING]
    for dimension in trace["dimensions"]:
        low, high = dimension["range"]
        assert low < high
        assert ((dimension["values"] >= low) & (dimension["values"] <= high)).all()


def test_without_a_colour_parallel_lines_have_those_of_their_runs(table):
    own = {run: Ink(f"#00000{at}") for at, run in enumerate(ids(*range(6)))}
    (trace,) = checked(parallel_figure(table, [LR, AUC], run_inks=own)).traces
    scale = trace["line"]["colorscale"]
    assert [colour for _, colour in scale[::2]] == [f"#00000{at}" for at in range(6)]


def test_a_matrix_has_at_most_six_columns_and_those_without_values_are_named(table):
    figure = checked(matrix_figure(table, [LR, OPT, AUC, "started", "params.none"], colour=AUC))
    (trace, grey) = figure.traces
    assert [dimension["label"] for dimension in trace["dimensions"]] == ["lr", "opt", "val_auc", "started"]
    assert figure.layout["xaxis"]["type"] == figure.layout["yaxis"]["type"] == "log"
    assert figure.note == "no run has none; 1 run without val_auc in grey"
    assert grey["customdata"] == ids(5)
    more = runs_table(3, **{f"params.p{number}": [1, 2, 3] for number in range(9)})
    figure = checked(matrix_figure(more, [f"params.p{number}" for number in range(9)]))
    assert len(figure.traces[0]["dimensions"]) == 6
    assert "3 further columns left out" in figure.note


def test_no_axis_of_a_matrix_has_a_range_of_its_own(table):
    figure = checked(matrix_figure(table, [LR, OPT]))
    axes = [axis for axis in figure.layout.values() if isinstance(axis, dict)]
    assert len(axes) == 4
    assert not any("range" in axis for axis in axes)
    assert any("tickvals" in axis for axis in axes)
    types = [dimension["axis"]["type"] for dimension in figure.traces[0]["dimensions"]]
    assert types == [figure.layout["xaxis"]["type"], figure.layout["xaxis2"]["type"]]


def test_parallel_axes_beyond_the_most_are_left_out_and_said():
    more = runs_table(3, **{f"params.p{number}": [1, 2, 3] for number in range(17)})
    figure = checked(parallel_figure(more, [f"params.p{number}" for number in range(17)]))
    assert len(figure.traces[0]["dimensions"]) == 16
    assert figure.note == "1 further axis left out"


def every_figure(table, x, y, colour):
    yield scatter_figure(table, x, y, colour=colour, group=colour, log_x=True, log_y=True)
    yield scatter_figure(table, x, y)
    yield bar_figure(table, "metrics.m")
    yield bar_figure(table, "metrics.m", x=x, colour=colour, log_y=True)
    yield histogram_figure(table, x, colour=colour, log_x=True)
    yield histogram_figure(table, y)
    yield parallel_figure(table, [x, y, "started", "name"], colour=colour)
    yield parallel_figure(table, [x, y])
    yield matrix_figure(table, [x, y, "started", "name"], colour=colour)


def test_hostile_names_and_values_are_text():
    names = [name.replace("\ud800", "") for name in NAMES]
    hostile = runs_table(len(names), **{"params.<b>": names, "metrics.m": [float(n) for n in range(len(names))]})
    hostile = hostile.set_column(1, "name", pa.array(names))
    for figure in every_figure(hostile, "params.`<b>`", "metrics.m", "params.`<b>`"):
        checked(figure)


columns = st.one_of(
    st.lists(st.none() | st.floats(), min_size=5, max_size=5).map(lambda values: pa.array(values, pa.float64())),
    st.lists(st.none() | st.sampled_from(["a", "b", "1"]), min_size=5, max_size=5).map(
        lambda values: pa.array(values, pa.string())
    ),
    st.lists(st.booleans(), min_size=5, max_size=5).map(pa.array),
)


@effort(max_examples=15, deadline=None)
@given(columns, columns, columns, st.lists(st.none() | st.floats(), min_size=5, max_size=5), st.integers(0, 5))
def test_any_columns_are_figures_that_plotly_takes(x, y, colour, metric, count):
    table = runs_table(
        5, **{"params.x": x, "params.y": y, "params.c": colour, "metrics.m": pa.array(metric, pa.float64())}
    ).slice(0, count)
    for figure in every_figure(table, "params.x", "params.y", "params.c"):
        checked(figure)


def test_an_axis_of_parallel_coordinates_reaches_from_the_lowest_value_to_the_highest(table):
    (auc,) = checked(parallel_figure(table, [AUC])).traces[0]["dimensions"]
    marks = [mark for mark, text in zip(auc["tickvals"], auc["ticktext"], strict=True) if text != "none"]
    values = table[AUC].drop_null().to_numpy()
    assert (marks[0], marks[-1]) == (values.min(), values.max())
    assert marks == sorted(marks)
