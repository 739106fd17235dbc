"""Measured numbers with what they may be off by, as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gtrack.cli.terminal import Terminal
from gtrack.display import measured as display

__all__ = ["mean_and_spread", "measured", "plus_minus", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.-=+*#@"


def measured(value: float, off: float | None, terminal: Terminal, *, signed: bool = False) -> str:
    """Return a value with two digits of what it may be off by: ``0.9123 ± 0.0041``; alone where that is not known.

    Args:
        value: The value.
        off: Half the width of its interval, or its standard deviation.
        terminal: One without ``±`` gets ``+-``.
        signed: Show a plus too, as for a difference.
    """
    return display.measured(value, off, signed=signed, sign=plus_minus(terminal))


def mean_and_spread(mean: float | None, std: float | None, terminal: Terminal) -> str:
    """Return a mean and a standard deviation as :func:`measured` does; the mean as any other value without one."""
    return display.mean_and_spread(mean, std, sign=plus_minus(terminal))


def plus_minus(terminal: Terminal) -> str:
    """Return what stands between a value and what it may be off by."""
    return "±" if terminal.unicode else "+-"


def sparkline(values: Sequence[float], terminal: Terminal) -> str:
    """Return one character a value, as high as the value is between the least and the greatest; a space for NaN.

    Example:
        >>> sparkline([1.0, 2.0, 3.0], Terminal())
        '▁▅█'
    """
    bars = _BARS if terminal.unicode else _PLAIN_BARS
    numbers = [value for value in values if math.isfinite(value)]
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    unit = (high / 2 - low / 2) or 1.0  # halves first: the difference of two large numbers may be infinite
    out = []
    for value in values:
        share = 0.5 if high == low else (value / 2 - low / 2) / unit
        # Halves are rounded upwards, as everybody expects.
        out.append(bars[min(len(bars) - 1, math.floor(share * (len(bars) - 1) + 0.5))] if math.isfinite(value) else " ")
    return "".join(out)
