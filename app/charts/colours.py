"""The colours of runs and groups: each follows from the id, so that a run looks alike on every page and machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from gtrack.plot.palette import FOREGROUND

__all__ = ["COLOURS", "FOREGROUND", "MISSING", "SCALE", "Ink", "inks"]

COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#A068F8", "#A84078", "#007800", "#00A0D0", "#187870", "#C82030"),
    *("#A038C0", "#869E00", "#F84870", "#3860E8", "#D050C8", "#806048", "#B07868", "#608898", "#808030", "#1888E8"),
)
"""Twenty colours.

The first four are of Okabe and Ito's palette (https://jfly.uni-koeln.de/color/); each further one is, of all that have
a contrast of 3 with white as well as with nearly black paper, the farthest from those before it in OKLab
(https://bottosson.github.io/posts/oklab/), to usual eyes and to eyes without red or green cones (Machado et al., 2009,
https://doi.org/10.1109/TVCG.2009.113).
"""

SCALE: tuple[tuple[float, str], ...] = (
    *((0.0, "#5A50C8"), (0.25, "#2F7FC1"), (0.5, "#159A8C"), (0.75, "#7F9A1E"), (1.0, "#E08A00")),
)
"""Colours of numbers from low to high: of rising lightness, none of which white or dark paper swallows."""

MISSING = "#8C8C8C"
"""The colour of what has no value."""

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


@dataclass(frozen=True, slots=True)
class Ink:
    """How a line is drawn.

    Attributes:
        colour: ``#rrggbb``.
        dash: One of Plotly's patterns: where colours come again, these differ.
    """

    colour: str
    dash: str = "solid"


def inks(names: Iterable[str]) -> dict[str, Ink]:
    """Return the colours of runs by their ids, or of groups by their names.

    Each has the colour that its digest picks; where that is taken by one before it, the next free one. So a run keeps
    its colour whatever else is shown, unless an older one of those shown has the same first choice.

    Args:
        names: Ids or names; those of runs in the order of their start, so that a new run takes no other's colour.

    Example:
        >>> inks(["3f2a9c1d7b6e4a508c2f9e0d1a7b3c55"])
        {'3f2a9c1d7b6e4a508c2f9e0d1a7b3c55': Ink(colour='#00A0D0', dash='solid')}
    """
    found: dict[str, Ink] = {}
    taken: set[int] = set()
    for name in dict.fromkeys(names):
        if len(taken) == len(COLOURS):
            taken.clear()
        slot = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:4]) % len(COLOURS)
        while slot in taken:
            slot = (slot + 1) % len(COLOURS)
        taken.add(slot)
        found[name] = Ink(COLOURS[slot], _DASHES[len(found) // len(COLOURS) % len(_DASHES)])
    return found
