"""``gtrack ls --group-by``: a row for all runs of equal values."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.cli.choosing import only_changed
from gtrack.cli.grouping import (
    CONFIGURATION,
    group_columns,
    group_csv_columns,
    group_dict,
    group_fields,
    read_aggregates,
)
from gtrack.cli.output import emit
from gtrack.cli.selection import Listing
from gtrack.display.ordering import split_list
from gtrack.ops.goals import goal_said
from gtrack.ops.group_order import sort_groups
from gtrack.ops.grouping import group_runs, grouping_columns

__all__ = ["print_groups"]


def print_groups(listing: Listing, by: Sequence[str], aggregates: Sequence[str], metrics: Sequence[str]) -> None:
    """Print a row for every group of runs.

    Args:
        listing: Which runs, and where to.
        by: The fields they are grouped by.
        aggregates: What to say of metrics; mean, spread and count when empty.
        metrics: The metrics; the main ones when empty.

    Raises:
        UsageError: There is no such field or aggregate.
    """
    named, orders = read_aggregates(aggregates), listing.orders
    facts = listing.facts()
    if not facts.total and listing.output.form is None:
        listing.say_nothing()
        return
    listing.say_where()
    fields = group_fields(by, listing.keys, facts)
    shown = [*(metrics or listing.main_of(facts)), *(o.field.key for o in orders if o.field.scope == "metrics")]
    keys = [key for key in dict.fromkeys(shown) if not any(f.scope == "metrics" and f.key == key for f in fields)]
    protocol = listing.goals.protocol_of(facts.experiments)
    goals = {key: goal_said(key, facts.declared_goal(key), protocol) for key in keys}
    lines = facts.lines(*grouping_columns(fields, goals))
    groups = sort_groups(group_runs(lines, fields, goals), fields, orders, named)
    if listing.selection.reverse and not orders:
        groups.reverse()
    total = len(groups)
    groups = groups[: listing.selection.count]
    columns = group_columns(fields, groups, goals, named, listing.terminal)
    same: list[str] = []
    if any(item == CONFIGURATION for text in by for item in split_list(text)):
        telling, same = only_changed(columns[: len(fields)], groups)
        columns = [*telling, *columns[len(fields) :]]
    full = group_csv_columns(fields, goals, named)
    missing = emit(listing.invocation, listing.output, groups, columns, group_dict(fields, goals), csv_columns=full)
    listing.say_same(same)
    listing.say_missing(missing)
    listing.say_rest(len(groups), total, "group")
