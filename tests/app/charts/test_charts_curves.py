"""Curves as figures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from figure_world import HOSTILE, NAMES, START, chart_runs, checked, curves, drawn, role
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.curves import curve_figures, lines_figure
from gtrack._app.charts.settings import BANDS, CurveSettings
from gtrack.model.goal import Goal
from gtrack.plot.smoothing import smooth

NAN, INF = float("nan"), float("inf")


def figures(table, runs=None, **settings):
    return [checked(figure) for figure in curve_figures(table, runs or chart_runs(), CurveSettings(**settings))]


def figure(table, runs=None, **settings):
    (found,) = figures(table, runs, **settings)
    return found


def points(trace):
    return list(zip(np.asarray(trace["x"]).tolist(), np.asarray(trace["y"]).tolist(), strict=True))


def test_each_metric_is_a_figure_and_each_run_a_line_in_its_colour():
    table = curves((0, "val_loss", [3, 2]), (0, "train_loss", [4, 1]), (1, "train_loss", [5, 6]))
    runs = [
        ChartRun(run.id, run.name, colour) for run, colour in zip(chart_runs(), ("#0072B2", "#D55E00"), strict=True)
    ]
    train, val = figures(table, runs)
    assert (train.title, val.title) == ("train_loss", "val_loss")
    assert [points(trace) for trace in drawn(train)] == [[(0, 4.0), (1, 1.0)], [(0, 5.0), (1, 6.0)]]
    assert [trace["line"]["color"] for trace in drawn(train)] == ["#0072B2", "#D55E00"]
    assert [trace["meta"]["run"] for trace in drawn(train)] == [run.id for run in runs]
    assert train.axis == val.axis == "step:"


def test_runs_that_are_not_asked_for_are_not_drawn():
    table = curves((0, "loss", [1, 2]), (7, "loss", [1, 2]))
    assert len(drawn(figure(table))) == 1


def test_a_table_of_one_run_needs_no_column_for_it():
    table = curves((0, "loss", [1, 2])).drop_columns(["run"])
    assert drawn(figure(table, chart_runs(1)))[0]["meta"]["run"] == f"{0:032x}"


def test_rows_in_any_order_of_runs_and_keys_are_the_same_curves():
    table = curves((0, "a", [1, 2]), (0, "b", [3, 4]), (1, "a", [5, 6]))
    mixed = table.take([4, 0, 2, 5, 1, 3])
    assert [points(t) for f in figures(mixed) for t in drawn(f)] == [
        points(t) for f in figures(table) for t in drawn(f)
    ]


@pytest.mark.parametrize("table", [curves(), curves((9, "loss", [1]))], ids=["empty", "of others"])
def test_without_curves_there_is_no_figure_unless_one_was_asked_for(table):
    assert figures(table) == []
    missing = figure(table, metrics=("loss",))
    assert (missing.title, missing.note, missing.traces) == ("loss", "no run has loss", ())


def test_without_runs_there_is_no_figure():
    assert curve_figures(curves((0, "loss", [1])), []) == []


def test_one_point_is_a_dot():
    (trace,) = drawn(figure(curves((0, "loss", [1]))))
    assert "markers" in trace["mode"]


def test_what_is_not_finite_is_a_gap_with_a_mark_and_a_note():
    found = figure(curves((0, "loss", [1, NAN, INF, -INF, 2]), (1, "loss", [3, 3, 3, 3, NAN])))
    assert np.isnan(drawn(found)[0]["y"][1:4]).all()
    assert drawn(found)[0]["connectgaps"] is False
    (marks,) = role(found, "marks")
    assert (marks["x"], marks["y"]) == ([1.0, 4.0, 2.0, 3.0], [0.0, 0.0, 1.0, 0.0])
    assert marks["customdata"] == [f"{0:032x}", f"{1:032x}", f"{0:032x}", f"{0:032x}"]
    assert found.note == "2 NaN and 1 +∞ and 1 -∞ marked along the edge"
    assert found.layout["yaxis2"]["range"] == [0, 1]


def test_nothing_but_nan_is_a_figure_with_marks_alone():
    found = figure(curves((0, "loss", [NAN] * 500)), smoothing=0.9, clip=True, best=True, log_y=True)
    assert np.isnan(drawn(found)[0]["y"]).all()
    assert len(role(found, "marks")[0]["x"]) <= 200
    assert "500 NaN" in found.note


def test_a_smoothed_line_has_the_logged_one_faint_behind_it():
    values = np.random.default_rng(0).normal(size=50)
    found = figure(curves((0, "loss", values)), smoothing=0.9)
    (behind,) = role(found, "raw")
    (line,) = drawn(found)
    np.testing.assert_array_equal(behind["y"], values)
    np.testing.assert_allclose(line["y"], smooth(values, 0.9))
    assert behind["opacity"] < 0.5
    assert behind["hoverinfo"] == "skip"
    assert behind["meta"]["run"] == line["meta"]["run"]


@given(st.lists(st.floats(), min_size=1, max_size=80), st.sampled_from(["min", "max"]))
def test_the_best_so_far_only_gets_better_and_is_reached(values, direction):
    goals = {"x": Goal(direction, "experiment")}
    (line,) = drawn(figure(curves((0, "x", values)), chart_runs(1), best=True, goals=goals))
    best = np.asarray(line["y"])
    known = best[~np.isnan(best)]
    assert ((np.diff(known) <= 0) if direction == "min" else (np.diff(known) >= 0)).all()
    finite = [value for value in values if np.isfinite(value)]
    if finite:
        assert known[-1] == (min(finite) if direction == "min" else max(finite))


def test_the_best_of_a_metric_that_nobody_knows_is_not_guessed():
    found = figure(curves((0, "epoch", [1, 3, 2])), best=True)
    assert points(drawn(found)[0])[-1] == (2, 2.0)
    assert "unknown" in found.note


def test_a_relative_axis_has_one_unit_for_all_figures():
    table = curves((0, "loss", [1, 2], [0, 1], [0, 60]), (0, "acc", [1, 2], [0, 1], [0, 7200]))
    acc, loss = figures(table, x="relative")
    assert {acc.axis, loss.axis} == {"relative:min"}
    assert loss.layout["xaxis"]["title"]["text"] == "time (min)"
    assert points(drawn(acc)[0]) == [(0.0, 1.0), (120.0, 2.0)]


def test_a_time_axis_has_milliseconds_as_plotlys_dates():
    found = figure(curves((0, "loss", [1, 2])), x="time")
    assert found.layout["xaxis"]["type"] == "date"
    assert drawn(found)[0]["x"][0] == START / 1e3


def test_another_metric_can_be_the_axis_joined_by_step():
    table = curves((0, "loss", [5, 4, 3], [0, 10, 20]), (0, "epoch", [1, 2], [10, 20]), (1, "loss", [1]))
    found = figure(table, x="epoch")
    assert [points(trace) for trace in drawn(found)] == [[(1.0, 4.0), (2.0, 3.0)]]
    assert (found.axis, found.layout["xaxis"]["title"]["text"]) == ("metric:epoch", "epoch")


def test_ranks_become_their_mean_with_a_band_or_a_line_each():
    table = curves((0, "loss", [1, 3, 2, 6], [0, 0, 1, 1], None, [0, 1, 0, 1]))
    mean = figure(table)
    assert points(drawn(mean)[0]) == [(0, 2.0), (1, 4.0)]
    assert sorted(role(mean, "band")[0]["y"].tolist()) == [1, 2, 3, 6]
    each = drawn(figure(table, ranks="each"))
    assert [points(trace) for trace in each] == [[(0, 1.0), (1, 2.0)], [(0, 3.0), (1, 6.0)]]
    assert [trace["name"] for trace in each] == ["run-0 rank 0", "run-0 rank 1"]


def test_a_group_is_a_mean_with_a_band_and_says_of_how_many():
    table = curves((0, "loss", [1, 1]), (1, "loss", [3, 5]), (2, "loss", [9, 9, 9]))
    runs = [
        ChartRun(run.id, run.name, "#0072B2", group="a" if number < 2 else None)
        for number, run in enumerate(chart_runs(3))
    ]
    found = figure(table, runs, band="minmax")
    alone, mean = drawn(found)
    assert alone["name"] == "run-2"
    assert points(mean) == [(0, 2.0), (1, 3.0)]
    assert (mean["name"], mean["customdata"].tolist()) == ("a (2 runs)", [2, 2])
    assert mean["meta"]["runs"] == [runs[0].id, runs[1].id]
    assert sorted(role(found, "band")[0]["y"].tolist()) == [1, 1, 3, 5]


def test_runs_of_a_group_that_end_apart_are_said_to():
    runs = chart_runs(group="a")
    found = figure(curves((0, "loss", [1, 2, 3]), (1, "loss", [1])), runs, band="std")
    assert "runs differ in length" in found.note


def test_the_emphasised_run_is_drawn_last_and_stronger():
    runs = [ChartRun(run.id, run.name, emphasis=number == 0) for number, run in enumerate(chart_runs(3))]
    traces = drawn(figure(curves(*((n, "loss", [1, 2]) for n in range(3))), runs))
    assert traces[-1]["meta"]["run"] == runs[0].id
    assert traces[-1]["line"]["width"] > traces[0]["line"]["width"]


def test_clipped_values_are_counted_in_the_note():
    found = figure(curves((0, "loss", [*range(200), 1e9, 1e9])), clip=True)
    assert found.layout["yaxis"]["range"][1] < 1_000
    assert found.note == "of 202 points, 2 above the range shown"


def test_a_clipped_logarithmic_axis_has_its_range_as_logarithms():
    found = figure(curves((0, "loss", [*np.logspace(0, 2, 200), 1e30])), clip=True, log_y=True)
    assert found.layout["yaxis"]["type"] == "log"
    assert 2 < found.layout["yaxis"]["range"][1] < 3


def test_what_a_logarithmic_axis_cannot_show_is_counted():
    assert "3 points at 0 or below" in figure(curves((0, "loss", [0, -1, 2, 3, 0])), log_y=True).note
    assert "1 point at 0 or below" in figure(curves((0, "loss", [5, 4])), log_x=True).note


def test_a_band_on_a_logarithmic_axis_stays_above_0():
    table = curves((0, "loss", [1, 1]), (1, "loss", [100, 90]))
    (band,) = role(figure(table, chart_runs(group="a"), band="std", log_y=True), "band")
    assert (band["y"] > 0).all()


def test_a_zoom_brings_every_point_of_the_range():
    table = curves((0, "loss", np.arange(20_000.0)))
    assert len(drawn(figure(table, chart_runs(1)))[0]["x"]) <= 2_000
    zoomed = drawn(figure(table, chart_runs(1), x_range=(100.0, 300.0)))[0]
    assert np.asarray(zoomed["x"]).tolist() == list(range(99, 302))


@effort(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5_000), st.integers(10, 400))
def test_few_points_keep_the_ends_and_the_extremes_and_are_few(seed, count, budget):
    values = np.random.default_rng(seed).normal(size=count).cumsum()
    (trace,) = drawn(figure(curves((0, "loss", values)), chart_runs(1), points=budget))
    x, y = np.asarray(trace["x"]), np.asarray(trace["y"])
    assert len(x) <= budget
    assert (x[0], x[-1]) == (0, count - 1)
    assert (y.min(), y.max()) == (values.min(), values.max())
    np.testing.assert_array_equal(y, values[x])
    assert trace["meta"]["points"] == count


def test_many_curves_share_a_budget():
    table = curves(*((n, f"m{k}", np.arange(510.0)) for n in range(20) for k in range(10)))
    total = sum(len(trace["x"]) for found in figures(table, chart_runs(20)) for trace in drawn(found))
    assert total <= 100_000


def test_several_metrics_in_one_figure_differ_in_the_patterns_of_their_lines():
    table = curves((0, "train", [1, 2]), (0, "val", [2, 3]))
    found = checked(lines_figure(table, chart_runs(1), CurveSettings(metrics=("train", "val", "none"))))
    assert [(t["name"], t["line"]["dash"]) for t in drawn(found)] == [
        ("run-0 · train", "solid"),
        ("run-0 · val", "dash"),
    ]
    assert (found.title, found.note) == ("train, val, none", "no run has none")


def test_a_preview_says_that_it_is_one():
    table = curves((0, "loss", [1, 2])).replace_schema_metadata({"gtrack.preview": json.dumps({"points": 9})})
    assert "preview" in figure(table).note


def test_hostile_names_are_text():
    key = HOSTILE.replace("\ud800", "")  # no metric's: Arrow has none
    table = curves(*((number, key, [1, NAN]) for number in range(len(NAMES))))
    runs = [ChartRun(f"{number:032x}", name, group=name) for number, name in enumerate(NAMES)]
    for band in BANDS:
        found = figure(table, runs, band=band)
        assert all(len(trace["name"]) < 400 for trace in found.traces)


@effort(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"]), st.lists(st.floats(), max_size=12)), max_size=6),
    st.builds(
        CurveSettings,
        x=st.sampled_from(["step", "time", "relative", "a"]),
        smoothing=st.sampled_from([0, 0.5, 0.999]),
        best=st.booleans(), log_x=st.booleans(), log_y=st.booleans(), clip=st.booleans(),
        band=st.sampled_from(BANDS), ranks=st.sampled_from(["mean", "each"]),
        x_range=st.none() | st.just((1.0, 5.0)), points=st.sampled_from([10, 2_000]),
    ),
)  # fmt: skip
def test_any_values_and_settings_are_a_figure_that_plotly_takes(series, settings):
    once = {(run, key): (run, key, values) for run, key, values in series}
    table = curves(*(once[place] for place in sorted(once)))
    runs = [ChartRun(f"{n:032x}", f"run-{n}", group=None if n == 3 else f"g{n % 2}", started=START) for n in range(4)]
    for found in curve_figures(table, runs, settings):
        checked(found)
