"""The values of a block's keys: each of one kind, and what is said where it is another."""

from __future__ import annotations

from collections.abc import Callable

from gtrack.display.ordering import split_list
from gtrack.report.problems import nearest

__all__ = ["Reader", "choices", "listed", "number", "one_or_more", "text", "text_or_nothing", "truth", "whole"]

Reader = Callable[[object], object]
"""Returns the value that is meant; raises ValueError with what is expected instead."""

_LONGEST_TEXT = 10_000
_MOST = 100


def text(value: object) -> str:
    """Return text that says something."""
    if isinstance(value, str) and value.strip():
        if len(value) > _LONGEST_TEXT:
            raise ValueError(f"text of at most {_LONGEST_TEXT:,} characters")
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("text; a name or an id of digits alone is put in quotes")
    raise ValueError("text")


def text_or_nothing(value: object) -> str | None:
    """Return text, or None where nothing is said."""
    return None if value is None or (isinstance(value, str) and not value.strip()) else text(value)


def one_or_more(value: object) -> tuple[str, ...]:
    """Return one text or a list of them as a tuple."""
    found = tuple(map(text, value if isinstance(value, list) else [value]))
    if not found or len(found) > _MOST:
        raise ValueError(f"one name or a list of them, {_MOST} at most")
    return found


def listed(value: object) -> tuple[str, ...]:
    """Return names in a list, or in one text with commas between them."""
    found = split_list(text(value)) if isinstance(value, str) else one_or_more(value)
    if not found or len(found) > _MOST:
        raise ValueError(f"names in a list, {_MOST} at most")
    return tuple(found)


def choices(*allowed: str) -> Reader:
    """Return a reader of some of a few words, each once, in the order in which they are said."""

    def read(value: object) -> tuple[str, ...]:
        found = listed(value)
        for word in found:
            if word not in allowed:
                raise ValueError(f"some of {', '.join(allowed)}: not {word!r:.60}{nearest(word, allowed)}")
        return tuple(dict.fromkeys(found))

    return read


def whole(least: int, most: int) -> Reader:
    """Return a reader of whole numbers in a range."""

    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"a whole number from {least} to {most:,}")

    return read


def number(least: float, below: float) -> Reader:
    """Return a reader of numbers from one to under another."""

    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value < below:
            return float(value)
        raise ValueError(f"a number from {least:g} to under {below:g}")

    return read


def truth(value: object) -> bool:
    """Return true or false."""
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")
