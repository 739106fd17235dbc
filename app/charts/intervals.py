"""Means with their 95 % intervals, as error bars show them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gtrack.model.statistics import CONFIDENCE, sample, t_quantile

__all__ = ["interval_of"]


def interval_of(values: Iterable[float]) -> tuple[float, float]:
    """Return the mean of values and half of its 95 % interval by Student's t: 0 where one value tells of no spread.

    Example:
        >>> interval_of([1.0])
        (1.0, 0.0)
    """
    found = sample(values)
    half = 0.0 if found.error is None else found.error * t_quantile(0.5 + CONFIDENCE / 2, found.n - 1)
    return found.mean, half if math.isfinite(half) else 0.0
