"""A page of the table of runs: what was asked for, the baseline first, unfolded parents with their children."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gtrack._app.asking import Asked
from gtrack._app.reading import Reading
from gtrack.index.fields import Field
from gtrack.index.filter import And, Filter, In, IsNull, Prefix
from gtrack.index.query import Order, Query, parse_order
from gtrack.model.state import RunState

__all__ = ["PAGE", "Row", "Rows", "orders_of", "rows_of"]

PAGE = 200
"""Rows a page."""
_PARENT = Field("attributes", "parent")
_MOST_CHILDREN = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A run in the table.

    Attributes:
        run: The run.
        depth: How far it is indented.
        children: How many children it has.
        open: Its children are shown below it.
        baseline: It is what the others are compared with.
        outside: It is not what was asked for, and is shown all the same.
    """

    run: RunState
    depth: int = 0
    children: int = 0
    open: bool = False
    baseline: bool = False
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of the table.

    Attributes:
        rows: The rows.
        total: How many runs match.
        nested: Children are below their parents, and are not counted.
    """

    rows: tuple[Row, ...] = ()
    total: int = 0
    nested: bool = False

    @property
    def runs(self) -> list[RunState]:
        """The runs in the order of the rows."""
        return [row.run for row in self.rows]


def orders_of(sort: str) -> tuple[Order, ...]:
    """Return what to sort by; nothing for an empty text.

    Raises:
        UsageError: There is no such field.
    """
    return (parse_order(sort),) if sort else ()


def rows_of(
    now: Reading, asked: Asked, *, sort: str = "", page: int = 1, nested: bool = False, opened: Sequence[str] = ()
) -> Rows:
    """Return a page of the table.

    Args:
        now: The repository.
        asked: Which runs.
        sort: What to sort by; the newest first by default.
        page: Which page, from 1; the last one for a page beyond it.
        nested: Leave out runs that have a parent: they are below it, once it is open.
        opened: The ids of the runs whose children are shown.

    Raises:
        UsageError: There is no such field to sort by.
    """
    key = (asked.key, sort, page, nested, tuple(sorted(opened)))
    return now.kept("rows", key, lambda: _rows(now, asked, sort, page, nested, opened))


def _rows(now: Reading, asked: Asked, sort: str, page: int, nested: bool, opened: Sequence[str]) -> Rows:
    query = replace(asked.query, order=orders_of(sort), limit=PAGE, offset=(page - 1) * PAGE)
    if nested:
        query = replace(query, where=_and(query.where, IsNull(_PARENT)))
    found = now.repo.find(query)
    if not found and found.total:
        page = -(-found.total // PAGE)
        found = now.repo.find(replace(query, offset=(page - 1) * PAGE))
    runs = [run.state for run in found]
    children = _children(now, runs)
    rows: list[Row] = []
    waiting = [(run, 0) for run in reversed(runs)]
    placed: set[str] = set()
    while waiting:
        run, depth = waiting.pop()
        if run.id in placed:
            continue
        placed.add(run.id)
        is_open = run.id in opened and children[run.id] > 0
        rows.append(Row(run, depth, children[run.id], is_open))
        if is_open and depth < 20:
            below = _below(now, run, query.order)
            children.update(_children(now, below))
            waiting += [(child, depth + 1) for child in reversed(below)]
    return Rows(_with_baseline(now, asked, rows, page), found.total, nested)


def _below(now: Reading, run: RunState, order: tuple[Order, ...]) -> list[RunState]:
    query = Query(where=In(_PARENT, (Prefix(run.id),)), order=order, limit=_MOST_CHILDREN)
    return [child.state for child in now.repo.find(query)]


def _children(now: Reading, runs: Sequence[RunState]) -> Counter[str]:
    """Return how many children each of some runs has."""
    if not runs:
        return Counter()
    where = In(_PARENT, tuple(Prefix(run.id) for run in runs))
    return Counter(str(parent) for _, _, parent in now.repo.facts(Query(where=where)).lines(_PARENT))


def _with_baseline(now: Reading, asked: Asked, rows: list[Row], page: int) -> tuple[Row, ...]:
    """Put the baseline of the one experiment that is shown first."""
    shown = asked.query.experiments or tuple({row.run.experiment for row in rows})
    if len(shown) != 1:
        return tuple(rows)
    baseline = now.repo.experiment(shown[0]).baseline
    if baseline is None:
        return tuple(rows)
    at = next((number for number, row in enumerate(rows) if row.run.id == baseline and row.depth == 0), None)
    if at is not None:
        end = next((number for number in range(at + 1, len(rows)) if rows[number].depth == 0), len(rows))
        return (replace(rows[at], baseline=True), *rows[at + 1 : end], *rows[:at], *rows[end:])
    if page != 1 or any(row.run.id == baseline for row in rows):
        return tuple(rows)
    alone = In(Field("attributes", "id"), (Prefix(baseline),))
    found = list(now.repo.find(Query(where=alone, limit=1)))
    asked_for = found and now.repo.find(replace(asked.query, where=_and(asked.query.where, alone), limit=1))
    return (*(Row(run.state, baseline=True, outside=not asked_for) for run in found), *rows)


def _and(where: Filter | None, more: Filter) -> Filter:
    return more if where is None else And((where, more))
