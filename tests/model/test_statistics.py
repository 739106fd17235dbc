"""Means, spreads and intervals: against scipy, and what must hold of any numbers."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gtrack.model.statistics import Sample, median, one_sample, sample, t_cdf, t_quantile, typical, welch

scipy_stats = pytest.importorskip("scipy.stats", reason="scipy comes with scikit-learn, which is not installed")

PROBABILITIES = (1e-6, 1e-4, 0.01, 0.025, 0.1, 0.2499, 0.25, 0.26, 0.4, 0.4999)
FREEDOMS = (0.5, 0.7, 1, 1.5, 2, 3, 4.7, 10, 39.9, 40.1, 100, 1e3, 1e4, 1e5, 1e6)
dfs = st.floats(0.5, 1e6)
probabilities = st.floats(1e-6, 1 - 1e-6)
values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)
anything = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=12)


@pytest.mark.parametrize("df", FREEDOMS)
def test_quantiles_are_those_of_scipy(df: float) -> None:
    for p in (*PROBABILITIES, *(1 - p for p in PROBABILITIES)):
        assert t_quantile(p, df) == pytest.approx(scipy_stats.t.ppf(p, df), rel=1e-9)


@pytest.mark.parametrize("df", FREEDOMS)
def test_the_distribution_function_is_that_of_scipy(df: float) -> None:
    for t in (-1e3, -30, -4.0, -1.7, -0.3, -1e-9, 0.0, 1e-5, 0.5, 1.75, 3.0, 12.0, 1e4):
        assert t_cdf(t, df) == pytest.approx(scipy_stats.t.cdf(t, df), rel=1e-9, abs=1e-300)


def test_quantiles_of_one_and_two_degrees_of_freedom_are_the_closed_forms() -> None:
    for p in (1e-6, 0.01, 0.3, 0.5, 0.9, 0.999999):
        assert t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-9)
        assert t_quantile(p, 2) == pytest.approx((2 * p - 1) / math.sqrt(2 * p * (1 - p)), rel=1e-9)


@given(probabilities, dfs)
def test_a_quantile_is_where_the_distribution_function_has_that_value(p: float, df: float) -> None:
    assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, rel=1e-9)


@given(probabilities, dfs)
def test_quantiles_are_symmetric(p: float, df: float) -> None:
    mirrored = 1 - p
    assume(1 - mirrored == p)
    assert t_quantile(mirrored, df) == -t_quantile(p, df)


@given(probabilities, probabilities, dfs)
def test_quantiles_rise_with_the_probability(p: float, q: float, df: float) -> None:
    low, high = sorted((p, q))
    assume(high - low > 1e-9)
    assert t_quantile(low, df) < t_quantile(high, df)


@given(st.floats(0.6, 1 - 1e-6), dfs, dfs)
def test_more_degrees_of_freedom_narrow_the_interval(p: float, one: float, other: float) -> None:
    few, many = sorted((one, other))
    assert t_quantile(p, many) <= t_quantile(p, few) * (1 + 1e-9)


def test_far_tails_neither_vanish_nor_fail() -> None:
    assert 0 < t_cdf(-1e9, 3) < 1e-25
    assert t_quantile(1e-300, 0.5) == -math.inf
    assert t_cdf(math.inf, 3) == 1
    assert t_cdf(-math.inf, 3) == 0
    assert math.isnan(t_cdf(math.nan, 3))


@pytest.mark.parametrize(
    ("p", "df"), [(0.0, 3), (1.0, 3), (math.nan, 3), (0.5, 0), (0.5, -1), (0.5, math.nan), (0.5, math.inf)]
)
def test_what_is_out_of_range_is_refused(p: float, df: float) -> None:
    with pytest.raises(ValueError, match="not"):
        t_quantile(p, df)


@given(values)
def test_a_sample_is_what_the_exact_formula_gives(numbers: list[float]) -> None:
    from fractions import Fraction

    found = sample(numbers)
    mean = sum(map(Fraction, numbers)) / len(numbers)
    variance = sum((Fraction(x) - mean) ** 2 for x in numbers) / (len(numbers) - 1)
    largest = max(map(abs, numbers))
    assert found.mean == pytest.approx(float(mean), rel=1e-12, abs=1e-15 * largest)
    unit = Fraction(largest) or Fraction(1)  # as a number, the variance of tiny numbers would be zero
    std = math.sqrt(variance / unit**2) * float(unit)
    assert found.std == pytest.approx(std, rel=1e-9, abs=1e-15 * largest)


@given(anything)
def test_any_values_make_a_sample(numbers: list[float]) -> None:
    found = sample(numbers)
    assert found.n + found.nan == len(numbers)
    known = [x for x in numbers if not math.isnan(x)]
    if known and all(map(math.isfinite, known)):
        assert min(known) <= found.mean <= max(known)
        assert (found.std is None) == (len(known) < 2)
    else:
        assert found.std is None


@given(anything, st.randoms(use_true_random=False))
def test_the_order_of_values_does_not_matter(numbers: list[float], chance: random.Random) -> None:
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    assert repr(sample(shuffled)) == repr(sample(numbers))


@given(st.floats(-1e300, 1e300), st.integers(2, 60))
def test_equal_values_have_no_spread(value: float, n: int) -> None:
    assert sample([value] * n) == Sample(n, value, 0.0)


def test_numbers_at_the_ends_of_the_range_are_added_up() -> None:
    assert sample([1.7e308, 1.7e308, 1.7e308]) == Sample(3, 1.7e308, 0.0)
    large = sample([1e308, 1.2e308])
    assert large.mean == pytest.approx(1.1e308)
    assert large.std == pytest.approx(0.1e308 * math.sqrt(2), rel=1e-9)
    small = sample([1e-310, 3e-310])
    assert small.std == pytest.approx(1e-310 * math.sqrt(2), rel=1e-9)
    assert sample([1.7e308, -1.7e308]).std == math.inf


def test_infinite_values_have_a_mean_and_no_spread() -> None:
    assert sample([math.inf, 1.0]) == Sample(2, math.inf, None)
    assert math.isnan(sample([math.inf, -math.inf]).mean)
    assert welch(sample([math.inf, 1.0]), sample([1.0, 2.0])).low is None


@given(values, values, st.floats(0.5, 0.999))
def test_welch_is_that_of_scipy(a: list[float], b: list[float], confidence: float) -> None:
    one, other = sample(a), sample(b)
    assume(one.std is not None and other.std is not None)
    assume(one.std > 1e-6 or other.std > 1e-6)  # scipy warns of lost digits and gives NaN for less
    found = welch(one, other, confidence=confidence)
    theirs = scipy_stats.ttest_ind_from_stats(one.mean, one.std, one.n, other.mean, other.std, other.n, equal_var=False)
    ends = theirs.confidence_interval(confidence) if hasattr(theirs, "confidence_interval") else None
    error = math.hypot(one.std / math.sqrt(one.n), other.std / math.sqrt(other.n))
    assert found.low is not None
    assert found.high is not None
    # Whether 0 lies in the interval is what the p-value says.
    if abs(theirs.pvalue - (1 - confidence)) > 1e-9:
        assert (found.low <= 0 <= found.high) == (theirs.pvalue > 1 - confidence)
    expected = scipy_stats.t.ppf(0.5 + confidence / 2, found.df) * error
    assert found.half_width == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert ends is None or found.low == pytest.approx(ends.low, rel=1e-6)


def test_welch_of_a_worked_example() -> None:
    """The difference of two samples whose spreads differ, with scipy's own interval."""
    a, b = [0.881, 0.884, 0.879, 0.886], [0.861, 0.874, 0.849]
    found = welch(sample(a), sample(b))
    theirs = scipy_stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


