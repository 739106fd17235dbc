"""Figures as tables."""

from __future__ import annotations

import numpy as np
from figure_world import chart_runs, curves, runs_table

from gtrack._app.charts.bars import bar_figure
from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.curves import curve_figures
from gtrack._app.charts.distributions import distribution_figure
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.parallel import parallel_figure
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.table import rows_of
from gtrack.media.histograms import histogram_of


def test_a_curve_is_a_row_of_what_was_logged_not_of_what_is_drawn():
    table = curves((0, "loss", np.arange(5_000.0)), (1, "loss", [float("nan"), 2]))
    (figure,) = curve_figures(table, chart_runs(), CurveSettings(smoothing=0.0))
    assert rows_of(figure) == [
        {"name": "run-0", "points": 5_000, "first": 0.0, "last": 4_999.0, "min": 0.0, "max": 4_999.0},
        {"name": "run-1", "points": 2, "first": 2.0, "last": 2.0, "min": 2.0, "max": 2.0},
    ]


def test_bands_marks_and_faint_lines_have_no_row():
    table = curves((0, "loss", [1, float("nan"), 2]), (1, "loss", [2, 3, 4]))
    for settings in (CurveSettings(smoothing=0.5), CurveSettings(best=True)):
        (figure,) = curve_figures(table, chart_runs(), settings)
        assert [row["name"] for row in rows_of(figure)] == ["run-0", "run-1"]


def test_nothing_known_has_no_numbers():
    (figure,) = curve_figures(curves((0, "loss", [float("nan")])), chart_runs(1))
    assert rows_of(figure) == [{"name": "run-0", "points": 1, "first": None, "last": None, "min": None, "max": None}]


def test_names_read_as_they_are_without_markup():
    (figure,) = curve_figures(curves((0, "loss", [1, 2])), [ChartRun(f"{0:032x}", "<b>a & b</b> &lt;")])
    assert rows_of(figure)[0]["name"] == "<b>a & b</b> &lt;"


def test_a_bar_is_its_words_and_its_length():
    assert rows_of(bar_figure(runs_table(2), "duration")) == [
        {"name": "run-0: 1", "value": 1.0},
        {"name": "run-1: 2", "value": 2.0},
    ]


def test_an_axis_of_parallel_coordinates_and_a_step_of_a_distribution_are_rows():
    figure = parallel_figure(runs_table(3), ["duration", "status"])
    assert [row["name"] for row in rows_of(figure)] == ["duration", "status"]
    figure = distribution_figure([(7, histogram_of(np.zeros(3)))], "w", chart_runs(1)[0])
    (row,) = rows_of(figure)
    assert row["name"] == "step 7"
    assert abs(row["value"]) < 0.02


def test_a_table_ends_where_nobody_reads_on_and_no_figure_is_no_row():
    assert rows_of(Figure("x", "x")) == []
    table = curves(*((number, "loss", [1]) for number in range(600)))
    (figure,) = curve_figures(table, chart_runs(600))
    assert len(rows_of(figure)) == 500
