"""Smoothing, thinning and axes: what is drawn says of the values what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.clock import iso_to_us
from gtrack.plot.scales import Scale
from gtrack.plot.smoothing import smooth
from gtrack.plot.thinning import extremes, means

finite = st.floats(-1e9, 1e9)
anything = st.floats()
weights = st.floats(0, 0.999)
any_float = st.floats(allow_nan=False, allow_infinity=False)


def by_hand(values, weight):
    """TensorBoard's loop, as it stands in its source."""
    last, count, out = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            out.append(value)
            continue
        last = last * weight + (1 - weight) * value
        count += 1
        out.append(last / (1 - weight**count if weight != 1 else 1))
    return out


def same(one, other, rel=1e-6):
    scale = max((abs(v) for v in other if math.isfinite(v)), default=0.0)
    return all(
        (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= rel * scale + 1e-300
        for a, b in zip(one, other, strict=True)
    )


@given(st.lists(finite | st.sampled_from([math.nan, math.inf, -math.inf])), weights)
def test_smoothing_is_tensorboards(values, weight):
    assert same(smooth(np.array(values, float), weight).tolist(), by_hand(values, weight))


@given(st.lists(any_float, min_size=1), weights)
def test_a_smoothed_line_stays_within_its_values(values, weight):
    out = smooth(np.array(values), weight)
    slack = 1e-12 * max(map(abs, values))
    assert (out >= min(values) - slack).all()
    assert (out <= max(values) + slack).all()


@given(st.lists(anything))
def test_a_weight_of_0_changes_nothing(values):
    np.testing.assert_array_equal(smooth(np.array(values, float), 0.0), np.array(values, float))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.integers(0, 50), weights)
def test_nan_stays_where_it_is_and_is_passed_over(values, place, weight):
    place = min(place, len(values))
    out = smooth(np.array([*values[:place], math.nan, *values[place:]]), weight)
    assert math.isnan(out[place])
    np.testing.assert_array_equal(np.delete(out, place), smooth(np.array(values), weight))


def test_a_weight_close_to_1_is_nearly_the_mean_of_all_so_far():
    assert smooth(np.arange(1000.0), 0.9999999)[-1] == pytest.approx(499.5, rel=1e-3)


@pytest.mark.parametrize("weight", [-0.1, 1.0, math.nan])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match="smoothing weight"):
        smooth(np.array([1.0]), weight)


@given(st.lists(anything, max_size=300), st.integers(1, 20), st.booleans())
def test_thinning_keeps_ends_spikes_and_gaps(values, buckets, shuffled):
    y = np.array(values, float)
    x = np.arange(len(y), dtype=float)
    if shuffled:
        x = x[::-1].copy()
    kept = extremes(x, y, buckets)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= 5 * buckets
    if not values:
        return
    assert {kept[0], kept[-1]} == {0, len(y) - 1}
    known = y[np.isfinite(y)]
    if len(known):
        assert {known.min(), known.max()} <= set(y[kept].tolist())
    assert (~np.isfinite(y)).any() == (~np.isfinite(y[kept])).any()


def test_a_thinned_series_shows_the_lowest_and_highest_of_every_column():
    rng = np.random.default_rng(0)
    y = rng.normal(size=10_000)
    kept = extremes(np.arange(10_000.0), y, 100)
    column = kept // 100
    for number in range(100):
        there, all_ = y[kept[column == number]], y[number * 100 : number * 100 + 100]
        assert (there.min(), there.max()) == (all_.min(), all_.max())


@given(st.integers(0, 9_999), st.sampled_from([math.nan, math.inf, -math.inf]), st.booleans())
def test_one_gap_in_a_long_series_stays(place, value, ascending):
    y = np.ones(10_000)
    y[place] = value
    x = np.arange(10_000.0) if ascending else np.zeros(10_000)
    assert place in extremes(x, y, 50)


@given(st.lists(finite, min_size=1, max_size=200), st.integers(1, 30))
def test_means_keep_the_mean_and_the_band(values, buckets):
    y = np.array(values)
    few = means(np.arange(len(y), dtype=float), y, y - 1, y + 1, buckets)
    assert len(few.y) == min(buckets, len(y))
    assert (few.low.min(), few.high.max()) == (y.min() - 1, y.max() + 1)
    assert (few.low <= few.y + 1e-3).all()


@given(any_float, any_float, st.integers(1, 12), st.booleans())
def test_the_marks_of_an_axis_lie_on_it_in_order_and_differ(one, other, count, time):
    low, high = sorted((one, other))
    scale = Scale.over(low, high, time=time and abs(low) < 1e10 and abs(high) < 1e10)
    ticks = scale.ticks(count)
    values = [value for value, _ in ticks]
    assert values == sorted(set(values))
    assert len(values) <= count + 2
    assert all(-1e-9 <= scale.place(value) <= 1 + 1e-9 for value in values)
    if not scale.time:
        assert len({text for _, text in ticks}) == len(ticks), ticks


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(1, 12))
def test_so_do_those_of_a_logarithmic_one(one, other, count):
    low, high = sorted((one, other))
    scale = Scale.over(low, high, log=True)
    values = [value for value, _ in scale.ticks(count)]
    assert values == sorted(set(values))
    assert all(-1e-9 <= scale.place(value) <= 1 + 1e-9 for value in values)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-3, 12, ["0", "5", "10"]),
        (0, 20_000, ["0", "5000", "10000", "15000", "20000"]),
        (0, 3e-6, ["0", "1e-06", "2e-06", "3e-06"]),
        (0.5, 0.5, ["0.46", "0.48", "0.50", "0.52", "0.54"]),
    ],
)
def test_marks_are_round(low, high, texts):
    assert [text for _, text in Scale.over(low, high).ticks(5)] == texts


@pytest.mark.parametrize(
    ("low", "high", "texts"), [(0.003, 50, ["0.01", "0.1", "1", "10"]), (2, 9, ["2", "4", "6", "8"])]
)
def test_those_of_a_logarithmic_axis_are_powers_where_it_is_long(low, high, texts):
    assert [text for _, text in Scale.over(low, high, log=True).ticks(4)] == texts


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [
        (40, ["12:00:00", "12:00:10", "12:00:20", "12:00:30", "12:00:40"]),
        (3 * 3600, ["12:00", "13:00", "14:00", "15:00"]),
        (2 * 86_400, ["11-26 12:00", "11-27 00:00", "11-27 12:00", "11-28 00:00", "11-28 12:00"]),
        (20 * 86_400, ["2026-12-03", "2026-12-10"]),
        (0.5, ["12:00:00"]),
    ],
)
def test_marks_of_times_are_times(seconds, texts):
    start = iso_to_us("2026-11-26T12:00:00.000000Z") / 1e6
    assert [text for _, text in Scale.over(start, start + seconds, time=True).ticks(5)] == texts
