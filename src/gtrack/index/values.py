"""How a run's value compares with a literal: numbers with numbers, text with text, times with times."""

from __future__ import annotations

import math

from gtrack.index.fields import Value
from gtrack.index.literals import Ago, Literal, Moment, Prefix, number_of

__all__ = ["equal", "order", "text_of"]


def equal(value: Value, literal: Literal, *, now_us: int) -> bool:
    """Tell whether a value is what the literal says.

    A number in quotes equals the number, a number equals a text that writes it in full (params imported from MLflow
    are text), true equals ``'true'`` in any case, a prefix equals every id that begins with it, and NaN equals NaN.

    Args:
        value: The run's value.
        literal: What it is compared with.
        now_us: The present, in microseconds since the epoch.
    """
    match literal:
        case Prefix():
            return isinstance(value, str) and value.startswith(literal.hex)
        case bool():
            return str(value).lower() == str(literal).lower() if isinstance(value, bool | str) else False
        case str() if isinstance(value, str):
            return value == literal
        case str() if isinstance(value, bool):
            return literal.lower() == str(value).lower()
        case str() | int() | float():
            left, right = number_of(value), number_of(literal)
            return left is not None and right is not None and (left == right or (_nan(left) and _nan(right)))
    return order(value, literal, now_us=now_us) == 0


def order(value: Value, literal: Literal, *, now_us: int) -> int | None:
    """Return where a value stands to a literal: below zero before it, 0 beside it, above zero after it.

    None when the two have no order: a number and a text that is none, a truth value, NaN.

    Args:
        value: The run's value.
        literal: What it is compared with.
        now_us: The present, in microseconds since the epoch.
    """
    if isinstance(literal, Ago):
        literal = Moment(now_us - literal.us, 1)
    if isinstance(literal, Moment):
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return -1 if value < literal.start else int(value >= literal.start + literal.length)
    if isinstance(literal, Prefix):
        literal = literal.hex
    if isinstance(literal, str) and isinstance(value, str):
        return (value > literal) - (value < literal)
    left, right = number_of(value), number_of(literal)
    if left is None or right is None or _nan(left) or _nan(right):
        return None
    return (left > right) - (left < right)


def text_of(value: Value) -> str:
    """Return a value as the text that ``LIKE`` and ``REGEXP`` look at."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nan(number: float) -> bool:
    return isinstance(number, float) and math.isnan(number)
