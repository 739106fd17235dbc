"""``LIKE``: text patterns with ``%`` and ``_``, in time that grows with text times pattern and no faster."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["like"]


def like(text: str, pattern: str, *, ignore_case: bool = False) -> bool:
    """Tell whether all of ``text`` has the form of a pattern: ``%`` is any text, ``_`` any one character.

    There is no escape character, as in MLflow and in SQL without an ESCAPE clause.

    Args:
        text: The text.
        pattern: The pattern.
        ignore_case: Compare in lower case (``ILIKE``).

    Example:
        >>> like("GPT-4o", "GPT%"), like("GPT-4o", "gpt-__", ignore_case=True)
        (True, True)
    """
    if ignore_case:
        text, pattern = text.lower(), pattern.lower()
    (head, _), *rest = _pieces(pattern)
    if not rest:
        return head.fullmatch(text) is not None
    *middle, (tail, length) = rest
    found = head.match(text)
    if found is None:
        return False
    position, end = found.end(), len(text) - length
    for piece, _ in middle:
        # The leftmost place leaves the most text for what follows: nothing ever has to be tried again.
        found = piece.search(text, position)
        if found is None:
            return False
        position = found.end()
    return position <= end and tail.match(text, end) is not None


@lru_cache(maxsize=256)
def _pieces(pattern: str) -> tuple[tuple[re.Pattern[str], int], ...]:
    """Return what stands between the percent signs, each with the one length of text that it matches."""
    return tuple((_piece(text), len(text)) for text in pattern.split("%"))


def _piece(text: str) -> re.Pattern[str]:
    return re.compile("".join("." if char == "_" else re.escape(char) for char in text), re.DOTALL)
