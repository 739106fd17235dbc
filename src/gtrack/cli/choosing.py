"""Which columns a listing shows: those named by ``--columns``, and of them those that tell runs apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TypeVar

from gtrack.cli.columns import RunColumn, field_column
from gtrack.cli.output import Column
from gtrack.display.keys import SCOPES, Keys
from gtrack.display.ordering import split_list
from gtrack.display.words import value_text
from gtrack.errors import UsageError
from gtrack.index.fields import ATTRIBUTES, Field
from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.text import clean

__all__ = ["choose_columns", "only_changed", "unique_headings"]

T = TypeVar("T")

_SCOPES = ("metrics", "params", "tags", "code", "environment", "seed", "error")
_KEPT = ("id", "name")
_GLOB = frozenset("*?[")


def choose_columns(
    texts: Iterable[str],
    runs: Sequence[RunState],
    base: Sequence[RunColumn],
    keys: Keys,
    goal: Callable[[str], Goal | None],
    now_us: int,
) -> list[RunColumn]:
    """Return the columns that were asked for, each once, in that order; those that a pattern finds sorted by name.

    Args:
        texts: Each one or several names and patterns, by commas: ``name``, ``params.*``, ``max(metrics.loss)``.
        runs: The runs that are listed: what a pattern finds is what one of them has.
        base: The columns every listing starts with.
        keys: The keys there are.
        goal: Which way a metric is better, where known: a bare metric with a declared goal is shown as its best, as in
            any listing, and by ``metrics.`` in front as its last value.
        now_us: The present, microseconds since the epoch.

    Raises:
        UsageError: No run has such a thing; the message names near misses.
    """
    usual = {column.name: column for column in base}
    chosen: dict[str, RunColumn] = {}
    for item in (item for text in texts for item in split_list(text)):
        if item in usual:
            chosen.setdefault(item, usual[item])
            continue
        for field in _matching(item, runs) if _GLOB & set(item) else [_named(item, keys, goal)]:
            name = str(field)
            chosen.setdefault(name, usual[name] if name in usual else field_column(field, now_us))
    if not chosen:
        raise UsageError("no run here has anything of that name", hint="--columns id,name,'params.*','metrics.*'")
    return unique_headings(list(chosen.values()))


def only_changed(columns: Sequence[Column[T]], records: Sequence[T]) -> tuple[list[Column[T]], list[str]]:
    """Return the columns in which records differ, and what is the same in all, as ``params.model=xgb``.

    Id and name stay, and so does every column where there are fewer than two records.
    """
    if len(records) < 2:
        return list(columns), []
    changed, same = [], []
    for column in columns:
        values = {_comparable(column.value(record)) for record in records}
        if len(values) > 1 or column.name in _KEPT:
            changed.append(column)
        elif values != {"None"}:
            same.append(f"{clean(column.name)}={value_text(column.value(records[0]))}")
    return changed or list(columns[:1]), same


def unique_headings(columns: Sequence[RunColumn]) -> list[RunColumn]:
    """Return columns of which no two have one heading: those that had are headed by their whole names."""
    count = Counter(column.heading.text for column in columns)
    return [
        replace(column, heading=replace(column.heading, text=clean(column.name)))
        if count[column.heading.text] > 1
        else column
        for column in columns
    ]


def _named(name: str, keys: Keys, goal: Callable[[str], Goal | None]) -> Field:
    field = keys.resolve(name, "--columns")
    known = goal(field.key) if field == Field("metrics", name) else None
    return replace(field, aggregate=known.direction) if known is not None and known.declared else field


def _matching(pattern: str, runs: Sequence[RunState]) -> list[Field]:
    """Return the fields with a value in one of the runs that a pattern such as ``params.model.*`` finds, by name."""
    scope, dot, key = pattern.partition(".")
    if not dot:
        attributes = [Field("attributes", name) for name in ATTRIBUTES if fnmatchcase(name, pattern)]
        return [field for field in attributes if any(field.values(run) for run in runs)]
    if scope not in _SCOPES:
        raise UsageError(f"a pattern begins with {', '.join(f'{name}.' for name in SCOPES)}: not {pattern!r:.80}")
    found = {name for run in runs for name in _names(run, scope) if fnmatchcase(name, key)}
    return [Field(scope, name) for name in sorted(found)]


def _names(run: RunState, scope: str) -> Iterable[str]:
    if scope == "metrics":
        return run.metrics
    return (key for key, value in flatten(_MAPS[scope](run)) if value is not None)


_MAPS: dict[str, Callable[[RunState], dict[str, object]]] = {
    "params": lambda run: dict(run.params),
    "tags": lambda run: dict(run.tags),
    "code": lambda run: dict(run.code),
    "environment": lambda run: dict(run.environment),
    "seed": lambda run: dict(run.seed),
    "error": lambda run: dict(run.error or {}),
}


def _comparable(value: object) -> str:
    """Return a value as text in which equal numbers are equal and a number is not the text that writes it."""
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
