"""What is wrong with a block of a report, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gtrack.errors import FormatError, GtrackError
from gtrack.text import clean

__all__ = ["BlockError", "Problem", "blaming", "nearest"]

_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, to be shown in the block's place.

    Attributes:
        path: The report's path, from the top of the repository.
        line: The line, from 1.
        message: What is wrong; several lines where a filter's place is shown. Clean text.
        hint: What would be right; may be empty.
    """

    path: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"

    def to_dict(self) -> dict[str, object]:
        """Return the problem as a map."""
        return {"path": self.path, "line": self.line, "message": self.message, "hint": self.hint}


class BlockError(Exception):
    """A block says something wrong.

    Args:
        message: What.
        hint: What would be right.
        key: The key of the block that says it; the block as a whole without one.
        line: The line of the file, where it is known better than by the key.
    """

    def __init__(self, message: str, hint: str = "", *, key: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.message = clean(message, lines=True)[:_LONGEST]
        self.hint = clean(hint)[:_LONGEST]
        self.key = key
        self.line = line

    @classmethod
    def of(cls, error: GtrackError, key: str) -> BlockError:
        """Return what the command line would say of a key's value, in the words of a block."""
        hint = (error.hint or "").replace("--columns ", "columns: ").replace("--sort ", "sort: ")
        return cls(error.message, hint, key=key)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'columns'?`` where one of the known words comes near; else nothing."""
    close = difflib.get_close_matches(word[:100], list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


@contextmanager
def blaming(key: str) -> Iterator[None]:
    """Let what goes wrong inside be the fault of a key of the block."""
    try:
        yield
    except FormatError:
        raise
    except GtrackError as error:
        raise BlockError.of(error, key) from None
