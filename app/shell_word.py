"""A text as one word of a shell's command line, safe to look at and to paste."""

from __future__ import annotations

import shlex

__all__ = ["shell_word"]


def shell_word(text: str) -> str:
    r"""Return a text as a word of bash and zsh, in which nothing can command the terminal that it is pasted into.

    Example:
        >>> shell_word("val_auc"), shell_word("my run"), shell_word("a\x1b[2J")
        ('val_auc', "'my run'", "$'a\\x1b[2J'")
    """
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(char: str) -> str:
    if char in "'\\":
        return f"\\{char}"
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