@given(values, values)
def test_welch_turned_round_is_its_opposite(a: list[float], b: list[float]) -> None:
    there, back = welch(sample(a), sample(b)), welch(sample(b), sample(a))
    assert there.difference == -back.difference
    assert there.low == -back.high
    assert there.high == -back.low


@given(values, values, st.floats(0.5, 0.98))
def test_more_confidence_widens_the_interval(a: list[float], b: list[float], confidence: float) -> None:
    narrow, wide = (welch(sample(a), sample(b), confidence=c) for c in (confidence, confidence + 0.01))
    assert wide.low <= narrow.low <= narrow.difference <= narrow.high <= wide.high


def test_without_any_spread_the_interval_has_no_width() -> None:
    found = welch(sample([2.0, 2.0]), sample([1.0, 1.0, 1.0]))
    assert (found.low, found.difference, found.high) == (1.0, 1.0, 1.0)
    assert found.half_width == 0
    assert one_sample(sample([2.0, 2.0]), 1.5).half_width == 0


def test_one_value_on_a_side_gives_a_difference_and_no_interval() -> None:
    for a, b in (([1.0], [2.0, 3.0]), ([2.0, 3.0], [1.0]), ([1.0], [2.0])):
        found = welch(sample(a), sample(b))
        assert (found.low, found.high, found.half_width) == (None, None, None)
        assert math.isfinite(found.difference)


def test_the_interval_of_one_mean_is_that_of_scipy() -> None:
    numbers = [0.91, 0.915, 0.907]
    found = one_sample(sample(numbers), 0.9)
    theirs = scipy_stats.ttest_1samp(numbers, 0.9).confidence_interval(0.95)
    assert (found.low + 0.9, found.high + 0.9) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_an_impossible_confidence_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        welch(sample([1.0, 2.0]), sample([1.0, 2.0]), confidence=1.0)


def test_the_typical_spread_is_about_right_and_heeds_no_outlier() -> None:
    chance = random.Random(1)
    for n in (2, 3, 5):
        samples = [sample(chance.gauss(10, 0.5) for _ in range(n)) for _ in range(1000)]
        wild = [sample(chance.gauss(0, 1000) for _ in range(n)) for _ in range(30)]
        spread = typical([*samples, *wild])
        assert spread is not None
        assert spread.std == pytest.approx(0.5, rel=0.15)
    assert typical([sample([1.0]), sample([])]) is None


def test_the_median_does_not_overflow() -> None:
    assert median([1.7e308, 1.7e308]) == 1.7e308
    assert median([3.0, 1.0, 2.0]) == 2.0
    with pytest.raises(ValueError, match="nothing"):
        median([])
