"""What gtrack tells the user while training: a few lines on stderr, each warning once."""

from __future__ import annotations

import contextlib
import os
import sys

__all__ = ["Notices"]


class Notices:
    """Notices about one run.

    Args:
        quiet: Say nothing but warnings.
        run: The run's id.
    """

    def __init__(self, *, quiet: bool, run: str) -> None:
        self._quiet = quiet
        self._run = run
        self._told: set[str] = set()

    def say(self, text: str) -> None:
        """Print a line, unless quiet."""
        if not self._quiet:
            _print(text)

    def warn(self, text: str, *, once: str | None = None) -> None:
        """Print a warning the first time.

        Args:
            text: The sentence.
            once: What counts as the same warning; the sentence itself by default.
        """
        if (once or text) in self._told:
            return
        self._told.add(once or text)
        _print(f"warning: {text}")


def _print(text: str) -> None:
    line = "".join(c if c.isprintable() else " " for c in f"gtrack: {text}") + "\n"
    # A closed stderr is no reason to stop anybody's training.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stream = sys.stderr
        unreplaced = stream is sys.__stderr__
        stream.flush()
        if unreplaced:
            # Past the buffer: what stays in it of a broken pipe makes Python exit with 120.
            os.write(stream.fileno(), line.encode(stream.encoding, "backslashreplace"))
        else:
            stream.write(line)
            stream.flush()
