"""Text that is safe to print: nothing read from a branch may command a terminal."""

from __future__ import annotations

import re

__all__ = ["clean"]

# C0, DEL, C1, line and paragraph separators, the byte-order mark, bidi marks, embeddings, overrides and isolates
# ("Trojan Source"), invisible tag characters, and lone surrogates, which no terminal's encoding can write.
_UNSAFE = (
    "\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_ONE_LINE = re.compile(f"[\x00-\x1f{_UNSAFE}]")
_MANY_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{_UNSAFE}]")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean(text: str, *, lines: bool = False) -> str:
    r"""Return ``text`` with every character that could command a terminal written out as an escape.

    Args:
        text: Anything, hostile or not.
        lines: Keep newlines and tabs, for text of several lines.

    Example:
        >>> clean("\x1b[2J")
        '\\x1b[2J'
    """
    if text.isprintable():
        return text
    return (_MANY_LINES if lines else _ONE_LINE).sub(_visible, text)
