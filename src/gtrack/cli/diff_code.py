"""A diff of code as a terminal, a page or a pipe gets it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator

from gtrack.branch.code_diff import FileChange, diff_lines
from gtrack.branch.repository import Repository
from gtrack.cli.table import display_width
from gtrack.cli.terminal import Terminal
from gtrack.display.words import plural
from gtrack.errors import GitError
from gtrack.ops.run_code import CodeChange
from gtrack.text import clean

__all__ = ["counts", "excerpt", "fenced", "file_lines", "painted"]

_MOST_FILES = 20
_LONGEST = 400


def counts(change: CodeChange) -> str:
    """Return ``3 files changed, 10 insertions(+), 2 deletions(-)``, as git says it."""
    said = [f"{plural(len(change.files), 'file')} changed"]
    if change.added:
        said.append(f"{plural(change.added, 'insertion')}(+)")
    if change.removed:
        said.append(f"{plural(change.removed, 'deletion')}(-)")
    return ", ".join(said)


def file_lines(files: Iterable[FileChange], terminal: Terminal) -> list[str]:
    """Return a line for each file with how many lines were added and removed; a few more are counted."""
    listed = list(files)
    width = max((display_width(_name(file)) for file in listed[:_MOST_FILES]), default=0)
    lines = []
    for file in listed[:_MOST_FILES]:
        name = _name(file)
        if file.added is None or file.removed is None:
            change = "binary"
        else:
            plus, minus = terminal.style(f"+{file.added}", "green"), terminal.style(f"-{file.removed}", "red")
            change = f"{plus} {minus}"
        lines.append(f"{name}{' ' * (width - display_width(name))}  {change}")
    if len(listed) > _MOST_FILES:
        lines.append(f"... and {plural(len(listed) - _MOST_FILES, 'file')} more")
    return lines


def excerpt(repo: Repository, change: CodeChange, terminal: Terminal, limit: int) -> tuple[list[str], bool]:
    """Return the first lines of a diff, and whether there are more; without any where git fails.

    Args:
        repo: The repository.
        change: What was compared.
        terminal: What it can show.
        limit: The most lines.
    """
    if change.a is None or change.b is None:
        return [], False
    lines: list[str] = []
    with contextlib.closing(diff_lines(repo, change.a, change.b)) as pieces:
        try:
            for line in painted(_whole_lines(pieces), terminal):
                if len(lines) == limit:
                    return lines, True
                lines.append(line.rstrip("\n"))
        except GitError:
            return [], False
    return lines, False


def painted(pieces: Iterable[bytes], terminal: Terminal) -> Iterator[str]:
    """Yield a diff as text that is safe to print, coloured as git colours it.

    Args:
        pieces: Lines with their ends; a long one may come in several pieces.
        terminal: What it can show.
    """
    in_head, fresh, style = True, True, ""
    for piece in pieces:
        text = piece.decode("utf-8", "backslashreplace")
        if fresh:
            in_head = text.startswith("diff --git ") or (in_head and not text.startswith("@@"))
            style = _style(text, in_head)
        fresh = text.endswith("\n")
        # A carriage return at a line's end is shown as git shows it.
        body = text.removesuffix("\n")
        body = body[:-1] + "^M" if fresh and body.endswith("\r") else body
        yield (terminal.style(clean(body, lines=True), style) if style else clean(body, lines=True)) + "\n" * fresh


def fenced(lines: Iterable[str], language: str = "") -> list[str]:
    """Return lines as a block of code in Markdown, which nothing in them can end."""
    body = list(lines)
    longest = max((len(ticks) for line in body for ticks in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *body, fence]


def _style(line: str, in_head: bool) -> str:
    if in_head:
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines of which the long ones are cut short."""
    fresh = True
    for piece in pieces:
        begins, fresh = fresh, piece.endswith(b"\n")
        if begins:
            yield piece if fresh and len(piece) <= _LONGEST else piece[:_LONGEST].rstrip(b"\n") + b" ...\n"


def _name(file: FileChange) -> str:
    return clean(file.path if file.was is None else f"{file.was} => {file.path}")
