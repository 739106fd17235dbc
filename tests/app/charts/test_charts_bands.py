"""Means over runs, and the bands around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.bands import band_of

values = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf])
curve = st.lists(st.tuples(st.integers(0, 40), values), max_size=25).map(
    lambda points: (np.array([x for x, _ in points], float), np.array([y for _, y in points], float))
)
several = st.lists(curve, max_size=5)
kinds = st.sampled_from(["std", "minmax", "interval"])


@given(several, kinds, st.integers(2, 30), st.booleans())
def test_a_band_holds_its_mean_and_a_mean_lies_among_the_values(curves, kind, points, log_x):
    band = band_of(curves, kind, points, log_x=log_x)
    assert len({len(band.x), len(band.mean), len(band.low), len(band.high), len(band.count)}) == 1
    assert len(band.x) <= points
    assert (np.diff(band.x) > 0).all()
    known = ~np.isnan(band.low)
    assert (band.low[known] <= band.mean[known]).all()
    assert (band.mean[known] <= band.high[known]).all()
    assert (np.isnan(band.mean) == (band.count == 0)).all()
    finite = [y[np.isfinite(y)] for _, y in curves]
    every = np.concatenate([np.empty(0), *finite])
    shown = band.mean[~np.isnan(band.mean)]
    slack = 1e-9 * max(1.0, np.abs(every).max(initial=0))
    assert (shown >= every.min(initial=np.inf) - slack).all()
    assert (shown <= every.max(initial=-np.inf) + slack).all()


@given(curve, st.sampled_from(["std", "interval"]))
def test_one_run_has_a_mean_and_no_band(one, kind):
    band = band_of([one], kind, 1_000)
    assert np.isnan(band.low).all()
    assert np.isnan(band.high).all()


def test_the_mean_and_deviation_of_equal_steps_are_those_of_the_values():
    x = np.arange(3.0)
    curves = [(x, np.array(y, float)) for y in ([1, 2, 3], [3, 2, 1], [2, 2, 5])]
    band = band_of(curves, "std", 100)
    np.testing.assert_allclose(band.mean, [2, 2, 3])
    np.testing.assert_allclose(band.high - band.mean, np.std([[1, 2, 3], [3, 2, 1], [2, 2, 5]], axis=0, ddof=1))


def test_the_interval_is_students():
    curves = [(np.array([0.0]), np.array([float(y)])) for y in (1, 2, 3)]
    band = band_of(curves, "interval", 100)
    # t of 0.975 and two degrees of freedom, from any table
    assert band.high[0] - 2 == pytest.approx(4.30265 / np.sqrt(3), rel=1e-5)


def test_a_run_counts_only_where_it_has_been():
    short, long = (np.array([0.0, 10.0]), np.array([0.0, 10.0])), (np.array([5.0, 20.0]), np.array([1.0, 1.0]))
    band = band_of([short, long], "minmax", 100)
    assert band.x.tolist() == [0, 5, 10, 20]
    assert band.count.tolist() == [1, 2, 2, 1]
    assert band.mean.tolist() == [0, 3, 5.5, 1]


def test_a_gap_is_not_bridged():
    gap = (np.arange(5.0), np.array([1.0, 1.0, np.nan, 1.0, 1.0]))
    other = (np.arange(5.0), np.full(5, 3.0))
    band = band_of([gap, other], "minmax", 100)
    assert band.count[2] == 1
    assert band.mean[2] == 3


def test_many_places_become_equal_distances_or_equal_quotients():
    x = np.arange(1.0, 1_001)
    assert np.allclose(np.diff(band_of([(x, x)], "std", 50).x), 999 / 49)
    places = band_of([(x, x)], "std", 50, log_x=True).x
    assert np.allclose(places[1:] / places[:-1], 1_000 ** (1 / 49))


def test_huge_values_have_a_mean():
    huge = [(np.array([0.0]), np.array([1.5e308])), (np.array([0.0]), np.array([1.7e308]))]
    assert band_of(huge, "std", 10).mean[0] == pytest.approx(1.6e308)
