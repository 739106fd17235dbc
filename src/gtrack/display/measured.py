"""Measured numbers with what they may be off by, as people read them."""

from __future__ import annotations

import math

from gtrack.display.words import value_text

__all__ = ["mean_and_spread", "measured"]


def measured(value: float, off: float | None, *, signed: bool = False, sign: str = "±") -> str:
    """Return a value with two digits of what it may be off by: ``0.9123 ± 0.0041``; alone where that is not known.

    Args:
        value: The value.
        off: Half the width of its interval, or its standard deviation.
        signed: Show a plus too, as for a difference.
        sign: What stands between the two.
    """
    plus = "+" if signed else ""
    if off is None or not math.isfinite(value):
        return f"{value:{plus}.4g}"
    if not 1e-9 < off < 1e6 or abs(value) >= 1e6:
        return f"{value:{plus}.4g} {sign} {off:.2g}"
    decimals = max(0, 1 - math.floor(math.log10(off)))
    return f"{value:{plus}.{decimals}f} {sign} {off:.{decimals}f}"


def mean_and_spread(mean: float | None, std: float | None, *, sign: str = "±") -> str:
    """Return a mean and a standard deviation as :func:`measured` does; the mean as any other value without one."""
    return value_text(mean) if mean is None or std is None else measured(mean, std, sign=sign)
