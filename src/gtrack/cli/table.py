"""Aligned columns that fit a width, without a library: a rich table alone takes 56 ms to import."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from gtrack.cli.terminal import Terminal

__all__ = ["Heading", "display_width", "render_table"]

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column, and how the column gives way when there is no room.

    Attributes:
        text: What stands above it.
        right: Align to the right, as numbers are.
        shrinks_to: The least width it may be cut to; None when it is never cut.
        drop: Columns with a higher number are left out first; 0 is never left out.
    """

    text: str
    right: bool = False
    shrinks_to: int | None = None
    drop: int = 0


def display_width(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_width(char) for char in text)


def render_table(
    headings: Sequence[Heading],
    rows: Sequence[Sequence[str]],
    terminal: Terminal,
    styles: Sequence[Sequence[Sequence[str]]] | None = None,
) -> tuple[list[str], list[str]]:
    """Return the lines of a table, and the headings of the columns that did not fit.

    Args:
        headings: One per column.
        rows: Cells of clean text, one row per line.
        terminal: Its width is kept to, where it has one.
        styles: The style names of each cell, if any.
    """
    natural = [
        max([display_width(heading.text), *(display_width(row[i]) for row in rows)])
        for i, heading in enumerate(headings)
    ]
    shown, widths = _fit(headings, natural, terminal.width)
    lines = [_line([headings[i] for i in shown], [headings[i].text for i in shown], widths, terminal, _HEAD)]
    for number, row in enumerate(rows):
        style = [styles[number][i] for i in shown] if styles else ()
        lines.append(_line([headings[i] for i in shown], [row[i] for i in shown], widths, terminal, style))
    return lines, [heading.text for i, heading in enumerate(headings) if i not in shown]


_HEAD = ("bold",)


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _fit(headings: Sequence[Heading], natural: list[int], width: int | None) -> tuple[list[int], list[int]]:
    shown = list(range(len(headings)))
    if width is None:
        return shown, natural
    least = [w if h.shrinks_to is None else min(w, h.shrinks_to) for h, w in zip(headings, natural, strict=True)]

    def total(widths: list[int]) -> int:
        return sum(widths[i] for i in shown) + len(_GAP) * (len(shown) - 1)

    while total(least) > width:
        droppable = [i for i in shown if headings[i].drop]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda i: (headings[i].drop, i)))
    widths = list(natural)
    while total(widths) > width:
        wide = [i for i in shown if widths[i] > least[i]]
        if not wide:
            break
        widths[max(wide, key=lambda i: widths[i])] -= 1
    return shown, [widths[i] for i in shown]


def _line(
    headings: Sequence[Heading],
    cells: Sequence[str],
    widths: Sequence[int],
    terminal: Terminal,
    styles: Sequence[Sequence[str] | str],
) -> str:
    out = []
    for i, (heading, cell, width) in enumerate(zip(headings, cells, widths, strict=True)):
        text = _shortened(cell, width, terminal)
        pad = " " * (width - display_width(text))
        style = _HEAD if styles is _HEAD else (styles[i] if styles else ())
        styled = terminal.style(text, *style)
        out.append(pad + styled if heading.right else styled + pad)
    return _GAP.join(out).rstrip()


def _shortened(text: str, width: int, terminal: Terminal) -> str:
    if display_width(text) <= width:
        return text
    mark = "…" if terminal.unicode else "~"
    kept, used = [], 1
    for char in text:
        used += _width(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept) + mark
