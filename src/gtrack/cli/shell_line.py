"""A command line that is still being typed: its words, the one under the cursor, and how a shell would continue it."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["BREAKS", "Line", "bash_word", "read_line"]

_PLAIN = re.compile(r"[^\w./:=@%+,-]")
_SPECIAL_IN_DOUBLE = frozenset('"$`\\!')
BREAKS = "\"'><=;|&(:"
"""Where bash begins a new word when it completes, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line up to the cursor.

    Attributes:
        words: The whole words, as the command would be given them.
        current: The word under the cursor, likewise; empty after a space.
        quote: The quote that is open, ``'``, ``"`` or nothing.
        before_quote: How much of ``current`` stands before the open quote.
        raw: The word under the cursor as it was typed.
        mixed: A quoted part of that word is closed already.
    """

    words: tuple[str, ...] = ()
    current: str = ""
    quote: str = ""
    before_quote: int = 0
    raw: str = ""
    mixed: bool = False


def read_line(text: str) -> Line:
    """Read a line as a POSIX shell splits it, without expanding anything.

    Source: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_02

    Example:
        >>> read_line("gtrack show 'my ru")
        Line(words=('gtrack', 'show'), current='my ru', quote="'", before_quote=0, raw="'my ru", mixed=False)
    """
    words: list[str] = []
    current, raw, quote, before, mixed = "", "", "", 0, False
    chars = iter(text)
    for char in chars:
        if not quote and char in " \t\n":
            if raw:
                words.append(current)
            current, raw, mixed = "", "", False
            continue
        raw += char
        if char == "\\" and quote != "'":
            following = next(chars, "")
            raw += following
            keeps = quote == '"' and following not in _SPECIAL_IN_DOUBLE
            current += (char if keeps else "") + following
        elif char == quote:
            quote, mixed = "", True
        elif not quote and char in "'\"":
            quote, before = char, len(current)
        else:
            current += char
    return Line(tuple(words), current, quote, before if quote else 0, raw, mixed)


def bash_word(line: Line, word: str, breaks: str = BREAKS) -> str | None:
    """Return what bash is to put in place of what it takes for the word under the cursor; None where that is not safe.

    Inside an open quote bash replaces what follows the quote, otherwise what follows the last of its word breaks, and
    puts in what it is given as it stands: so everything that it would read as more than a character is quoted here.

    Args:
        line: The line.
        word: The whole word that is offered.
        breaks: bash's ``COMP_WORDBREAKS``.
    """
    if line.mixed:
        return None
    if line.quote:
        rest = word[line.before_quote :]
        special = frozenset("'") if line.quote == "'" else _SPECIAL_IN_DOUBLE
        fits = word.startswith(line.current[: line.before_quote]) and not special & set(rest)
        return rest if fits else None
    kept, left = _after_break(line.raw, breaks)
    if not word.startswith(kept):
        return None
    rest = word[len(kept) :]
    escaped = _PLAIN.sub(lambda match: "\\" + match[0], rest)
    # A ~ is only special where a word begins, and nothing of the kind is offered there; - is kept for options.
    return escaped if left or not rest.startswith("~") else None


def _after_break(raw: str, breaks: str) -> tuple[str, bool]:
    """Return the text up to the last break in a word without quotes, and whether there is one."""
    kept, current, escaped = "", "", False
    for char in raw:
        if escaped or char != "\\":
            current += char
        if not escaped and char in breaks:
            kept = current
        escaped = char == "\\" and not escaped
    return kept, bool(kept)
