"""What ``--sort`` means: fields of the filter language, or the bare names of facts, metrics, params and tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from gtrack.display.keys import Keys
from gtrack.errors import UsageError
from gtrack.index.fields import ATTRIBUTES, Field
from gtrack.index.query import Order
from gtrack.model.goal import Goal

__all__ = ["falls", "read_orders", "split_list"]

_LARGEST_FIRST = ("started", "ended", "duration")
_DIRECTION = re.compile(r"\s*(-?)\s*(.*?)(?:\s+(ASC|DESC))?\s*\Z", re.IGNORECASE | re.DOTALL)
_ITEM = re.compile(r"(?:`[^`]*`|\"[^\"]*\"|\([^)]*\)|[^,])+")


def read_orders(
    texts: Iterable[str], keys: Keys, goal: Callable[[str], Goal | None], *, reverse: bool = False
) -> tuple[Order, ...]:
    """Return what to sort by.

    A field of the filter language rises, and falls with ``-`` in front, as in ``search_runs``. Bare names stand for the
    order people want: times with the latest first, metrics with the best first (by their best value where a goal was
    declared; without any goal the largest first), params and text from the smallest.

    Args:
        texts: Each one or several names, separated by commas.
        keys: The keys there are.
        goal: Which way a metric is better, where known.
        reverse: The other way round.

    Raises:
        UsageError: No run has such a thing; the message names near misses.
    """
    orders = [_order(item, keys, goal) for text in texts for item in split_list(text)]
    return tuple(Order(by.field, by.descending != reverse) for by in orders)


def split_list(text: str) -> list[str]:
    """Return what commas separate, those in quotes, backticks and parentheses apart.

    Example:
        >>> split_list('name, params."a,b",max(metrics.x)')
        ['name', 'params."a,b"', 'max(metrics.x)']
    """
    return [item.strip() for item in _ITEM.findall(text) if item.strip()]


def _order(text: str, keys: Keys, goal: Callable[[str], Goal | None]) -> Order:
    match = _DIRECTION.match(text)
    assert match is not None  # every part of it may be empty
    minus, name, word = match.groups()
    field = keys.resolve(name, "--sort")
    if field.scope == "datasets":
        raise UsageError("a run can have several datasets: cannot sort by them")
    falling, told = False, bool(minus or word)
    if _is_bare(name, field):
        field, falling = _usual(field, goal)
    return Order(field, (bool(minus) != ((word or "").upper() == "DESC")) if told else falling)


def _is_bare(name: str, field: Field) -> bool:
    return field.key == name or (field.scope == "attributes" and name in ATTRIBUTES)


def _usual(field: Field, goal: Callable[[str], Goal | None]) -> tuple[Field, bool]:
    """Return what is meant by a bare name, and whether it falls."""
    known = goal(field.key) if field.scope == "metrics" else None
    if known is None:
        return field, falls(field, goal)
    return Field("metrics", field.key, known.direction if known.declared else "last"), known.direction == "max"


def falls(field: Field, goal: Callable[[str], Goal | None]) -> bool:
    """Tell whether people want a field's largest values first: the latest, the best; of the rest the smallest.

    Args:
        field: The field.
        goal: Which way a metric is better, where known; without any goal the largest values come first.
    """
    if field.scope == "metrics":
        known = goal(field.key)
        return known is None or known.direction == "max"
    return field.scope == "attributes" and field.key in _LARGEST_FIRST
