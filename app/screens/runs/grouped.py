"""Runs in groups: which there are, what each is known by, and the filter that selects its runs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gtrack._app.asking import Asked
from gtrack._app.reading import Reading
from gtrack._app.screens.runs.rows import orders_of
from gtrack.display.goals import Goals
from gtrack.display.main_metrics import main_of
from gtrack.errors import UsageError
from gtrack.index.fields import Field, Value, read_field
from gtrack.index.filter import And, Compare, Filter, IsNull, parse
from gtrack.index.query import Order
from gtrack.model.goal import Goal
from gtrack.ops.group_order import sort_groups
from gtrack.ops.grouping import RunGroup, configuration, group_runs, grouping_columns, sort_key

__all__ = ["CONFIGURATION", "Grouped", "condition_of", "group_key", "grouped_of"]

CONFIGURATION = "configuration"
"""The word for all params but seeds."""
_KEY_DIGITS = 12
_LONG = 100


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups of runs.

    Attributes:
        by: The fields they are grouped by.
        metrics: The metrics that are aggregated, and which way each is better, where known.
        groups: The groups, in order.
        keys: What each group is known by in the address.
        order: What they are in the order of; nothing for the order of their values.
        trouble: Why they are not in the order that was asked for.
    """

    by: tuple[Field, ...]
    metrics: Mapping[str, Goal | None]
    groups: tuple[RunGroup, ...] = ()
    keys: tuple[str, ...] = ()
    order: tuple[Order, ...] = ()
    trouble: str = ""

    def chosen(self, keys: Collection[str]) -> list[RunGroup]:
        """Return the groups of some keys, as far as they are there."""
        wanted = set(keys)
        return [group for key, group in zip(self.keys, self.groups, strict=True) if key in wanted]


def grouped_of(now: Reading, asked: Asked, group: str, sort: str = "") -> Grouped:
    """Return the groups of the runs that are asked for.

    Args:
        now: The repository.
        asked: Which runs.
        group: The field to group by, or ``configuration``.
        sort: What to sort by; the values of the groups by default.

    Raises:
        UsageError: There is no such field to sort by.
        ValueError: There is no such field to group by.
    """
    return now.kept("groups", (asked.key, group, sort), lambda: _grouped(now, asked, group, sort))


def group_key(group: str, names: Sequence[str], values: Sequence[Value | None]) -> str:
    """Return what a group is known by: the same for values that agree, whatever other params there are by now.

    Args:
        group: What runs are grouped by, as the page says it.
        names: The fields.
        values: The group's value of each.

    Example:
        >>> group_key("configuration", ["params.lr"], [6]) == group_key("configuration", ["params.lr"], ["6.0"])
        True
    """
    told = [(name, _form(value)) for name, value in zip(names, values, strict=True) if value is not None]
    text = repr((group, told))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]


def condition_of(where: str, by: Sequence[Field], values: Sequence[Value | None]) -> str:
    """Return the filter that selects the runs of one group.

    Example:
        >>> condition_of("status = 'finished'", [Field("params", "lr")], [0.1])
        "status = 'finished' AND params.lr = 0.1"
    """
    parts: list[Filter] = [parse(where)] if where else []
    parts += [IsNull(f) if value is None else Compare(f, "=", value) for f, value in zip(by, values, strict=True)]
    return str(And(tuple(parts)) if len(parts) > 1 else parts[0])


def _grouped(now: Reading, asked: Asked, group: str, sort: str) -> Grouped:
    order = orders_of(sort)
    extra = [one.field.key for one in order if one.field.scope == "metrics"]
    facts = now.repo.facts(asked.query)
    by = configuration(facts.params) if group == CONFIGURATION else [read_field(group)]
    known = Goals(now.repo)
    protocol = known.protocol_of(facts.experiments)
    main = main_of(facts.metrics, set[str]().union(*facts.declared.values()))
    first = None if protocol is None else protocol.metric
    if first is not None and first in facts.metrics:
        main = [first, *(key for key in main if key != first)]
    main += [key for key in extra if key not in main and key in facts.metrics]
    metrics = {key: known.of(key, asked.query.experiments) for key in main if Field("metrics", key) not in by}
    groups = group_runs(facts.lines(*grouping_columns(by, metrics)), by, metrics)
    trouble = ""
    try:
        groups = sort_groups(groups, by, order, ("mean",))
    except UsageError as error:
        order, trouble = (), error.message
    names = list(map(str, by))
    keys = tuple(group_key(group, names, one.values) for one in groups)
    return Grouped(tuple(by), metrics, tuple(groups), keys, order, trouble)


def _form(value: Value) -> str:
    """Return a value in the one form of all that agree with it."""
    # A long text is no number, and not worth being remembered.
    return f"1{value}" if isinstance(value, str) and len(value) > _LONG else _short_form(value)


@lru_cache(4096, typed=True)
def _short_form(value: Value) -> str:
    kind, of = sort_key(value) or (2, "")
    if isinstance(of, float) and of.is_integer():
        of = int(of)
    return f"{kind}{hex(of) if isinstance(of, int) else of}"  # of huge integers only this form is quick
