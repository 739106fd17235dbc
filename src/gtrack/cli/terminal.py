"""What a stream can show, and writing to it safely."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

__all__ = ["Terminal", "write"]

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a stream can show.

    Attributes:
        interactive: A person looks at it.
        width: Columns to fit in, or None when it does not matter.
        colour: Whether colours are wanted.
        unicode: Whether it can show more than ASCII.
    """

    interactive: bool = False
    width: int | None = None
    colour: bool = False
    unicode: bool = True

    @classmethod
    def of(cls, stream: TextIO, env: Mapping[str, str]) -> Terminal:
        """Tell what ``stream`` can show.

        ``NO_COLOR`` (https://no-color.org) and ``TERM=dumb`` turn colours off; ``COLUMNS`` sets the width.
        """
        interactive = stream.isatty()
        columns = env.get("COLUMNS", "")
        width = None
        if columns.isdecimal() and int(columns) > 0:
            width = int(columns)
        elif interactive:
            width = shutil.get_terminal_size().columns
        plain = env.get("NO_COLOR", "") != "" or env.get("TERM") == "dumb"
        encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
        return cls(interactive, width, interactive and not plain, encoding.startswith("utf"))

    def style(self, text: str, *names: str) -> str:
        """Return ``text`` in a style, where colours are wanted."""
        if not self.colour or not text or not names:
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"


def write(stream: TextIO, text: str) -> None:
    """Write text, with what the stream's encoding lacks shown as escapes instead of failing."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    stream.write(text)
