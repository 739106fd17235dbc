"""The tokens of a filter. What a word means depends on where it stands, so each is asked for, not found beforehand."""

from __future__ import annotations

import re
from typing import NoReturn

from gtrack.index.caret import ProblemError

__all__ = ["FIELD", "MARK", "SIGN", "VALUE", "WORD", "Token", "Tokens", "is_quoted", "unquoted"]

Token = re.Match[str]
"""What was read, and where it stood."""

_SPACE = re.compile(r"\s*")
_QUOTED = r"`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\""
FIELD = re.compile(rf"(?:[^\W\d]\w*|{_QUOTED})(?:\.(?:[\w@:/-]+|{_QUOTED}))*")
"""The name of a field, a key with anything else in it in backticks or double quotes; or of a function."""
VALUE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[\w.+:@%/-]+")
"""A literal, in quotes or bare."""
WORD = re.compile(r"\w+")
"""A word of the language."""
SIGN = re.compile(r"!?=~|[<>=]=|!=|<>|[<>=]")
"""An operator that is no word."""
MARK = re.compile(r"[(),]")
"""A parenthesis or a comma."""


class Tokens:
    """How far a text was read. Every method reads on from there, and over the white space that follows.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._skip_to(0)

    def take(self, pattern: re.Pattern[str], *allowed: str) -> Token | None:
        """Read on over what comes next and return it, if it is what is asked for.

        Args:
            pattern: What is asked for.
            allowed: Only these texts of it, in any case; all when there are none.
        """
        found = pattern.match(self.text, self.at)
        if found is None or (allowed and found[0].lower() not in allowed):
            return None
        self._skip_to(found.end())
        return found

    def need(self, expected: str, pattern: re.Pattern[str], *allowed: str) -> Token:
        """Return what comes next, as :meth:`take` does.

        Raises:
            ProblemError: It is something else than what was expected.
        """
        return self.take(pattern, *allowed) or self.fail(expected)

    def fail(self, expected: str) -> NoReturn:
        """Say what was expected here, and what there is.

        Raises:
            ProblemError: Always.
        """
        text, at = self.text, self.at
        if at == len(text):
            raise ProblemError(len(text.rstrip()), f"expected {expected}, found the end")
        if text[at] == "." and at and not text[at - 1].isspace():
            raise ProblemError(at, "expected a key after the dot: letters and digits, or anything in backticks")
        if text[at] in "'\"`" and text.count(text[at], at) % 2:
            raise ProblemError(at, f"the {text[at]} that opens here is never closed")
        found = VALUE.match(text, at)
        raise ProblemError(at, f"expected {expected}, found {found[0] if found else text[at]!r:.60}")

    def _skip_to(self, end: int) -> None:
        space = _SPACE.match(self.text, end)
        self.at = space.end() if space else end


def is_quoted(value: Token) -> bool:
    """Tell whether a literal has quotes."""
    return value[0][0] in "'\""


def unquoted(value: Token) -> str:
    """Return the text within a literal's quotes, where a doubled quote is one."""
    return value[0][1:-1].replace(value[0][0] * 2, value[0][0])
