"""A report as it is written: Markdown, and the live blocks in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING

from gtrack.errors import MissingExtraError
from gtrack.report.blocks import Block, read_block
from gtrack.report.problems import Problem
from gtrack.text import clean

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["MOST_BLOCKS", "NESTED", "TOO_MANY", "Prose", "Report", "is_block", "markdown", "parse"]

MOST_BLOCKS = 100
NESTED = "a block stands at the top level of the file, not in a list or a quotation"
TOO_MANY = f"a report has {MOST_BLOCKS} blocks at most"
_WORD = "gtrack"
_NEWLINE = re.compile(r"\r\n?")
_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown between blocks.

    Attributes:
        line: Its first line in the file, from 1.
        text: The Markdown.
    """

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        path: Its path, from the top of the repository.
        text: The whole file.
        title: Its first heading, else its path: clean text.
        parts: The Markdown and the blocks, in order.
        problems: What is wrong with the file beside its blocks.
    """

    path: str
    text: str
    title: str
    parts: tuple[Prose | Block, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, in order."""
        return tuple(part for part in self.parts if isinstance(part, Block))


@cache
def markdown() -> MarkdownIt:
    """Return what reads Markdown: CommonMark with tables and strikethrough, without HTML.

    Raises:
        MissingExtraError: markdown-it-py is not installed.
    """
    if find_spec("markdown_it") is None:
        raise MissingExtraError("markdown-it-py", "report")
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def is_block(token: Token) -> bool:
    """Tell whether a token of Markdown is a fence of ours."""
    return token.type == "fence" and token.info.split(maxsplit=1)[:1] == [_WORD]


def parse(text: str, path: str) -> Report:
    r"""Read a report.

    Args:
        text: The file.
        path: Its path, from the top of the repository.

    Raises:
        MissingExtraError: markdown-it-py is not installed.

    Example:
        >>> parse("# Results\n```gtrack\nrun: last\n```\n", "results.md").blocks[0].settings
        {'run': 'last'}
    """
    text = _NEWLINE.sub("\n", text)  # as the reader of Markdown sees it, so that its lines are ours
    tokens = markdown().parse(text)
    lines = text.split("\n")
    fences = [token for token in tokens if is_block(token) and token.map]
    parts: list[Prose | Block] = []
    problems: list[Problem] = []
    at = 0
    for token in fences:
        begin, end = token.map or (0, 0)
        if token.level:
            problems.append(Problem(path, begin + 1, NESTED))
            continue
        if sum(isinstance(part, Block) for part in parts) >= MOST_BLOCKS:
            problems.append(Problem(path, begin + 1, TOO_MANY))
            continue
        parts += _prose(lines, at, begin)
        parts.append(read_block(path, begin + 1, token.content))
        at = end
    parts += _prose(lines, at, len(lines))
    return Report(path, text, _title(tokens) or clean(path), tuple(parts), tuple(problems))


def _prose(lines: Sequence[str], begin: int, end: int) -> list[Prose]:
    text = "\n".join(lines[begin:end])
    return [Prose(begin + 1, text)] if text.strip() else []


def _title(tokens: Sequence[Token]) -> str:
    """Return the text of the first heading."""
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            shown = (child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            return clean("".join(shown).strip())[:_LONGEST_TITLE]
    return ""
