"""What a panel shows, as somebody put it together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gtrack._app.charts import strict
from gtrack.errors import UsageError
from gtrack.index.fields import read_field

__all__ = ["KINDS", "PanelSpec"]

KINDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "line": (("metrics",), ("x", "group", "log_x", "log_y", "smoothing")),
    "scatter": (("x", "y"), ("colour", "group", "log_x", "log_y")),
    "bar": (("y",), ("x", "colour", "group", "log_y")),
    "histogram": (("x",), ("colour", "group", "log_x")),
    "parallel": (("metrics",), ("colour",)),
    "importance": (("y",), ("metrics",)),
    "matrix": (("metrics",), ("colour",)),
}
"""The kinds of panels: what each needs, and what else it understands."""

_AXES = ("step", "time", "relative")
_WHAT = "panel"


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """What a panel shows. Columns are named as in a filter: ``params.lr``, ``metrics.val_auc``, ``duration``.

    Attributes:
        kind: One of :data:`KINDS`.
        x: The column along; of lines ``step``, ``time``, ``relative`` or a metric.
        y: The column up; of importance, what is to be explained.
        colour: The column of the colours.
        group: The column whose values have a mean each.
        metrics: Of lines the metrics; of parallel coordinates and matrices the columns; of importance the columns that
            may explain, all params by default.
        log_x: A logarithmic axis along.
        log_y: A logarithmic axis up.
        smoothing: Of lines; see :class:`gtrack._app.charts.settings.CurveSettings`.
        title: Shown above it.

    Raises:
        UsageError: A value is refused, or the kind lacks what it needs, or has what it does not understand.
    """

    kind: str
    x: str = ""
    y: str = ""
    colour: str = ""
    group: str = ""
    metrics: tuple[str, ...] = ()
    log_x: bool = False
    log_y: bool = False
    smoothing: float = 0.0
    title: str = ""

    def __post_init__(self) -> None:
        strict.one_of(_WHAT, "kind", self.kind, tuple(KINDS))
        for name in ("x", "y", "colour", "group", "title"):
            strict.text(_WHAT, name, getattr(self, name))
        strict.texts(_WHAT, "metrics", self.metrics)
        for name in ("log_x", "log_y"):
            strict.truth(_WHAT, name, getattr(self, name))
        strict.number(_WHAT, "smoothing", self.smoothing, lambda x: 0 <= x <= 0.999, "a number from 0 to 0.999")
        needed, understood = KINDS[self.kind]
        for name in needed:
            strict.check(
                bool(getattr(self, name)), _WHAT, name, getattr(self, name), f"a value: a {self.kind} needs it"
            )
        for name in self.__slots__:
            if name not in (*needed, *understood, "kind", "title") and getattr(self, name):
                raise UsageError(
                    f"panel: a {self.kind} has no {name}", hint=f"it has {', '.join((*needed, *understood))}"
                )
        for name in self._columns():
            self._check_column(name)

    @property
    def curve_keys(self) -> tuple[str, ...]:
        """The metrics whose curves it needs: those of lines, and the one on their axis."""
        if self.kind != "line":
            return ()
        keys = [name.removeprefix("metrics.") for name in self.metrics]
        axis = [] if self.x in ("", *_AXES) else [self.x.removeprefix("metrics.")]
        return tuple(dict.fromkeys([*keys, *axis]))

    def to_dict(self) -> dict[str, object]:
        """Return the kind, and what is not as by default."""
        default = PanelSpec.__dataclass_fields__
        values = {name: getattr(self, name) for name in self.__slots__}
        values = {name: value for name, value in values.items() if name == "kind" or value != default[name].default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: object) -> PanelSpec:
        """Return what :meth:`to_dict` made, or somebody wrote.

        Raises:
            UsageError: It is no mapping, has an unknown key, or a value is refused.
        """
        if isinstance(values, Mapping) and "kind" not in values:
            raise UsageError("panel: it has no kind", hint=f"one of {', '.join(KINDS)}")
        return strict.read_settings(cls, values, _WHAT)

    def _columns(self) -> list[str]:
        if self.kind == "line":
            return [self.group] if self.group else []
        return [name for name in (self.x, self.y, self.colour, self.group, *self.metrics) if name]

    def _check_column(self, name: str) -> None:
        try:
            read_field(name)
        except ValueError as error:
            raise UsageError(f"panel: {error}") from None
