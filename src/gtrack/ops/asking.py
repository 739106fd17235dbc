"""What somebody asks for in Python as a question to the runs: checked, so that a wrong argument is named as one."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping

from gtrack.errors import UsageError
from gtrack.index.filter import Filter, fields, parse
from gtrack.index.query import Order, Query, parse_order

__all__ = ["columns_of", "kind_of", "name_of", "question", "several"]

_KEYED = ("params", "metrics", "tags")


def question(
    where: str | Filter | None = None,
    *,
    experiment: str | Iterable[str] | None = None,
    order_by: str | Order | Iterable[str | Order] | None = None,
    max_results: int | None = None,
    deleted: bool | None = False,
) -> Query:
    """Return the question that arguments such as those of :meth:`gtrack.Repo.search` mean.

    Raises:
        UsageError: An argument is of another type, the filter or the order is not in the language, or ``max_results``
            is less than 1.

    Example:
        >>> question("metrics.val_auc > 0.88", order_by="-metrics.val_auc", max_results=5).limit
        5
    """
    if where is not None and not isinstance(where, str | Filter):
        raise UsageError(f"the filter is {kind_of(where)}, not text", hint="'metrics.val_auc > 0.88'")
    return Query(
        where=parse(where) if isinstance(where, str) else where,
        experiments=several(experiment, "experiment"),
        deleted=deleted,
        order=tuple(_order(by) for by in ([order_by] if isinstance(order_by, str | Order) else _each(order_by))),
        limit=_limit(max_results),
    )


def several(names: str | Iterable[str] | None, what: str) -> tuple[str, ...]:
    """Return one name or several as a tuple; none for None.

    Args:
        names: The names.
        what: What they are, for the error: ``experiment``, ``keys``.

    Raises:
        UsageError: They are something else.
    """
    return (names,) if isinstance(names, str) else tuple(name_of(name, what) for name in _each(names, what))


def name_of(value: object, what: str) -> str:
    """Return a name that is text.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, str):
        raise UsageError(f"{what}: expected a name, not {kind_of(value)}")
    return value


def columns_of(query: Query) -> tuple[str, ...]:
    """Return the columns of a table of runs that a question speaks of: ``metrics.val_auc``, ``params.model.depth``."""
    asked = {by.field for by in query.order} | (set() if query.where is None else fields(query.where))
    return tuple(sorted({f"{field.scope}.{field.key}" for field in asked if field.scope in _KEYED}))


def _order(by: object) -> Order:
    if isinstance(by, Order):
        return by
    if not isinstance(by, str):
        raise UsageError(f"order_by: expected a field, not {kind_of(by)}", hint="'metrics.val_auc DESC' or '-started'")
    return parse_order(by)


def _limit(count: object) -> int | None:
    if count is None:
        return None
    try:
        limit = None if isinstance(count, bool) else operator.index(count)  # type: ignore[arg-type]  # that is asked here
    except TypeError:
        limit = None
    if limit is None:
        raise UsageError(f"max_results is {kind_of(count)}, not a whole number")
    if limit < 1:
        raise UsageError(f"max_results is {limit}; it is 1 or more", hint="leave it out for all runs")
    return limit


def _each(values: object, what: str = "order_by") -> Iterable[object]:
    if values is None:
        return ()
    if not isinstance(values, Iterable) or isinstance(values, bytes | Mapping):
        raise UsageError(f"{what}: expected text, or several in a list, not {kind_of(values)}")
    return values


def kind_of(value: object) -> str:
    """Return what a value is, for an error: ``a dict``, ``an int``."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name:.60}"
