"""The live blocks of a report: what each kind may say, and reading it strictly.

A block is a fenced code block whose info string begins with ``gtrack``, with YAML inside. Its first key is its kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gtrack.errors import ParseError
from gtrack.format import yaml
from gtrack.report.problems import BlockError, Problem, nearest
from gtrack.report.values import (
    Reader,
    choices,
    listed,
    number,
    one_or_more,
    text,
    text_or_nothing,
    truth,
    whole,
)

__all__ = ["KINDS", "SHOWN", "Block", "read_block"]

SHOWN = ("params", "metrics", "code", "tags", "notes", "data", "environment", "seed", "artifacts")
"""What a run's block can show."""
_MOST_LINES = 500
_KEY = re.compile(r"\s*[\"']?([A-Za-z_][\w-]*)[\"']?\s*:")

KINDS: Mapping[str, Mapping[str, Reader]] = MappingProxyType(
    {
        "table": {
            "table": text_or_nothing,
            "experiment": one_or_more,
            "columns": listed,
            "sort": listed,
            "limit": whole(1, 500),
            "title": text,
        },
        "chart": {
            "chart": one_or_more,
            "where": text,
            "experiment": one_or_more,
            "runs": one_or_more,
            "limit": whole(1, 50),
            "x": text,
            "smoothing": number(0, 1),
            "log": truth,
            "title": text,
        },
        "run": {"run": text, "show": choices(*SHOWN), "title": text},
        "leaderboard": {
            "leaderboard": text,
            "metric": text,
            "where": text,
            "group_by": listed,
            "min_runs": whole(1, 1_000),
            "single": truth,
            "unfinished": truth,
            "limit": whole(1, 500),
            "title": text,
        },
    }
)
"""Every kind of block with the keys that it takes, its own first."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block as it is asked.

    Attributes:
        path: The report's path, from the top of the repository.
        line: The line of its fence, from 1.
        source: What is between the fences.
        kind: One of :data:`KINDS`; empty where it is none.
        settings: The values of its keys.
        lines: The line of each key.
        problem: What is wrong with it, where something is; then it cannot be answered.
    """

    path: str
    line: int
    source: str
    kind: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problem: Problem | None = None

    def problem_of(self, error: BlockError) -> Problem:
        """Return an error as a problem at its place in the file."""
        line = error.line or self.lines.get(error.key, self.line)
        return Problem(self.path, line, error.message, error.hint)


def read_block(path: str, line: int, source: str) -> Block:
    """Read a block; one that is wrong carries the problem.

    Args:
        path: The report's path.
        line: The line of its fence.
        source: What is between the fences.

    Example:
        >>> read_block("results.md", 7, "run: last").settings
        {'run': 'last'}
    """
    lines: dict[str, int] = {}
    for at, each in enumerate(source.split("\n")[:_MOST_LINES], line + 1):
        match = _KEY.match(each)
        if match:
            lines.setdefault(match[1], at)
    block = Block(path, line, source, lines=lines)
    try:
        kind, settings = _read(line, source)
    except BlockError as error:
        return Block(path, line, source, problem=block.problem_of(error))
    return Block(path, line, source, kind, settings, lines)


def _read(line: int, source: str) -> tuple[str, dict[str, object]]:
    said = _document(line, source)
    kinds = [key for key in said if key in KINDS]
    if not kinds:
        first = next(iter(said), "")
        kinds_ = ", ".join(KINDS)
        meant = nearest(first, KINDS)
        raise BlockError(f"a block is one of {kinds_}, which is its first key{meant}", _AN_EXAMPLE, key=first)
    kind = kinds[0]
    known = KINDS[kind]
    for key in said:
        if key not in known:
            raise BlockError(f"a {kind} has no key {key!r:.60}{nearest(key, known)}", _takes(kind), key=key)
    settings = {}
    for key, value in said.items():
        try:
            settings[key] = known[key](value)
        except ValueError as error:
            raise BlockError(f"{key} must be {error}", _takes(kind), key=key) from None
    if "runs" in settings and {"where", "experiment", "limit"} & settings.keys():
        raise BlockError("runs are either named or found by where, experiment and limit", key="runs")
    return kind, settings


_AN_EXAMPLE = "table: metrics.val_auc > 0.9"


def _takes(kind: str) -> str:
    return f"a {kind} takes {', '.join(KINDS[kind])}"


def _document(line: int, source: str) -> dict[str, object]:
    """Return what a block's YAML says."""
    try:
        # Lines before it, so that the place in an error is that in the file.
        said = yaml.load(("\n" * line + source).encode("utf-8", "replace"), name="")
    except ParseError as error:
        match = re.match(r", line (\d+): (.*)\Z", error.message, re.DOTALL)
        if match is None:
            raise BlockError(f"the block {error.message.strip()}") from None
        place = min(int(match[1]), line + source.count("\n") + 1)
        raise BlockError(f"this is not YAML: {match[2]}", _AN_EXAMPLE, line=place) from None
    return said
