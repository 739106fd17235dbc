"""How curves are drawn, as somebody set it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gtrack._app.charts import strict
from gtrack.errors import UsageError
from gtrack.index.regexp import compile_regexp
from gtrack.model.goal import Goal, goal_of
from gtrack.plot.charts import Axis

__all__ = ["BANDS", "CurveSettings"]

BANDS = ("", "std", "minmax", "interval")
_WHAT = "charts"
_HUGE = 1e300


@dataclass(frozen=True, slots=True)
class CurveSettings:
    """How curves are drawn.

    Attributes:
        x: What runs along the axis: ``step``, ``time`` (UTC), ``relative`` (since each run's start), or a metric.
        metrics: Only these; all by default.
        names: Only metrics in whose names this regular expression is found.
        smoothing: A weight from 0 to 0.999; see :func:`gtrack.plot.smoothing.smooth`. The curve itself stays behind.
        best: The best value so far rather than the current one.
        log_x: A logarithmic axis.
        log_y: Likewise.
        clip: Choose the range of values by the bulk of them; what lies outside is counted in the note.
        band: The mean over each group of runs with ``std`` (plus and minus one), ``minmax`` or ``interval`` (95 % of
            the mean, by Student's t) around it; without one, each run by itself.
        ranks: ``mean`` over the processes of a run, with a band from the lowest to the highest; or ``each``.
        x_range: Only points in this range, in the axis's unit (milliseconds since the epoch of ``time``), and the next
            one on each side, as many of them as there are.
        points: The most points of one curve.
        goals: Which way metrics are better, where that was declared; otherwise their names tell.
    """

    x: str = "step"
    metrics: tuple[str, ...] = ()
    names: str = ""
    smoothing: float = 0.0
    best: bool = False
    log_x: bool = False
    log_y: bool = False
    clip: bool = False
    band: str = ""
    ranks: str = "mean"
    x_range: tuple[float, float] | None = None
    points: int = 2_000
    goals: Mapping[str, Goal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("x", "names"):
            strict.text(_WHAT, name, getattr(self, name))
        strict.texts(_WHAT, "metrics", self.metrics)
        strict.number(_WHAT, "smoothing", self.smoothing, lambda x: 0 <= x <= 0.999, "a number from 0 to 0.999")
        for name in ("best", "log_x", "log_y", "clip"):
            strict.truth(_WHAT, name, getattr(self, name))
        strict.one_of(_WHAT, "band", self.band, BANDS)
        strict.one_of(_WHAT, "ranks", self.ranks, ("mean", "each"))
        strict.number(_WHAT, "points", self.points, lambda x: 10 <= x <= 1_000_000, "a number from 10")
        strict.check(self.x_range is None or _is_range(self.x_range), _WHAT, "x_range", self.x_range, "two numbers")
        self.selects("")

    @property
    def axis(self) -> Axis:
        """What runs along the axis."""
        return Axis.parse(self.x)

    def selects(self, key: str) -> bool:
        """Tell whether a metric is wanted.

        Raises:
            UsageError: ``names`` is no regular expression that is understood; the message says why.
        """
        if self.names:
            try:
                found = compile_regexp(self.names).search(key)
            except ValueError as error:
                raise UsageError(f"names of metrics: {error}", hint="such as ^val_ or loss|acc") from None
            if not found:
                return False
        return not self.metrics or key in self.metrics

    def goal(self, key: str) -> Goal | None:
        """Return which way a metric is better, where anybody knows."""
        return self.goals.get(key) or goal_of(key)

    def zoomed(self, ends: object) -> CurveSettings:
        """Return the settings for a range that a chart was zoomed to.

        Args:
            ends: What Plotly says of the axis: its two ends, as logarithms of a logarithmic axis, as texts of times;
                from a browser, not to be trusted. None for all.

        Raises:
            UsageError: They are no range.
        """
        if ends is None:
            return replace(self, x_range=None)
        pair = ends if isinstance(ends, list | tuple) and len(ends) == 2 else ()
        found = tuple(sorted(value for end in pair if (value := self._place(end)) is not None))
        strict.check(len(found) == 2, _WHAT, "x_range", ends, "two numbers or times")
        return replace(self, x_range=(found[0], found[1]))

    def to_dict(self) -> dict[str, object]:
        """Return what is not as by default, but for ``goals``, which are the experiment's."""
        default = CurveSettings()
        values = {name: getattr(self, name) for name in self.__slots__ if name != "goals"}
        values = {name: value for name, value in values.items() if value != getattr(default, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: object, goals: Mapping[str, Goal] | None = None) -> CurveSettings:
        """Return what :meth:`to_dict` made, or somebody wrote.

        Raises:
            UsageError: A setting is unknown, or its value is refused.
        """
        if isinstance(values, Mapping) and "goals" in values:
            raise UsageError("charts: goals are set for the experiment, not for a chart")
        return replace(strict.read_settings(cls, values, _WHAT), goals=goals or {})

    def _place(self, end: object) -> float | None:
        """Return where an end of an axis stands in the axis's unit."""
        if isinstance(end, str) and self.axis.kind == "time":
            try:
                moment = datetime.fromisoformat(end[:40])
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e3
            except (ValueError, OverflowError):
                return None
        if isinstance(end, bool) or not isinstance(end, int | float) or not abs(end) < _HUGE:
            return None
        if self.log_x and self.axis.kind != "time":
            return 10.0**end if abs(end) < 300 else None
        return float(end)


def _is_range(value: object) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end) for end in value)
    return numbers and value[0] <= value[1]
