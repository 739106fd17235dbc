"""What is not the same in two nested maps, leaf by leaf."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gtrack.model.nested import flatten

__all__ = ["Difference", "differences", "same_value"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not the same on both sides.

    Attributes:
        key: Its name; nested maps' names are joined by dots.
        change: ``changed``, ``added`` (only the second side has it) or ``removed`` (only the first has it).
        a: The first side's value; None where there is none.
        b: The second side's value, likewise.
    """

    key: str
    change: str
    a: object = None
    b: object = None

    def to_dict(self) -> dict[str, object]:
        """Return the difference as a map, without the side that is not there."""
        out: dict[str, object] = {"key": self.key, "change": self.change}
        if self.change != "added":
            out["a"] = self.a
        if self.change != "removed":
            out["b"] = self.b
        return out


def differences(a: Mapping[str, object], b: Mapping[str, object]) -> tuple[Difference, ...]:
    """Return what is not the same in two nested maps, leaf by leaf: in the first one's order, then the second's."""
    flat_a, flat_b = dict(flatten(a)), dict(flatten(b))
    found = []
    for key in {**flat_a, **flat_b}:
        if key not in flat_b:
            found.append(Difference(key, "removed", a=flat_a[key]))
        elif key not in flat_a:
            found.append(Difference(key, "added", b=flat_b[key]))
        elif not same_value(flat_a[key], flat_b[key]):
            found.append(Difference(key, "changed", flat_a[key], flat_b[key]))
    return tuple(found)


def same_value(a: object, b: object) -> bool:
    """Tell whether two values mean the same: ``1`` and ``1.0`` do, ``1`` and ``True`` or ``"1"`` do not.

    NaN is the same as NaN, in lists and maps too.
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_value(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same_value, a, b))
    return a == b
