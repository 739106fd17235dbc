"""Console output as numbered lines, searched: pure text, whatever a program wrote."""

from __future__ import annotations

from dataclasses import dataclass

from gtrack.display.console import ConsoleText

__all__ = ["Console", "Found", "console_of", "found_in"]

_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Console:
    """What a run printed.

    Attributes:
        lines: Its lines, without colours and other commands to a terminal.
        size: How many bytes were kept.
    """

    lines: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The lines to show.

    Attributes:
        lines: The number of each from 1, and its text.
        matching: How many of all lines match, whether they are shown or not.
        above: How many lines are left out before the first.
    """

    lines: tuple[tuple[int, str], ...]
    matching: int = 0
    above: int = 0


def console_of(data: bytes) -> Console:
    r"""Return output as lines.

    Args:
        data: The bytes as a program wrote them.

    Example:
        >>> console_of(b"\x1b[31mepoch 1\x1b[0m\nepoch 2\n").lines
        ('epoch 1', 'epoch 2')
    """
    text = ConsoleText().feed(data, final=True)
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return Console(tuple(line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …" for line in lines), len(data))


def found_in(console: Console, search: str = "", *, last: int = 0, matches: bool = False) -> Found:
    """Return the last lines, or the last of those in which a text is found, capitals or not.

    Args:
        console: The output.
        search: What is looked for; nothing when empty.
        last: The most lines; 0 for all.
        matches: Only the lines in which it is found.
    """
    wanted = search.casefold()
    hits = [number for number, line in enumerate(console.lines) if wanted and wanted in line.casefold()]
    numbers = hits if matches and wanted else list(range(len(console.lines)))
    shown = numbers[-last:] if last else numbers
    return Found(tuple((number + 1, console.lines[number]) for number in shown), len(hits), len(numbers) - len(shown))
