"""The functions that statements over the index call where SQL and Python would disagree about a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gtrack.index.fields import lookup
from gtrack.index.query import rank
from gtrack.index.rows import Stored, decode, encode, nearest

if TYPE_CHECKING:
    from gtrack.index.compiler import Statement

__all__ = ["functions"]


def functions(statement: Statement, *, now_us: int) -> Mapping[str, tuple[int, Callable[..., Stored]]]:
    """Return the SQL functions that a statement calls: their names, and each with the number of its arguments."""

    def test(number: int, stored: Stored) -> Stored:
        value = decode(stored)
        if value is None:
            return None
        truth = statement.tests[number].test(value, now_us=now_us)
        return None if truth is None else int(truth)

    def place(stored: Stored) -> Stored:
        found = _rank(stored)
        return None if found is None else found[0]

    def number(stored: Stored) -> Stored:
        found = _rank(stored)
        return _as_stored(found[1]) if found is not None and found[0] == 0 else None

    def letters(stored: Stored) -> Stored:
        found = _rank(stored)
        return encode(found[1]) if found is not None and found[0] == 1 else None

    return {
        "test": (2, test),
        "place": (1, place),
        "number": (1, number),
        "letters": (1, letters),
        "lookup": (2, _look),
    }


def _rank(stored: Stored) -> tuple[int, float | str] | None:
    value = decode(stored)
    return None if value is None else rank(value)


def _look(body: str, key: str) -> Stored:
    values = json.loads(body)
    found = lookup(values, key) if isinstance(values, dict) else None
    return encode(found)


def _as_stored(number: float | str) -> float:
    assert isinstance(number, int | float)
    return nearest(number)
