"""What is cut off a line, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.cutting import clip_of, within
from gtrack._app.charts.lines import Line
from gtrack._app.charts.traces import compact, polygon

arrays = st.lists(st.floats(), max_size=60).map(lambda values: np.array(values, float))


def line(x, y):
    return Line("run", "#000000", "solid", False, np.array(x, float), np.array(y, float), {"run": "r"})


@given(st.lists(arrays, max_size=4), st.booleans())
def test_of_clipped_values_the_counts_are_right_and_at_most_a_tenth_is_hidden(values, log):
    clip = clip_of(values, log=log)
    if clip is None:
        return
    every = np.concatenate(values)
    every = every[np.isfinite(every) & ((every > 0) if log else True)]
    # Powers of ten are rounded.
    slack = 1e-9 * abs(clip.high) if log else 0.0
    assert clip.low < clip.high
    assert clip.below + clip.above > 0
    assert clip.below + clip.above <= len(every) / 10 + 1
    assert ((every < clip.low - slack).sum() <= clip.below) and ((every > clip.high + slack).sum() <= clip.above)
    if not log:
        assert ((every < clip.low).sum(), (every > clip.high).sum()) == (clip.below, clip.above)


def test_a_spike_does_not_stretch_the_axis():
    values = np.r_[np.linspace(0, 1, 1_000), 1e9]
    clip = clip_of([values])
    assert clip.high < 2
    assert (clip.below, clip.above) == (0, 1)


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [3.0], [3.0] * 50, list(range(100)), [-1.7e308, 1.7e308]])
def test_without_outliers_nothing_is_clipped(values):
    assert clip_of([np.array(values, float)]) is None


def test_a_zoomed_line_keeps_its_neighbours_outside():
    cut = within(line(range(10), range(10)), (3.5, 5.5))
    assert cut.x.tolist() == [3, 4, 5, 6]
    cut = within(line(range(10), range(10)), (20, 30))
    assert cut.x.tolist() == [9]


@given(st.lists(st.integers(-20, 20), max_size=40), st.integers(-25, 25), st.integers(0, 20), st.booleans())
def test_of_a_zoomed_line_every_point_in_the_range_is_there(x, low, width, ordered):
    x = sorted(x) if ordered else x
    given_line = line(x, np.arange(len(x)))
    cut = within(given_line, (low, low + width))
    inside = [(a, b) for a, b in zip(given_line.x, given_line.y, strict=True) if low <= a <= low + width]
    shown = [(a, b) for a, b in zip(cut.x, cut.y, strict=True) if low <= a <= low + width]
    assert shown == inside
    if ordered:
        assert len(cut.x) <= len(inside) + 2


def test_a_line_that_leaves_and_comes_back_is_not_joined_outside():
    cut = within(line([0, 1, 9, 9, 9, 1, 0], range(7)), (0, 1))
    gap = np.flatnonzero(np.isnan(cut.y))
    assert cut.x[np.isfinite(cut.y)].tolist() == [0, 1, 9, 9, 1, 0] or len(gap) == 1
    assert len(gap) == 1


@given(st.lists(st.tuples(st.floats(-9, 9) | st.just(np.nan), st.floats(0, 9) | st.just(np.nan)), max_size=30))
def test_the_outline_of_a_band_has_each_known_end_once_and_closes_each_stretch(points):
    low = np.array([a for a, _ in points], float)
    high = np.array([a + b for a, b in points], float)
    x, y = polygon(np.arange(len(points), dtype=float), low, high)
    known = ~np.isnan(low) & ~np.isnan(high)
    assert sorted(y[~np.isnan(y)]) == sorted([*low[known], *high[known]])
    assert len(x) == len(y)


def test_whole_places_take_half_the_space_where_they_fit():
    assert compact(np.array([1.0, 5.0])).dtype == np.int32
    assert compact(np.array([1.5, 5.0])).dtype == np.float64
    assert compact(np.array([1.0, 5e9])).dtype == np.float64
    assert compact(np.array([1.0, np.nan])).dtype == np.float64
