"""The rows of ``--group-by``: what they are grouped by, their columns, their order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.cli.measured import mean_and_spread
from gtrack.cli.output import Column
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.keys import Keys
from gtrack.display.ordering import split_list
from gtrack.display.words import value_text
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.index.fields import Field, Type
from gtrack.model.goal import Goal
from gtrack.ops.grouping import AGGREGATES, Aggregate, RunGroup, configuration
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.facts import RunFacts

__all__ = [
    "CONFIGURATION",
    "GroupColumn",
    "group_columns",
    "group_csv_columns",
    "group_dict",
    "group_fields",
    "read_aggregates",
]

GroupColumn = Column[RunGroup]
CONFIGURATION = "configuration"
"""The word for all params but seeds."""
_DEFAULT = ("mean", "std", "count")


def read_aggregates(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the aggregates that were asked for, mean, std and count by default.

    Raises:
        UsageError: There is no such aggregate.
    """
    names = list(dict.fromkeys(item.lower() for text in texts for item in split_list(text)))
    for name in names:
        if name not in AGGREGATES:
            raise UsageError(f"there is no aggregate {name!r:.60}", hint=f"--agg {','.join(AGGREGATES)}")
    return tuple(names) or _DEFAULT


def group_fields(texts: Iterable[str], keys: Keys, facts: RunFacts) -> list[Field]:
    """Return the fields to group by.

    Args:
        texts: Each one or several names, separated by commas; ``configuration`` stands for all params but seeds.
        keys: The keys there are.
        facts: What is known of the runs that are grouped.

    Raises:
        UsageError: No run has such a thing; the message names near misses.
    """
    fields: dict[Field, None] = {}
    for item in (item for text in texts for item in split_list(text)):
        if item == CONFIGURATION:
            fields |= dict.fromkeys(configuration(facts.params))
        else:
            fields[keys.resolve(item, "--group-by")] = None
    return list(fields)


def group_columns(
    by: Sequence[Field],
    groups: Sequence[RunGroup],
    metrics: Mapping[str, Goal | None],
    aggregates: Sequence[str],
    terminal: Terminal,
) -> list[GroupColumn]:
    """Return the columns of the table: the fields, how many runs, and the metrics.

    Mean and spread share a column, ``0.912 ± 0.004``. The count is the number of runs; a metric that not all of them
    have says how many do.
    """
    columns = [_field_column(field, i, by) for i, field in enumerate(by)]
    columns.append(Column("runs", Heading("n", right=True), lambda group: len(group.runs)))
    for key, goal in metrics.items():
        shown = [name for name in aggregates if name != "count"] or ["count"]
        if {"mean", "std"} <= set(shown):
            columns.append(_spread_column(key, goal, groups, terminal))
            shown = [name for name in shown if name not in ("mean", "std")]
        columns += [_plain_column(key, name, goal, groups) for name in shown]
    return columns


def group_csv_columns(by: Sequence[Field], metrics: Iterable[str], aggregates: Sequence[str]) -> list[GroupColumn]:
    """Return the columns of CSV: every aggregate by itself."""
    columns = [_field_column(field, i, by) for i, field in enumerate(by)]
    columns.append(Column("runs", Heading("n"), lambda group: len(group.runs)))
    return columns + [_plain_column(key, name, None, ()) for key in metrics for name in aggregates]


def group_dict(by: Sequence[Field], metrics: Mapping[str, Goal | None]) -> Callable[[RunGroup], dict[str, object]]:
    """Return what makes a group a JSON object: its values, every aggregate, and the ids of its runs."""

    def to_dict(group: RunGroup) -> dict[str, object]:
        return {
            "group": {str(field): value for field, value in zip(by, group.values, strict=True)},
            "n": len(group.runs),
            "metrics": {key: {**each.to_dict(), **_goal_dict(metrics[key])} for key, each in group.metrics.items()},
            "runs": list(group.runs),
        }

    return to_dict


def _field_column(field: Field, at: int, by: Sequence[Field]) -> GroupColumn:
    same = sum(other.key == field.key for other in by) > 1
    head = str(field) if same or field.scope not in ("params", "tags", "metrics") else field.key
    short = field.type is Type.HASH
    heading = Heading(clean(head), right=field.scope == "metrics", shrinks_to=None if short else 8)

    def text(group: RunGroup) -> str:
        value = group.values[at]
        return value[:SHORT] if short and isinstance(value, str) else value_text(value)

    return Column(str(field), heading, lambda group: group.values[at], text)


def _plain_column(key: str, name: str, goal: Goal | None, groups: Sequence[RunGroup]) -> GroupColumn:
    def value(group: RunGroup) -> object:
        return getattr(group.metrics[key], name)

    heading = Heading(clean(f"{key} {name}"), right=True, drop=1)
    best = _best(groups, key, name, goal) if name not in ("std", "count") else None
    return Column(f"metrics.{key}.{name}", heading, value, style=lambda group: _stands_out(value(group), best))


def _spread_column(key: str, goal: Goal | None, groups: Sequence[RunGroup], terminal: Terminal) -> GroupColumn:
    best = _best(groups, key, "mean", goal)

    def text(group: RunGroup) -> str:
        each = group.metrics[key]
        return mean_and_spread(each.mean, each.std, terminal) + _apart(each, len(group.runs))

    return Column(
        f"metrics.{key}.mean",
        Heading(clean(key), right=True, drop=1),
        lambda group: group.metrics[key].mean,
        text,
        lambda group: _stands_out(group.metrics[key].mean, best),
    )


def _apart(each: Aggregate, runs: int) -> str:
    """Say what a mean leaves out."""
    if each.nan:
        return f" ({each.nan} NaN)"
    return f" (n={each.count})" if 0 < each.count < runs else ""


def _best(groups: Sequence[RunGroup], key: str, name: str, goal: Goal | None) -> float | None:
    if goal is None or not goal.declared:
        return None
    found = [value for group in groups if (value := getattr(group.metrics[key], name)) is not None]
    values = [value for value in found if not math.isnan(value)]
    return None if len(values) < 2 else min(values) if goal.direction == "min" else max(values)


def _stands_out(value: object, best: float | None) -> Sequence[str]:
    return ("bold", "green") if best is not None and value == best else ()


def _goal_dict(goal: Goal | None) -> dict[str, object]:
    return {} if goal is None else {"goal": goal.direction, "goal_source": goal.source}
