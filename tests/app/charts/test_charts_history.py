"""A metric along commits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from figure_world import HOSTILE, NAMES, checked, role
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gtrack._app.charts.history import HistoryPoint, history_figure, points_of
from gtrack.branch.code_history import CodeCommit
from gtrack.model.goal import Goal
from gtrack.model.statistics import Interval, Sample
from gtrack.model.summary import MetricSummary
from gtrack.ops.blame import Blame, Point, Step

MAX = Goal("max", "experiment")
DAY = 86_400


def point(number, *values, branch="main", **more):
    runs = tuple((f"{at:032x}", value) for at, value in enumerate(values))
    return HistoryPoint(f"{number:040x}", 1_790_000_000 + number * DAY, f"Change {number}", branch, values=runs, **more)


def lines(figure):
    return {trace["meta"]["branch"]: trace for trace in role(figure, "commits")}


def test_each_branch_is_a_line_of_its_commits_means():
    points = [point(0, 1.0, 3.0), point(2, 5.0), point(1, 4.0, branch="feature")]
    figure = checked(history_figure(points, "val_auc", MAX))
    found = lines(figure)
    assert (found["main"]["x"], found["main"]["y"]) == ([0.0, 2.0], [2.0, 5.0])
    assert found["main"]["customdata"] == [f"{0:040x}", f"{2:040x}"]
    assert (found["feature"]["x"], found["feature"]["y"]) == ([1.0], [4.0])
    assert found["main"]["line"]["color"] != found["feature"]["line"]["color"]
    assert figure.layout["xaxis"]["ticktext"] == ["0000000"] * 3


def test_single_runs_stand_behind_their_mean_and_lead_to_their_commit():
    figure = checked(history_figure([point(0, 1.0, 3.0), point(1, 2.0)], "m", MAX))
    runs = role(figure, "raw")[0]
    assert (runs["y"], runs["customdata"]) == ([1.0, 3.0], [f"{0:040x}"] * 2)


def test_a_commit_of_two_branches_is_on_the_line_of_the_first():
    figure = checked(history_figure([point(0, 1.0), point(0, 1.0, branch="feature")], "m", MAX))
    assert list(lines(figure)) == ["main"]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30), st.sampled_from(["min", "max"]))
def test_the_best_so_far_never_gets_worse(values, direction):
    points = [point(number, value) for number, value in enumerate(values)]
    (best,) = role(history_figure(points, "m", Goal(direction, "name")), "best")
    steps = np.diff(best["y"])
    assert ((steps <= 0) if direction == "min" else (steps >= 0)).all()
    assert best["y"][-1] == (min(values) if direction == "min" else max(values))


def test_without_a_direction_there_is_no_best_and_the_note_says_why():
    figure = checked(history_figure([point(0, 1.0)], "whatever"))
    assert role(figure, "best") == []
    assert figure.note == "whether high or low is better is unknown"


def test_tags_are_lines_with_labels_and_dates_are_dates():
    figure = checked(history_figure([point(0, 1.0, tags=("v1", "v1.0")), point(3, 2.0)], "m", MAX, x="date"))
    assert figure.layout["xaxis"]["type"] == "date"
    (label,) = figure.layout["annotations"]
    assert (label["text"], label["x"]) == ("v1, v1.0", 1_790_000_000_000.0)
    assert figure.layout["shapes"][0]["x0"] == label["x"]


def test_a_commit_that_moved_the_metric_has_another_mark():
    figure = checked(history_figure([point(0, 1.0), point(1, 9.0, verdict="better")], "m", MAX))
    assert lines(figure)["main"]["marker"]["symbol"] == ["circle", "triangle-up"]
    assert "moved it: better" in lines(figure)["main"]["text"][1]


@pytest.mark.parametrize("points", [[], [point(0)], [point(0, float("nan"), float("inf"))]])
def test_without_values_the_figure_is_empty(points):
    figure = checked(history_figure(points, "m", MAX))
    assert figure.traces == ()
    assert figure.note == ("1 commit without a finite value" if points else "")


def test_followed_histories_become_points():
    commit = CodeCommit("a" * 40, (), 1_790_000_000, "Ada", HOSTILE)
    summary = MetricSummary(0.5, 1, 0, 0, 0.1, 0, 0.9, 1, 2)
    run = SimpleNamespace(id="b" * 32, metrics={"m": summary})
    step = Step(commit, 1, Interval(0.1), moved=True, verdict="better")
    blame = Blame("m", MAX, (Point(commit, (run,), Sample(1, 0.9, None), step=step),))
    (found,) = points_of(blame, "main", {"a" * 40: ["v1"]})
    assert (found.values, found.tags, found.verdict) == ((("b" * 32, 0.9),), ("v1",), "better")
    checked(history_figure([found], "m", MAX))


points = st.builds(
    lambda number, values, branch, tags, text: point(number, *values, branch=branch, author=text, tags=tags),
    st.integers(0, 9),
    st.lists(st.floats(), max_size=3),
    st.sampled_from(NAMES),
    st.sampled_from([(), NAMES]),
    st.sampled_from(NAMES),
)


@effort(max_examples=25, deadline=None)
@given(st.lists(points, max_size=6), st.sampled_from(["order", "date"]))
def test_any_history_is_a_figure_that_plotly_takes(points, x):
    checked(history_figure(points, HOSTILE, MAX, x=x))
