"""A drawing made of characters: eight braille dots a cell, or one character where a terminal has no more than ASCII.

Of the libraries for it, plotille fails on NaN and has no ASCII; uniplot has four dots a cell, few labels, and tells
lines apart by colour alone; plotext takes 0.15 s to import, and its sixth version has another interface than its fifth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

__all__ = ["Canvas", "Paint", "glyph"]

Paint = Callable[[str, int], str]
"""Gives text the colour of the run with a number."""

Point = tuple[float, float]

# The bits of a braille pattern's dots, by row and column (https://www.unicode.org/charts/PDF/U2800.pdf).
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LETTERS = "abcdefghijklmnopqrstuvwyz"
_ASCII = "*+ox#@%&" + _LETTERS.replace("o", "")
_MARKS = "●▲■◆○△□◇" + _LETTERS


def glyph(ink: int, *, unicode: bool) -> str:
    """Return the character that marks an ink where there are no colours."""
    marks = _MARKS if unicode else _ASCII
    return marks[ink % len(marks)]


class Canvas:
    """A canvas of cells, on which later inks cover earlier ones.

    Args:
        columns: Its width in cells.
        rows: Its height in cells.
        unicode: Draw with braille dots, eight a cell.

    Example:
        >>> canvas = Canvas(4, 1, unicode=True)
        >>> canvas.line([(0.0, 0.0), (1.0, 1.0)], 0)
        >>> canvas.lines(lambda text, ink: text)
        ['⣀⠤⠒⠉']
    """

    def __init__(self, columns: int, rows: int, *, unicode: bool) -> None:
        self.columns = columns
        self.rows = rows
        self._unicode = unicode
        self._across, self._down = (2, 4) if unicode else (1, 1)
        self.width = columns * self._across
        self.height = rows * self._down
        self._dots: dict[tuple[int, int], int] = {}
        self._ink: dict[tuple[int, int], int] = {}
        self._marks: dict[tuple[int, int], str] = {}

    def line(self, points: Iterable[Point], ink: int, *, dotted: bool = False) -> list[tuple[int, int]]:
        """Draw a line through points; it is broken where one is not finite.

        Args:
            points: Across and up, each from 0 to 1; what lies beyond is not drawn.
            ink: The line's ink, 0 or more.
            dotted: Draw only the points.

        Returns:
            The cells of the points that were drawn, as column and row.
        """
        before: tuple[int, int] | None = None
        cells = []
        for x, y in points:
            if not (0 <= x <= 1 and 0 <= y <= 1):  # nor is NaN
                before = None
                continue
            here = math.floor(x * (self.width - 1) + 0.5), math.floor((1 - y) * (self.height - 1) + 0.5)
            self._segment(here if before is None or dotted else before, here, ink)
            before = here
            cells.append((here[0] // self._across, here[1] // self._down))
        return cells

    def mark(self, column: int, row: int, text: str, ink: int) -> None:
        """Put a character on a cell, above what is drawn there."""
        self._marks[column, row] = text
        self._ink[column, row] = ink

    def lines(self, paint: Paint) -> list[str]:
        """Return the drawing, a text a row."""
        return [self._row(row, paint) for row in range(self.rows)]

    def _segment(self, start: tuple[int, int], end: tuple[int, int], ink: int) -> None:
        """Set the dots from one to another: one in each column, or row where it is steeper than that."""
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for number in range(steps + 1):
            x, y = x0 + (x1 - x0) * number / steps, y0 + (y1 - y0) * number / steps
            self._dot(math.floor(x + 0.5), math.floor(y + 0.5), ink)

    def _dot(self, x: int, y: int, ink: int) -> None:
        cell = x // self._across, y // self._down
        bit = _BITS[y % self._down][x % self._across]
        self._dots[cell] = self._dots.get(cell, 0) | bit
        self._ink[cell] = ink

    def _row(self, row: int, paint: Paint) -> str:
        """Return a row; neighbours of one ink are painted together."""
        out: list[str] = []
        run, ink = "", -1
        for column in range(self.columns):
            text = self._cell(column, row)
            own = self._ink.get((column, row), -1) if text != " " else ink
            if own != ink and run:
                out.append(paint(run, ink) if ink >= 0 else run)
                run = ""
            ink = own
            run += text
        kept = run.rstrip()
        return "".join(out) + (paint(kept, ink) if ink >= 0 and kept else kept)

    def _cell(self, column: int, row: int) -> str:
        cell = column, row
        if cell in self._marks:
            return self._marks[cell]
        if cell not in self._dots:
            return " "
        return chr(0x2800 + self._dots[cell]) if self._unicode else glyph(self._ink[cell], unicode=False)
