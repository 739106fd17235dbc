"""Console output of runs as text that is safe to print."""

from __future__ import annotations

import codecs
import re

from gtrack.text import clean

__all__ = ["ConsoleText", "Shown", "last_lines"]

# ECMA-48: control sequences; operating system commands and other strings up to their terminator; two-byte escapes.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]+[0-~]|\x1b[0-Z\\^-~]")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)\Z")
_LONGEST_ESCAPE = 4096
_MARK = 4096


class ConsoleText:
    r"""Turns a stream of console bytes into clean text, piece by piece.

    Escape sequences are taken out, carriage returns become line ends, other control characters are written out. A
    sequence or character cut in two by the pieces is waited for.

    Example:
        >>> ConsoleText().feed(b"\x1b[31mred\x1b[0m")
        'red'
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Return the text that ``data`` adds."""
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        if not final:
            cut = _UNFINISHED.search(text) or re.search(r"\r\Z", text)
            if cut is not None and len(text) - cut.start() <= _LONGEST_ESCAPE:
                text, self._held = text[: cut.start()], text[cut.start() :]
        text = _ESCAPES.sub("", text)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return clean(text, lines=True)

    def finish(self) -> str:
        """Return what was waited for."""
        return self.feed(b"", final=True)


class Shown:
    r"""Remembers how far a followed output was printed, to find the rest of it in what was recorded at the end.

    A run that ends is recorded, and its live files go, possibly between two looks at them.

    Example:
        >>> shown = Shown()
        >>> shown.add(b"one\ntw")
        >>> shown.rest(b"one\ntwo\n")
        b'o\n'
    """

    def __init__(self) -> None:
        self._length = 0
        self._mark = b""
        self._line = b""

    def add(self, chunk: bytes) -> None:
        """Remember bytes as :func:`gtrack.spool.output.follow_output` yields them."""
        *lines, self._line = (self._line + chunk).split(b"\n")
        # The recorded output has of an overwritten line only what was left of it.
        folded = b"".join(line.rstrip(b"\r").rpartition(b"\r")[2] + b"\n" for line in lines)
        self._line = self._line.rpartition(b"\r")[2]
        self._length += len(folded)
        self._mark = (self._mark + folded)[-_MARK:]

    def rest(self, recorded: bytes) -> bytes:
        """Return what ``recorded`` has after that; nothing when it does not have the last lines printed."""
        at = self._length
        if recorded[max(0, at - len(self._mark)) : at] != self._mark:
            # Of long output the middle is left out, so positions are others.
            at = recorded.rfind(self._mark)
            if at < 0:
                return b""
            at += len(self._mark)
        more = recorded[at:]
        return more[len(self._line) :] if more.startswith(self._line) else b"\r" + more


def last_lines(data: bytes, count: int) -> bytes:
    """Return the last ``count`` lines; a last line without an end counts as one."""
    lines = data.split(b"\n")
    end = b"" if lines[-1] else b"\n"
    if end:
        lines.pop()
    return b"\n".join(lines[-count:]) + end if count and lines else b""
