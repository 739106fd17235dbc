"""Settings of charts, from anybody."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.settings import BANDS, CurveSettings
from gtrack.errors import UsageError
from gtrack.model.goal import Goal

settings = st.builds(
    CurveSettings,
    x=st.sampled_from(["step", "time", "relative", "epoch", "metrics.time"]),
    metrics=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    smoothing=st.floats(0, 0.999),
    best=st.booleans(),
    log_x=st.booleans(),
    band=st.sampled_from(BANDS),
    x_range=st.none() | st.tuples(st.floats(-9, 0), st.floats(0, 9)),
    points=st.integers(10, 5_000),
)


@given(settings)
def test_what_was_saved_is_read_as_it_was(given_settings):
    assert CurveSettings.from_dict(given_settings.to_dict()) == given_settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"smothing": 0.5}, "unknown setting 'smothing' .did you mean smoothing"),
        ({"smoothing": 1.0}, "smoothing is 1.0, expected a number from 0 to 0.999"),
        ({"smoothing": math.nan}, "smoothing is nan"),
        ({"smoothing": True}, "smoothing is True"),
        ({"smoothing": "0.5"}, "smoothing is '0.5'"),
        ({"best": 1}, "best is 1, expected true or false"),
        ({"band": "quartile"}, "band is 'quartile', expected one of nothing, std, minmax, interval"),
        ({"band": ["std"]}, "band is"),
        ({"x": 3}, "x is 3, expected text"),
        ({"x": "a" * 2_000}, "x is .*…"),
        ({"metrics": "loss"}, "metrics is 'loss', expected a list"),
        ({"metrics": [1]}, "metrics is"),
        ({"x_range": [1, 0]}, "x_range is"),
        ({"x_range": [0, math.inf]}, "x_range is"),
        ({"points": 0}, "points is 0"),
        ({"goals": {}}, "goals are set for the experiment"),
        ({"<b>\x1b": 1}, r"unknown setting '<b>\\\\x1b'"),
        ([], "expected names and values, not list"),
        (None, "expected names and values"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(values, message):
    with pytest.raises(UsageError, match=message):
        CurveSettings.from_dict(values)


def test_a_pattern_selects_metrics_by_their_names():
    chosen = CurveSettings(names="^val_(loss|auc)$")
    assert [key for key in ("val_loss", "val_auc", "val_auc2", "loss") if chosen.selects(key)] == [
        "val_loss",
        "val_auc",
    ]


def test_a_pattern_that_is_none_is_refused_at_once_and_says_why():
    with pytest.raises(UsageError, match=r"names of metrics: the pattern has a '\(' that nothing closes"):
        CurveSettings(names="(loss")


def test_no_pattern_makes_matching_slow():
    started = time.process_time()
    assert not CurveSettings(names="(a+)+$").selects("a" * 500 + "!")
    assert time.process_time() - started < 2


def test_a_declared_goal_counts_and_a_name_only_without_one():
    chosen = CurveSettings(goals={"loss": Goal("max", "experiment")})
    assert chosen.goal("loss").direction == "max"
    assert chosen.goal("val_auc").direction == "max"
    assert chosen.goal("whatever") is None


def test_a_zoom_is_read_in_the_axes_unit():
    assert CurveSettings().zoomed([10, 2.5]).x_range == (2.5, 10.0)
    assert CurveSettings(log_x=True).zoomed([0, 2]).x_range == (1.0, 100.0)
    times = CurveSettings(x="time").zoomed(["1970-01-01 00:00:01.5", "1970-01-02"])
    assert times.x_range == (1_500.0, 86_400_000.0)
    assert CurveSettings(x="time", log_x=True).zoomed([1.0, 2.0]).x_range == (1.0, 2.0)
    assert times.zoomed(None).x_range is None


@pytest.mark.parametrize(
    "ends", ["ab", [1], [1, 2, 3], [None, 1], ["x", "y"], [True, False], [math.nan, 1], [1, 1e301], {}, [[1], [2]], 5]
)
def test_a_zoom_that_is_none_is_refused(ends):
    with pytest.raises(UsageError, match="x_range"):
        CurveSettings(x="time").zoomed(ends)
    with pytest.raises(UsageError, match="x_range"):
        CurveSettings(log_x=True).zoomed(ends)
