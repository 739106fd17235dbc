"""``table``: runs as rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gtrack.display.main_metrics import main_metrics
from gtrack.display.ordering import read_orders
from gtrack.display.words import plural
from gtrack.index.fields import Field
from gtrack.model.state import RunState
from gtrack.ops.leaderboard import varying_params
from gtrack.report.asking import find_runs, names, said, whole_number
from gtrack.report.blocks import Block
from gtrack.report.cells import field_cell, field_heading
from gtrack.report.lookup import Lookup
from gtrack.report.problems import blaming
from gtrack.report.results import Cell, Grid

__all__ = ["answer"]

_ROWS = 20
_PARAMS, _METRICS = 5, 3
_VALUES = ("last", "min", "max", "best")


def answer(lookup: Lookup, block: Block) -> Grid:
    """Return the table that a block asks for.

    Raises:
        BlockError: A filter, a column or an order is wrong; the message names the nearest.
    """
    experiments = names(block, "experiment")
    with blaming("sort"):
        order = read_orders(names(block, "sort"), lookup.keys, lambda key: lookup.goals.of(key, experiments))
    found = find_runs(lookup, block, "table", whole_number(block, "limit", _ROWS), order=order)
    runs = [run.state for run in found]
    with blaming("columns"):
        fields = [_named(lookup, text, runs) for text in names(block, "columns")] or _usual(runs)
    more = found.total - len(runs)
    remarks = [f"{more:,} more; limit: {min(found.total, 500)} shows {'all' if found.total <= 500 else 'more'}"]
    return Grid(
        title=said(block, "title") or said(block, "table") or plural(found.total, "run"),
        headings=tuple(field_heading(field, runs) for field in fields),
        rows=tuple(zip(*(_column(lookup, field, runs) for field in fields), strict=True)),
        runs=tuple(run.id for run in runs),
        remarks=tuple(remarks if more else [] if runs else ["no run matches"]),
    )


def _named(lookup: Lookup, text: str, runs: Sequence[RunState]) -> Field:
    """Return the field that a column's name means: a bare metric with a declared goal is shown as its best."""
    field = lookup.keys.resolve(text, "columns:")
    if field != Field("metrics", text):
        return field
    goal = lookup.goals.among(text, runs)
    return Field("metrics", text, goal.direction) if goal is not None and goal.declared else field


def _usual(runs: Sequence[RunState]) -> list[Field]:
    """Return the columns where none are named: what every listing begins with, what differs, the main metrics."""
    attributes = ["name", *(["experiment"] if len({run.experiment for run in runs}) > 1 else []), "status"]
    return [
        *(Field("attributes", name) for name in attributes),
        *(Field("params", key) for key in varying_params(runs, seeds=True)[:_PARAMS]),
        *(Field("metrics", key) for key in main_metrics(runs, _METRICS)),
    ]


def _column(lookup: Lookup, field: Field, runs: Sequence[RunState]) -> list[Cell]:
    cells = [field_cell(field, run, lookup.host) for run in runs]
    best = _best(lookup, field, runs)
    return [Cell(cell.text, cell.value, "best", cell.link) if cell.value == best else cell for cell in cells]


def _best(lookup: Lookup, field: Field, runs: Sequence[RunState]) -> object:
    """Return the best of several values of a metric whose direction somebody declared; else what no cell is."""
    none = object()
    if field.scope != "metrics" or field.aggregate not in _VALUES:
        return none
    goal = lookup.goals.among(field.key, runs)
    values = [v for run in runs for v in field.values(run) if isinstance(v, int | float) and not math.isnan(v)]
    if goal is None or not goal.declared or len(values) < 2:
        return none
    return min(values) if goal.direction == "min" else max(values)
