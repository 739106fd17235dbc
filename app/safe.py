"""Text of a run where Streamlit would read Markdown."""

from __future__ import annotations

import re

from gtrack.text import clean

__all__ = ["cell", "markdown"]

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_LONGEST = 500
# GitHub's Markdown makes links of bare addresses, and looks for them after escapes are undone: a word joiner, which is
# invisible, keeps such a text from being one.
_ADDRESS = re.compile(r"(?i)(https?(?=://)|www(?=\.)|(?<=[\w.+-])(?=@)|mailto(?=:)|xmpp(?=:))")
_JOINER = "\u2060"


def cell(text: object, most: int = _LONGEST) -> str:
    """Return a text as one safe line of at most so many characters, cut in the middle: both ends tell things apart."""
    line = clean(str(text))
    if len(line) <= most:
        return line
    ahead = (most - 1) * 2 // 3
    return f"{line[:ahead]}…{line[len(line) - (most - 1 - ahead) :]}"


def markdown(text: object, most: int = _LONGEST) -> str:
    r"""Return a text such that Markdown shows it as it is: no link, no image, no colour, no formula.

    Example:
        >>> markdown("[a](javascript:b)")
        '\\\\[a\\\\]\\\\(javascript\\\\:b\\\\)'
    """
    return _PUNCTUATION.sub(r"\\\1", _ADDRESS.sub(rf"\1{_JOINER}", cell(text, most)))
