"""``gtrack ls`` with a row for every run: which columns, and children under their parents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gtrack.cli.choosing import choose_columns, only_changed, unique_headings
from gtrack.cli.columns import (
    RunColumn,
    all_columns,
    facts,
    field_column,
    metric_column,
    metric_columns_for_csv,
    param_column,
    run_columns,
    with_best,
)
from gtrack.cli.output import emit
from gtrack.cli.selection import Listing
from gtrack.cli.selectors import whole_state
from gtrack.cli.tree import place_columns, tree_columns
from gtrack.display.keys import near
from gtrack.display.tree import Row, tree_rows
from gtrack.index.fields import Field
from gtrack.index.filter import In, Prefix
from gtrack.index.query import Query
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.text import clean

__all__ = ["Shown", "print_runs"]

_BATCH = 500
_VALUES = ("last", "min", "max", "best")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown of runs.

    Attributes:
        columns: These, and nothing else; the usual ones when empty.
        metrics: Metrics, beside what every listing starts with.
        params: Params, likewise.
        changed: Leave out what is the same in all.
        tree: Put children under their parents.
    """

    columns: Sequence[str] = ()
    metrics: Sequence[str] = ()
    params: Sequence[str] = ()
    changed: bool = False
    tree: bool = False


def print_runs(listing: Listing, shown: Shown) -> None:
    """Print a row for every run.

    Raises:
        UsageError: No run has what was asked for.
    """
    found = listing.find()
    # Long params are in files of their own, which the table has no use for.
    matches = [run.state if listing.output.form is None else whole_state(run) for run in found]
    if not matches and listing.output.form is None:
        listing.say_nothing()
        return
    listing.say_where()
    rows = tree_rows(matches, lambda ids: _fetch(listing, ids)) if shown.tree else None
    runs = matches if rows is None else [row.run for row in rows]
    table = _chosen(listing, shown, runs) if shown.columns or shown.changed else _usual(listing, shown, runs)
    missing = _emit(listing, table, runs, rows)
    listing.say_same(table.same)
    listing.say_missing([name for name in missing if name in table.asked])
    listing.say_rest(len(matches), found.total, "run")


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns to print.

    Attributes:
        columns: Those of the table and of Markdown.
        full: Those of CSV.
        exact: JSON has the same columns as CSV, and not the whole run.
        same: What was left out.
        asked: The heads of the columns that somebody asked for and wants to be told about.
    """

    columns: Sequence[RunColumn]
    full: Sequence[RunColumn]
    exact: bool = False
    same: Sequence[str] = ()
    asked: frozenset[str] = frozenset()

    def to_dict(self, run: RunState) -> dict[str, object]:
        """Return a run as JSON shows it."""
        return {column.name: column.value(run) for column in self.full} if self.exact else run.to_dict()


def _chosen(listing: Listing, shown: Shown, runs: Sequence[RunState]) -> _Table:
    """Return exactly the columns that were asked for, those in which runs differ."""
    base = run_columns(listing.now_us, listing.terminal)
    if shown.columns:
        columns = choose_columns(
            shown.columns, runs, base, listing.keys, lambda key: listing.goals.among(key, runs), listing.now_us
        )
    else:
        params = shown.params or sorted({key for run in runs for key, _ in flatten(run.params)})
        metrics = shown.metrics or listing.main_metrics(runs)
        # Where there is no room the last are left out: the metric is worth more than the thirtieth param.
        named = [*(_metric_column(listing, key, runs) for key in metrics), *map(param_column, params)]
        columns = unique_headings([*base, *named])
    same: list[str] = []
    if shown.changed:
        columns, same = only_changed(columns, runs)
    columns = [_with_best(listing, column, runs) for column in columns]
    return _Table(columns, columns, True, same, frozenset(column.heading.text for column in columns))


def _usual(listing: Listing, shown: Shown, runs: Sequence[RunState]) -> _Table:
    """Return the columns of a listing that starts as every listing does."""
    base = run_columns(listing.now_us, listing.terminal)
    if not shown.metrics and not shown.params:
        # Unasked, the first metric is worth more than the experiment's name, and the others less than anything.
        main = enumerate(listing.main_metrics(runs))
        columns = [_metric_column(listing, key, runs, drop=7 if i else 3) for i, key in main]
        columns = unique_headings([*base, *_sorted_by(listing, [*base, *columns]), *columns])
        return _Table(columns, all_columns(runs, base))
    _warn_of_unknown(listing, shown, runs)
    params = [param_column(key) for key in shown.params]
    columns = [*params, *(_metric_column(listing, key, runs) for key in shown.metrics)]
    full = [*facts(base), *params, *metric_columns_for_csv(runs, shown.metrics)]
    table = unique_headings([*base, *_sorted_by(listing, [*base, *columns]), *columns])
    return _Table(table, full, asked=frozenset(column.heading.text for column in columns))


def _sorted_by(listing: Listing, shown: Sequence[RunColumn]) -> list[RunColumn]:
    """Return the columns of what the rows are sorted by, as far as they are not shown: else there seems no order."""
    names = {column.name for column in shown}
    fields = (order.field for order in listing.orders)
    hidden = (field for field in fields if not {str(field), f"metrics.{field.key}.{field.aggregate}"} & names)
    return [field_column(field, listing.now_us) for field in hidden]


def _emit(listing: Listing, table: _Table, runs: Sequence[RunState], rows: Sequence[Row] | None) -> list[str]:
    if rows is None:
        return emit(listing.invocation, listing.output, runs, table.columns, table.to_dict, csv_columns=table.full)
    return emit(
        listing.invocation,
        listing.output,
        rows,
        tree_columns(table.columns, listing.terminal),
        lambda row: {**table.to_dict(row.run), **row.place},
        csv_columns=[*tree_columns(table.full, listing.terminal), *place_columns()],
    )


def _metric_column(listing: Listing, key: str, runs: Sequence[RunState], *, drop: int = 1) -> RunColumn:
    goal = listing.goals.among(key, runs)
    direction = goal.direction if goal is not None and goal.declared else None
    return with_best(metric_column(key, direction, drop=drop), runs, direction)


def _with_best(listing: Listing, column: RunColumn, runs: Sequence[RunState]) -> RunColumn:
    """Make the best value of a metric stand out, where the column is one of values and the goal was declared."""
    field = column.field
    if field is None or field.scope != "metrics" or field.aggregate not in _VALUES:
        return column
    goal = listing.goals.among(field.key, runs)
    return with_best(column, runs, goal.direction if goal is not None and goal.declared else None)


def _warn_of_unknown(listing: Listing, shown: Shown, runs: Sequence[RunState]) -> None:
    """Name the metrics and params that no run has which is shown, and those that may have been meant."""
    for what, asked, known in (
        ("metric", shown.metrics, {key for run in runs for key in run.metrics}),
        ("param", shown.params, {key for run in runs for key, _ in flatten(run.params)}),
    ):
        for key in (key for key in asked if key not in known):
            close = near(key, known)
            meant = f"; did you mean {' or '.join(close)}?" if close else ""
            listing.invocation.notice(clean(f"no run here has a {what} {key}{meant}"))


def _fetch(listing: Listing, ids: Sequence[str]) -> Iterator[RunState]:
    """Yield the runs of some ids, deleted ones included: a child keeps its parent in view."""
    for at in range(0, len(ids), _BATCH):
        wanted = In(Field("attributes", "id"), tuple(map(Prefix, ids[at : at + _BATCH])))
        query = Query(where=wanted, deleted=None)
        yield from (run.state for run in listing.repo.find(query, remote=listing.selection.remote))
