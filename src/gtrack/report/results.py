"""What the blocks of a report come to: plain data for whoever draws it. Its text is clean, and none of it is HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gtrack.plot.charts import Chart
from gtrack.text import clean

__all__ = ["Cell", "Charts", "Fact", "Grid", "Heading", "Result", "RunCard", "Section", "shortened"]

Tone = Literal["", "good", "bad", "warn", "busy", "best", "faint"]
"""What a cell's value means beside its text."""

LONGEST = 300
"""The most characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column.

    Attributes:
        text: What it says.
        right: Its cells are numbers, and stand to the right.
    """

    text: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: The value as people read it.
        value: The value itself: a number, text, true or false, or None.
        tone: What it means.
        link: Where it leads; empty for nowhere.
    """

    text: str
    value: object = None
    tone: Tone = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: of runs, or of the rows of a leaderboard.

    Attributes:
        title: The caption.
        headings: The heads of its columns.
        rows: The cells of each row.
        runs: The id of each row's run; the best of a leaderboard's row.
        lead: What it is, in a line; may be empty.
        remarks: What is to be known about it: what is left out, what is doubtful.
        baseline: The number of the baseline's row, where there is one.
    """

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    runs: tuple[str, ...] = ()
    lead: str = ""
    remarks: tuple[str, ...] = ()
    baseline: int | None = None


@dataclass(frozen=True, slots=True)
class Charts:
    """Curves.

    Attributes:
        title: The caption; empty where the metrics' names are enough.
        charts: A chart for each metric; each line says whose run it is.
        values: The last and best values, a row for each line: what a chart says to who cannot see it.
        log: The values are on a logarithmic axis.
        remarks: What is to be known about it.
    """

    title: str
    charts: tuple[Chart, ...]
    values: Grid
    log: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about a run: its name, the value as people read it, and where that leads."""

    name: str
    text: str
    tone: Tone = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of what is known about a run.

    Attributes:
        title: What it is about.
        facts: Names and values.
        grid: A table, where it has columns.
        text: Text of several lines, as it is.
        note: What is to be known about it.
    """

    title: str
    facts: tuple[Fact, ...] = ()
    grid: Grid | None = None
    text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunCard:
    """One run.

    Attributes:
        title: The caption; empty where the name is enough.
        id: Its id.
        name: Its name.
        status: Its status.
        tone: What that means.
        facts: When, how long, by whom.
        sections: What was asked for, as far as there is something.
    """

    title: str
    id: str
    name: str
    status: str
    tone: Tone
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...] = field(default=())


Result = Grid | Charts | RunCard


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return text in one clean line of a bounded length.

    Example:
        >>> shortened("a" * 400, 3)
        'aa…'
    """
    line = clean(text[: 2 * longest])
    return line if len(line) <= longest else line[: longest - 1] + "…"


def listed(words: Sequence[str], most: int = 5) -> str:
    """Return words with commas between them, the first few of many."""
    return ", ".join(words[:most]) + (" ..." if len(words) > most else "")
