"""Names as a figure shows them: short, of one line, and never taken for Plotly's markup."""

from __future__ import annotations

import hashlib

from gtrack.text import clean

__all__ = ["counted", "escaped", "figure_id", "short"]

_LONGEST = 60
_NONE = "(no name)"


def short(text: object, most: int = _LONGEST) -> str:
    """Return a text as one line of at most ``most`` characters, cut in the middle, without control characters.

    Args:
        text: Anything, hostile or not.
        most: The most characters, 3 or more.

    Example:
        >>> short("resnet50-imagenet-lr0.1-seed3", 19)
        'resnet50-…0.1-seed3'
    """
    whole = str(text)
    # Cut first: nobody cleans ten thousand characters of which sixty are shown; then again, since escapes are longer.
    return _cut(clean(_cut(whole.strip(), most)), most) or _NONE


def escaped(text: object, most: int = _LONGEST) -> str:
    """Return :func:`short` for Plotly, which takes ``<b>``, ``<a href>``, ``<br>`` and ``&lt;`` in texts for markup.

    Source: ``svg_text_utils.js`` of https://github.com/plotly/plotly.js, which knows these tags and decodes entities.
    """
    return short(text, most).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def figure_id(kind: str, *names: str) -> str:
    """Return an identifier that is the same for the same names, and has nothing in it that a page could mistake."""
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kind}-{digest[:12]}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "run"), counted(1200, "run")
        ('1 run', '1,200 runs')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"
