"""Settings from a saved view or a link, which anybody may have written: what is not expected is refused by name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from gtrack._app.charts.text import short
from gtrack.errors import UsageError

__all__ = ["check", "number", "one_of", "read_settings", "text", "texts", "truth"]

MOST_TEXT = 1_000
MOST_TEXTS = 200
T = TypeVar("T")


def read_settings(kind: type[T], values: object, what: str) -> T:
    """Return a dataclass from a mapping; what it lacks has its default.

    Args:
        kind: The dataclass; its ``__post_init__`` checks the values.
        values: The mapping, not to be trusted.
        what: What it is, for messages.

    Raises:
        UsageError: It is no mapping, or has a key that the class does not; or a value is refused.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"{what}: expected names and values, not {type(values).__name__}")
    names = [field.name for field in dataclasses.fields(kind) if field.init]  # type: ignore[arg-type]  # as was said
    for key in values:
        if key not in names:
            close = get_close_matches(str(key)[:100], names, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
            raise UsageError(f"{what}: unknown setting {short(key)!r}", hint=hint)
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return kind(**given)


def check(condition: bool, what: str, name: str, value: object, expected: str) -> None:
    """Refuse a value unless the condition holds.

    Raises:
        UsageError: It does not; the message names the setting, what it is and what is expected.
    """
    if not condition:
        raise UsageError(f"{what}: {name} is {short(repr(value), 40)}, expected {expected}")


def text(what: str, name: str, value: object) -> None:
    """Refuse what is no text of a reasonable length."""
    check(
        isinstance(value, str) and len(value) <= MOST_TEXT, what, name, value, f"text of up to {MOST_TEXT:,} characters"
    )


def texts(what: str, name: str, value: object) -> None:
    """Refuse what is no short list of texts."""
    good = isinstance(value, tuple) and len(value) <= MOST_TEXTS
    good = good and all(isinstance(item, str) and len(item) <= MOST_TEXT for item in value)  # type: ignore[attr-defined]
    check(good, what, name, value, f"a list of up to {MOST_TEXTS} names")


def truth(what: str, name: str, value: object) -> None:
    """Refuse what is neither true nor false."""
    check(isinstance(value, bool), what, name, value, "true or false")


def number(what: str, name: str, value: object, good: Callable[[float], bool], expected: str) -> None:
    """Refuse what is no finite number, or not a good one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    check(is_number and math.isfinite(value) and good(value), what, name, value, expected)  # type: ignore[arg-type]


def one_of(what: str, name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse what is not among a few words."""
    words = ", ".join(word or "nothing" for word in allowed)
    check(isinstance(value, str) and value in allowed, what, name, value, f"one of {words}")
