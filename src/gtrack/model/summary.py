"""The summary of one metric: what is known of a series without reading it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from gtrack.clock import iso, iso_to_us

__all__ = ["MetricSummary", "merge"]

T = TypeVar("T")

# Nearly all summaries are written this way, and it is the order of the fields: they are read in a third of the time.
_USUAL_KEYS = ("last", "step", "time", "first_step", "min", "argmin", "max", "argmax", "count")
_USUAL_TYPES = (float, int, str, int, float, int, float, int, int)
_WITH_GOAL, _GOAL_TYPES = (*_USUAL_KEYS, "goal"), (*_USUAL_TYPES, str)
_GOALS = ("min", "max")
_Usual = tuple[float, int, str, int, float, int, float, int, int]
_WHOLES = range(-(1 << 63), 1 << 63)
"""The integers of 64 bits."""


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric's last, lowest and highest value, and how many values there were.

    Attributes:
        last: The current value: the maximum by (step, time, value), as in MLflow. NaN sorts lowest.
        step: The step of ``last``.
        time: When ``last`` was logged, microseconds since the epoch.
        first_step: The smallest step.
        min: The smallest value, NaN apart; None when every value is NaN.
        argmin: The smallest step at which ``min`` was reached.
        max: The largest value, NaN apart; None when every value is NaN.
        argmax: The smallest step at which ``max`` was reached.
        count: How many values there are, NaN included.
        nan: How many of them are NaN.
        goal: ``"min"``, ``"max"`` or None.
        partial: True when some of the series was not at hand, so that ``count`` may be off.
        ranks: The first step of each rank, when several processes logged.
    """

    last: float
    step: int
    time: int
    first_step: int
    min: float | None
    argmin: int | None
    max: float | None
    argmax: int | None
    count: int
    nan: int = 0
    goal: str | None = None
    partial: bool = False
    ranks: Mapping[int, int] | None = None

    @classmethod
    def point(cls, value: float, step: int, time: int) -> MetricSummary:
        """Return the summary of a single value."""
        if math.isnan(value):
            return cls(value, step, time, step, None, None, None, None, 1, 1)
        return cls(value, step, time, step, value, step, value, step, 1)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> MetricSummary:
        """Read a summary as :meth:`to_dict` wrote it.

        Raises:
            ValueError: A field is missing or of the wrong type.
        """
        goal = data.get("goal")
        keys, types = (_USUAL_KEYS, _USUAL_TYPES) if goal is None else (_WITH_GOAL, _GOAL_TYPES)
        if tuple(data) == keys and tuple(map(type, data.values())) == types:
            last, step, time, first_step, low, argmin, high, argmax, count, *_ = cast("_Usual", tuple(data.values()))
            numbers = (step, first_step, argmin, argmax, count)
            if low <= high and min(numbers) in _WHOLES and max(numbers) in _WHOLES:  # NaN is neither lower nor equal
                known = goal if goal in _GOALS else None
                return cls(last, step, iso_to_us(time), first_step, low, argmin, high, argmax, count, 0, known)
        try:
            ranks = data.get("ranks")
            return cls(
                last=_number(data["last"]),
                step=_integer(data["step"]),
                time=iso_to_us(str(data["time"])),
                first_step=_integer(data.get("first_step", data["step"])),
                min=_optional(data.get("min"), _extreme),
                argmin=_optional(data.get("argmin"), _integer),
                max=_optional(data.get("max"), _extreme),
                argmax=_optional(data.get("argmax"), _integer),
                count=_integer(data["count"]),
                nan=_integer(data.get("nan", 0)),
                goal=goal if goal in _GOALS else None,
                partial=data.get("partial") is True,
                ranks={int(k): _integer(v) for k, v in ranks.items()} if isinstance(ranks, Mapping) else None,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a metric summary: {error}") from None

    def to_dict(self) -> dict[str, object]:
        """Return the summary as it stands in an end file; absent facts are left out."""
        out: dict[str, object] = {
            "last": self.last,
            "step": self.step,
            "time": iso(self.time),
            "first_step": self.first_step,
            "min": self.min,
            "argmin": self.argmin,
            "max": self.max,
            "argmax": self.argmax,
            "count": self.count,
        }
        if self.nan:
            out["nan"] = self.nan
        if self.goal:
            out["goal"] = self.goal
        if self.partial:
            out["partial"] = True
        if self.ranks is not None:
            out["ranks"] = {str(rank): step for rank, step in sorted(self.ranks.items())}
        return out

    @property
    def best(self) -> float | None:
        """The best value by the metric's goal; None without a goal."""
        return {"min": self.min, "max": self.max}.get(self.goal or "")


def merge(summaries: Iterable[MetricSummary]) -> MetricSummary:
    """Merge summaries of parts of one series; the order does not matter.

    Raises:
        ValueError: There is nothing to merge.
    """
    parts = list(summaries)
    if not parts:
        raise ValueError("no summaries to merge")
    if len(parts) == 1:
        return parts[0]
    last = max(parts, key=_recency)
    low = min((p for p in parts if p.min is not None), key=lambda p: (p.min, p.argmin), default=None)
    high = min((p for p in parts if p.max is not None), key=lambda p: (-(p.max or 0.0), p.argmax), default=None)
    goals = sorted(p.goal for p in parts if p.goal)
    return replace(
        last,
        first_step=min(p.first_step for p in parts),
        min=low.min if low else None,
        argmin=low.argmin if low else None,
        max=high.max if high else None,
        argmax=high.argmax if high else None,
        count=sum(p.count for p in parts),
        nan=sum(p.nan for p in parts),
        goal=goals[-1] if goals else None,
        partial=any(p.partial for p in parts),
        ranks=_merge_ranks(parts),
    )


def _recency(part: MetricSummary) -> tuple[int, int, bool, float]:
    known = not math.isnan(part.last)
    return part.step, part.time, known, part.last if known else 0.0


def _merge_ranks(parts: list[MetricSummary]) -> dict[int, int] | None:
    merged: dict[int, int] = {}
    for part in parts:
        for rank, step in (part.ranks or {}).items():
            merged[rank] = min(step, merged.get(rank, step))
    return merged or None


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.80} is not a number")
    return float(value)


def _extreme(value: object) -> float:
    number = _number(value)
    if math.isnan(number):
        raise TypeError("the smallest or largest value is NaN")
    return number


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r:.80} is not an integer")
    if value not in _WHOLES:
        raise TypeError(f"an integer of {value.bit_length()} bits is beyond 64")
    return value


def _optional(value: object, read: Callable[[object], T]) -> T | None:
    return None if value is None else read(value)
