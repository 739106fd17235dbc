"""The colours of runs: the same in the terminal, on a page and in a picture, and told apart by everybody."""

from __future__ import annotations

__all__ = ["COLOURS", "FOREGROUND", "colour", "dash", "xterm"]

FOREGROUND = "currentColor"
"""The colour of text, which goes with any background."""

COLOURS = (
    ("#0072B2", 25),
    ("#D55E00", 166),
    ("#009E73", 36),
    ("#E69F00", 178),
    ("#CC79A7", 175),
    ("#56B4E9", 74),
    (FOREGROUND, None),
    ("#999999", 246),
)
"""Okabe and Ito's palette (https://jfly.uni-koeln.de/color/) and the nearest of a terminal's 256 colours.

Its yellow, which white paper swallows, is grey here; its black is the colour of text.
"""


def colour(number: int) -> str:
    """Return the colour of the run with a number: ``#rrggbb``, or :data:`FOREGROUND`."""
    return COLOURS[number % len(COLOURS)][0]


def xterm(number: int) -> int | None:
    """Return the number of the run's colour among a terminal's 256; None for the terminal's own."""
    return COLOURS[number % len(COLOURS)][1]


def dash(number: int) -> tuple[int, ...]:
    """Return the lengths of strokes and gaps of a run's line, in pixels: where colours come again, these differ."""
    return ((), (6, 3), (2, 2), (8, 3, 2, 3))[number // len(COLOURS) % 4]
