"""The machine beside the loss, and distributions over steps."""

from __future__ import annotations

import numpy as np
import pytest
from figure_world import HOSTILE, chart_runs, checked, curves
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gtrack._app.charts.distributions import distribution_figure
from gtrack._app.charts.system import system_figure
from gtrack.media.histograms import Histogram, histogram_of

(RUN,) = chart_runs(1)


def panels(figure):
    return [note["text"] for note in figure.layout["annotations"]]


def test_machine_and_loss_stand_above_each_other_over_one_axis_of_time():
    system = curves((0, "system/cpu_utilization_percentage", [10, 20], [0, 1], [0, 600])).drop_columns("run")
    logged = curves((0, "loss", [3, 2], [0, 5], [60, 300]), (1, "loss", [9, 9]))
    figure = checked(system_figure(system, RUN, curves=logged, metrics=["loss", "missing"]))
    assert panels(figure) == ["<b>loss</b>", "<b>CPU utilization (%)</b>"]
    loss, cpu = figure.traces
    assert (loss["x"].tolist(), cpu["x"].tolist()) == ([1, 5], [0, 10])
    assert (loss["yaxis"], cpu["yaxis"]) == ("y", "y2")
    assert figure.layout["yaxis"]["domain"][0] >= figure.layout["yaxis2"]["domain"][1]
    assert (figure.axis, figure.layout["xaxis"]["anchor"]) == ("relative:min", "y2")


def test_gpus_share_a_panel_as_do_both_directions_of_a_network():
    keys = [f"system/gpu_{n}_utilization_percentage" for n in (0, 10, 2)]
    keys += [f"system/network_{way}_megabytes_per_second" for way in ("receive", "transmit")]
    figure = checked(system_figure(curves(*((0, key, [1, 2]) for key in sorted(keys))), RUN))
    assert panels(figure) == ["<b>GPU utilization (%)</b>", "<b>network (MB/s)</b>"]
    assert [trace["name"] for trace in figure.traces] == ["GPU 0", "GPU 2", "GPU 10", "receive", "transmit"]
    assert len({trace["line"]["color"] for trace in figure.traces[:3]}) == 3


def test_machines_of_several_processes_have_a_line_each():
    table = curves((0, "system/cpu_utilization_percentage", [1, 9, 2, 8], [0, 0, 1, 1], None, [0, 4, 0, 4]))
    figure = checked(system_figure(table, RUN))
    assert [(trace["name"], trace["y"].tolist()) for trace in figure.traces] == [("rank 0", [1, 2]), ("rank 4", [9, 8])]


def test_nothing_measured_is_said_so():
    figure = checked(system_figure(curves(), RUN))
    assert (figure.traces, figure.note) == ((), "nothing was measured")


def test_hostile_names_of_metrics_are_text_and_very_many_are_left_out():
    table = curves(*((0, f"system/{HOSTILE[:40]}{n}", [1]) for n in range(40)), (0, "<b>x", [1]))
    figure = checked(system_figure(table, RUN, curves=table, metrics=["<b>x"]))
    assert len(panels(figure)) == 16
    assert "further panels left out" in figure.note


def test_a_heatmap_has_the_shares_of_each_step():
    given_ones = [(10, histogram_of(np.arange(100.0))), (0, histogram_of(np.full(5, 50.0)))]
    figure = checked(distribution_figure(given_ones, "weights", RUN))
    (trace,) = figure.traces
    shares = np.array([[share or 0 for share in row] for row in trace["z"]])
    assert trace["x"].tolist() == [0, 10]
    np.testing.assert_allclose(shares.sum(axis=0), [1, 1])
    assert trace["y"][shares[:, 0].argmax()] == pytest.approx(50, abs=1)
    assert figure.axis == "step:"


def test_a_ridgeline_has_a_curve_for_each_step_the_newest_in_front():
    many = [(step, histogram_of(np.random.default_rng(step).normal(size=50))) for step in range(100)]
    figure = checked(distribution_figure(many, "weights", RUN, kind="ridgeline"))
    assert len(figure.traces) == 30
    assert (figure.traces[0]["name"], figure.traces[-1]["name"]) == ("step 0", "step 99")
    assert min(figure.traces[-1]["y"]) == 0
    assert figure.note == "30 of 100 steps"


def test_values_that_are_not_finite_are_counted_and_empty_steps_told():
    strange = [(0, histogram_of(np.array([np.nan, np.inf, 1.0]))), (1, histogram_of(np.array([np.nan])))]
    figure = checked(distribution_figure(strange, "w", RUN))
    assert figure.note == "1 step without a value to draw; 3 values not finite"
    assert checked(distribution_figure([], "w", RUN)).note == "no histogram"


def test_values_of_one_number_at_the_lower_end_are_counted():
    figure = checked(distribution_figure([(0, Histogram((5, 5), (0.0, 0.0, 1.0), 10, 0.0, 1.0))], "w", RUN))
    shares = [row[0] or 0 for row in figure.traces[0]["z"]]
    assert sum(shares) == pytest.approx(1)
    assert shares[0] > 0.5


limits = st.lists(st.floats(-1e155, 1e155), min_size=2, max_size=9).map(sorted)


@effort(max_examples=30, deadline=None)
@given(
    st.lists(limits.flatmap(lambda edges: st.tuples(st.just(edges), st.lists(st.integers(0, 9), min_size=len(edges) - 1,
             max_size=len(edges) - 1))), max_size=4),
    st.sampled_from(["heatmap", "ridgeline"]),
)  # fmt: skip
def test_the_shares_of_any_step_add_up_to_one(found, kind):
    many = [
        (step, Histogram(tuple(counts), tuple(edges), sum(counts), edges[0], edges[-1]))
        for step, (edges, counts) in enumerate(found)
    ]
    figure = checked(distribution_figure(many, "w", RUN, kind=kind))
    if kind == "heatmap" and figure.traces:
        shares = np.array([[share or 0 for share in row] for row in figure.traces[0]["z"]])
        np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
