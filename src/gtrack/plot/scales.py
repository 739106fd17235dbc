"""Where a value stands between two ends of an axis, and at which values the axis has its marks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Scale", "Tick"]

Tick = tuple[float, str]
"""A value that is marked, and how it is written there."""

_HUGE = 1e300
_TIMES = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000),
)
"""Seconds between the marks of a time axis."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis.

    Attributes:
        low: The value at its beginning.
        high: The value at its end, which is larger.
        log: Equal distances are equal factors; both ends are above 0.
        time: Values are seconds since the epoch.
    """

    low: float
    high: float
    log: bool = False
    time: bool = False

    @classmethod
    def over(cls, low: float, high: float, *, log: bool = False, time: bool = False) -> Scale:
        """Return an axis from ``low`` to ``high``, widened where they are too close together to tell values apart."""
        low, high = _bounded(low), _bounded(high)
        if log:
            low = max(low, 1 / _HUGE)
            return cls(low, high, log) if high > low * 1.001 else cls(low / 1.1, high * 1.1, log)
        if high - low > max(abs(low), abs(high)) * 1e-12 and high - low > 1 / _HUGE:
            return cls(low, high, log, time)
        margin = 1.0 if time else abs(low) * 0.1 or 1.0
        return cls(low - margin, high + margin, log, time)

    def place(self, value: float) -> float:
        """Return where a value stands: 0 at the beginning, 1 at the end."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (_bounded(value) - self.low) / (self.high - self.low)

    def ticks(self, count: int) -> list[Tick]:
        """Return up to about so many round values between the ends, ascending."""
        if self.time:
            return self._time_ticks(max(count, 1))
        decades = math.log10(self.high) - math.log10(self.low) if self.log else 0
        if decades >= 1:
            return self._powers(max(count, 2), decades)
        step = _round_up((self.high - self.low) / max(count, 1))
        values = [number * step for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        write = _writer(max(abs(self.low), abs(self.high)), step)
        return [(value, write(value)) for value in values]

    def _powers(self, count: int, decades: float) -> list[Tick]:
        between = (1, 2, 5) if decades * 3 <= count else (1,)
        stride = max(1, math.ceil(math.floor(decades) / count))
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        values = [factor * 10.0**power for power in range(first, last + 1, stride) for factor in between]
        return [(value, f"{value:g}") for value in values if self.low <= value <= self.high]

    def _time_ticks(self, count: int) -> list[Tick]:
        step = next((step for step in _TIMES if (self.high - self.low) / step <= count), _TIMES[-1])
        step *= max(1, math.ceil((self.high - self.low) / step / count))
        form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%Y-%m-%d"
        if step < 86_400 <= self.high - self.low:
            form = "%m-%d %H:%M"
        numbers = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        # Within one second nothing is round: its beginning is better than no mark.
        values = [float(number * step) for number in numbers] or [self.low]
        return [(value, _moment(value, form)) for value in values]


def _bounded(value: float) -> float:
    """Return a value between bounds whose distance is still a number."""
    return min(max(value, -_HUGE), _HUGE)


def _round_up(step: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= step * (1 - 1e-9)), 10 * power)


def _writer(largest: float, step: float) -> Callable[[float], str]:
    """Return what writes the marks of an axis alike: with the digits that tell them apart."""
    if largest < 1e-4 or largest >= 1e7:
        digits = max(1, math.ceil(math.log10(largest / step)) + 1)
        return lambda value: f"{value:.{digits}g}" if abs(value) > step / 2 else "0"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return lambda value: f"{value + 0.0:.{decimals}f}"


def _moment(seconds: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g}"
