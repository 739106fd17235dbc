"""The order of groups of runs: by what they are grouped by, or by a metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gtrack.errors import UsageError
from gtrack.index.fields import Field, Value
from gtrack.index.query import Order
from gtrack.ops.grouping import RunGroup, sort_key

__all__ = ["sort_groups"]


def sort_groups(
    groups: Sequence[RunGroup], by: Sequence[Field], orders: Sequence[Order], aggregates: Sequence[str]
) -> list[RunGroup]:
    """Return groups in order: by the fields they are grouped by, or by an aggregate of a metric.

    Args:
        groups: The groups.
        by: The fields they are grouped by.
        orders: What to sort by, first things first.
        aggregates: What is shown of metrics: the first of them that is a value counts.

    Raises:
        UsageError: It is neither.
    """
    out = list(groups)
    aggregate = next((name for name in aggregates if name not in ("std", "count")), aggregates[0])
    for order in reversed(orders):
        read = _reader(order.field, by, aggregate)
        ranked = [(place, group) for group in out if (place := sort_key(read(group))) is not None and place[0] < 2]
        without = [group for group in out if (place := sort_key(read(group))) is None or place[0] == 2]
        ranked.sort(key=lambda pair: pair[0], reverse=order.descending)
        out = [group for _, group in ranked] + without
    return out


def _reader(field: Field, by: Sequence[Field], aggregate: str) -> Callable[[RunGroup], Value | None]:
    if field in by:
        at = by.index(field)
        return lambda group: group.values[at]
    if field.scope == "metrics":
        return lambda group: getattr(group.metrics[field.key], aggregate) if field.key in group.metrics else None
    raise UsageError(
        f"groups have many values of {field}: sort by what they are grouped by, or by a metric",
        hint=f"--group-by {','.join(map(str, [*by, field]))}",
    )
