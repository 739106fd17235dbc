"""Means, spreads and their confidence intervals: what a handful of seeds can tell, and what it cannot.

Intervals are two-sided and by Student's t, so that three runs are not taken for thirty: that of one sample's mean, and
Welch's of the difference of two, which does not suppose that both spread alike. No library is used for it, since
importing one takes longer than all else that a command does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from operator import mul

from gtrack.model.student import t_cdf, t_quantile

__all__ = [
    "CONFIDENCE",
    "Interval",
    "Sample",
    "Spread",
    "median",
    "one_sample",
    "sample",
    "t_cdf",
    "t_quantile",
    "typical",
    "welch",
]

CONFIDENCE = 0.95
"""The confidence that is meant where none is named."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Some values of one metric, most often those of one configuration's seeds.

    Attributes:
        n: How many values there are, NaN apart.
        mean: Their mean; NaN where there is none.
        std: Their sample standard deviation (over n - 1); None for fewer than two, and where a value is infinite.
        nan: How many values were NaN.
    """

    n: int
    mean: float
    std: float | None
    nan: int = 0

    @property
    def error(self) -> float | None:
        """The standard error of the mean, where there is a spread."""
        return None if self.std is None else self.std / math.sqrt(self.n)


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference and its confidence interval.

    Attributes:
        difference: The difference of the means.
        low: The lower end; None where a side has fewer than two values, so that nobody knows its spread.
        high: The upper end, likewise.
        df: Degrees of freedom, likewise.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    df: float | None = None

    @property
    def half_width(self) -> float | None:
        """Half of the interval's width: what is written after ``±``."""
        return None if self.low is None or self.high is None else (self.high / 2 - self.low / 2)

    def includes(self, value: float) -> bool:
        """Tell whether a difference of that much would be no surprise; never so where there is no interval."""
        return self.low is not None and self.high is not None and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation and the degrees of freedom that it rests on."""

    std: float
    df: float


def sample(values: Iterable[float]) -> Sample:
    """Return how many values there are, their mean and their spread.

    Args:
        values: Any numbers. NaN is counted apart; infinities make the mean infinite (or NaN) and the spread unknown.

    Example:
        >>> sample([1.0, 2.0, 3.0, float("nan")])
        Sample(n=3, mean=2.0, std=1.0, nan=1)
    """
    every = list(map(float, values))
    if every and math.isfinite(sum(every)):  # as most samples are: none of them is NaN or infinite
        return Sample(len(every), *_moments(every))
    numbers = [value for value in every if not math.isnan(value)]
    nan = len(every) - len(numbers)
    infinite = [value for value in numbers if math.isinf(value)]
    if not numbers or infinite:
        return Sample(len(numbers), sum(infinite) if infinite else math.nan, None, nan)
    mean, std = _moments(numbers)
    return Sample(len(numbers), mean, std, nan)


def _moments(numbers: list[float]) -> tuple[float, float | None]:
    """Mean and standard deviation, in units of a power of two, so that no sum or square overflows or vanishes."""
    exponent = math.frexp(max(map(abs, numbers)))[1]
    scaled = [math.ldexp(value, -exponent) for value in numbers]
    # Rounding must not carry the mean of equal values away from them, which would give them a spread.
    mean = min(max(math.fsum(scaled) / len(scaled), min(scaled)), max(scaled))
    if len(scaled) < 2:
        return numbers[0], None
    deviations = [value - mean for value in scaled]
    squares = math.fsum(map(mul, deviations, deviations)) - math.fsum(deviations) ** 2 / len(deviations)
    return math.ldexp(mean, exponent), _ldexp(math.sqrt(max(squares, 0.0) / (len(scaled) - 1)), exponent)


def _ldexp(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf


def one_sample(a: Sample, value: float = 0.0, *, confidence: float = CONFIDENCE) -> Interval:
    """Return how far a sample's mean lies above a fixed value, with Student's interval.

    Args:
        a: The sample.
        value: What its mean is compared with.
        confidence: Of the two-sided interval, between 0 and 1.

    Example:
        >>> interval = one_sample(sample([1.0, 2.0, 3.0]), 1.5)
        >>> interval.difference, round(interval.half_width, 3)
        (0.5, 2.484)
    """
    if a.error is None:
        return Interval(a.mean - value)
    return _interval(a.mean - value, a.error, a.n - 1.0, confidence)


def welch(a: Sample, b: Sample, *, confidence: float = CONFIDENCE) -> Interval:
    """Return mean(a) - mean(b) with Welch's confidence interval.

    Args:
        a: One sample.
        b: The other, whose spread may be another.
        confidence: Of the two-sided interval, between 0 and 1.

    Returns:
        The interval. Where neither side spreads at all, its width is 0; without two values on each side there is only
        the difference.

    Source of the formula:
        B. L. Welch, The generalization of "Student's" problem when several different population variances are involved,
        Biometrika 34 (1947), https://doi.org/10.1093/biomet/34.1-2.28

    Example:
        >>> interval = welch(sample([3.0, 4.0, 5.0]), sample([1.0, 2.0, 3.0]))
        >>> interval.difference, round(interval.half_width, 3), round(interval.df, 3)
        (2.0, 2.267, 4.0)
    """
    difference = a.mean - b.mean
    if a.error is None or b.error is None:
        return Interval(difference)
    error = math.hypot(a.error, b.error)
    if error == 0:
        return _interval(difference, 0.0, a.n + b.n - 2.0, confidence)
    if math.isinf(error):
        return Interval(difference)
    # Welch-Satterthwaite in shares of the variance, which neither overflow nor vanish.
    shares = ((a.error / error) ** 2, a.n - 1), ((b.error / error) ** 2, b.n - 1)
    return _interval(difference, error, 1 / sum(share * share / df for share, df in shares), confidence)


def typical(samples: Iterable[Sample]) -> Spread | None:
    """Return the standard deviation that samples typically have, each around its own mean.

    It is by the median of their variances rather than the mean, so that one configuration that went wild does not hide
    what the others tell. A variance of few values is mostly too small; each is divided by what the median of such
    variances comes to, (1 - 2 / (9 df))^3 (Wilson and Hilferty, https://doi.org/10.1073/pnas.17.12.684).

    Returns:
        It, with half of the samples' degrees of freedom, for a median rests on no more; None where no sample has two
        values.

    Example:
        >>> typical([sample([1.0, 2.0]), sample([11.0, 12.0]), sample([0.0, 90.0]), sample([5.0])]).std < 1.1
        True
    """
    known = [(each.std, each.n - 1) for each in samples if each.std is not None and math.isfinite(each.std)]
    if not known:
        return None
    std = median(std / math.sqrt((1 - 2 / (9 * df)) ** 3) for std, df in known)
    return Spread(std, max(1.0, sum(df for _, df in known) / 2))


def median(values: Iterable[float]) -> float:
    """Return the middle one of some numbers, or what lies halfway between the two in the middle.

    Raises:
        ValueError: There are none.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there is no median of nothing")
    middle = len(ordered) // 2
    # Halves first: the sum of two large numbers may be infinite.
    return ordered[middle] if len(ordered) % 2 else ordered[middle - 1] / 2 + ordered[middle] / 2


def _interval(difference: float, error: float, df: float, confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    half = error * t_quantile(0.5 + confidence / 2, df) if error else 0.0
    if not math.isfinite(difference) or not math.isfinite(half):
        return Interval(difference)
    return Interval(difference, difference - half, difference + half, df)
