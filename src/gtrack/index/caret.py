"""What is wrong with a filter, and the place of it: the line of the filter, and a caret below."""

from __future__ import annotations

from gtrack.errors import UsageError
from gtrack.text import clean

__all__ = ["ProblemError", "filter_error", "pointed", "usage"]

_WINDOW = 72


class ProblemError(Exception):
    """Something wrong at a place of the filter.

    Args:
        position: Where, in characters from its beginning.
        message: What.
    """

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position


def filter_error(text: str, problem: ProblemError) -> UsageError:
    """Return the error that tells the user of a problem, with its place shown."""
    begin = _line_begin(text, problem.position)
    line = f"line {text.count(chr(10), 0, begin) + 1}, " if "\n" in text.strip() else ""
    head = f"the filter, {line}column {problem.position - begin + 1}: {clean(str(problem))}"
    return usage(f"{head}\n{pointed(text, problem.position)}")


def usage(message: str) -> UsageError:
    """Return the error of a filter that is wrong as a whole."""
    return UsageError(message, hint="gtrack ls --help")


def pointed(text: str, position: int) -> str:
    """Return two lines: the filter's line that a place is on, or 72 characters of it, and a caret below the place.

    Args:
        text: The filter.
        position: The place, in characters from the beginning.
    """
    begin = _line_begin(text, position)
    line, column = text[begin:].split("\n", 1)[0], position - begin
    left = max(0, min(column - _WINDOW // 2, len(line) - _WINDOW))
    shown = "".join(char if char.isprintable() else "?" for char in line[left : left + _WINDOW])
    return f"  {shown}\n  {' ' * (column - left)}^"


def _line_begin(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1
