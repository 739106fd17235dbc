"""A bar on standard error that shows how far transfers have come; nothing where nobody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TextIO

from gtrack.cli.terminal import Terminal, write
from gtrack.display.words import size
from gtrack.text import clean

__all__ = ["Bar"]

_EVERY = 0.1
"""Seconds between two drawings."""
_PATIENCE = 0.4
"""Seconds before the first one: what is over by then needs none."""
_CELLS = 20
_WIDTH = 80


class Bar:
    """Draws how far transfers have come; see :class:`gtrack.store.meter.Meter`.

    Args:
        stream: Where to draw.
        terminal: What it can show; on one that nobody looks at nothing is drawn.
        quiet: Draw nothing.
        clock: Gives seconds.
    """

    def __init__(
        self, stream: TextIO, terminal: Terminal, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._terminal = terminal
        self._draws = terminal.interactive and not quiet
        self._clock = clock
        self._lock = threading.Lock()
        self._what, self._objects, self._size = "", 0, 0
        self._done, self._bytes = 0, 0
        self._began = self._next = 0.0
        self._drawn = False

    def start(self, what: str, objects: int, size: int) -> None:
        """Transfers begin."""
        with self._lock:
            self._what, self._objects, self._size = clean(what), objects, size
            self._done = self._bytes = 0
            self._began = self._clock()
            self._next = self._began + _PATIENCE

    def moved(self, count: int) -> None:
        """So many more bytes are through."""
        with self._lock:
            self._bytes += count
            self._draw()

    def finished(self) -> None:
        """One more object is through."""
        with self._lock:
            self._done += 1
            self._draw()

    def end(self) -> None:
        """Transfers are over: the line is given back."""
        with self._lock:
            if self._drawn:
                write(self._stream, "\r\x1b[K")
                self._stream.flush()
            self._drawn = False

    def _draw(self) -> None:
        now = self._clock()
        if not self._draws or now < self._next:
            return
        self._next, self._drawn = now + _EVERY, True
        write(self._stream, f"\r{self._line(now - self._began)}\x1b[K")
        self._stream.flush()

    def _line(self, seconds: float) -> str:
        share = min(1.0, self._bytes / self._size) if self._size else min(1.0, self._done / max(1, self._objects))
        full, empty = "█░" if self._terminal.unicode else "#."
        cells = round(share * _CELLS)
        speed = size(round(self._bytes / seconds)) if seconds > 0 else "-"
        text = (
            f"{full * cells}{empty * (_CELLS - cells)} {share:4.0%}  {self._done:,}/{self._objects:,} files  "
            f"{size(self._bytes)} of {size(self._size)}  {speed}/s  {self._what}"
        )
        return text[: (self._terminal.width or _WIDTH) - 1]
