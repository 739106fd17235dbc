"""Differences as Markdown for a pull request, in which nothing that comes from runs does more than stand there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from gtrack.cli.diff_code import fenced
from gtrack.cli.diff_report import Block, Excerpt, run_cells, summary
from gtrack.cli.output import Column, markdown_table
from gtrack.cli.terminal import Terminal
from gtrack.ops.compare import Comparison

__all__ = ["inert", "inert_columns", "markdown", "markdown_head", "sentence"]

T = TypeVar("T")


def markdown(head: Sequence[str], found: Sequence[Block]) -> str:
    """Return a report for a page; what comes from runs can neither format it nor call anybody."""
    lines = list(head)
    for block in found:
        lines += ["", f"### {block.title}"] if block.title else []
        if block.rows:
            heads = block.head or ("",) * len(block.rows[0])
            cells = [[inert(cell) for cell in row] for row in block.rows]
            lines += ["", *markdown_table([inert(text) for text in heads], cells).splitlines()]
        lines += ["", *fenced(block.lines)] if block.lines else []
        lines += ["", *fenced(block.diff, "diff")] if block.diff else []
    return "".join(f"{line}\n" for line in lines)


def markdown_head(found: Comparison, code: Excerpt | None) -> list[str]:
    """Return the head of a page: which runs are compared, and in what they differ."""
    heads = ["", "run", "name", "experiment", "status", "commit"]
    rows = []
    for letter, run in (("a", found.a), ("b", found.b)):
        cells = run_cells(run, 0, Terminal())
        rows.append([letter, *(inert(cell) for cell in (*cells[:3], run.status, cells[6]))])
    table = markdown_table(heads, rows).splitlines()
    return [*table, "", sentence(summary(found, code))]


def inert(text: str) -> str:
    """Return text in which code hosts see neither a person to tell nor an issue to link.

    Both would be found after Markdown is rendered, so that no escape helps; a space without width does.
    """
    return text.replace("@", "@\u200b").replace("#", "#\u200b")


def inert_columns(columns: Sequence[Column[T]]) -> list[Column[T]]:
    """Return the columns of a table for such a page."""

    def text_of(column: Column[T]) -> Callable[[T], str]:
        return lambda record: inert(column.cell(record))

    return [replace(column, text=text_of(column)) for column in columns]


def sentence(text: str) -> str:
    """Return text as a line of Markdown that means no more than its words: as the one cell of a table's head."""
    return markdown_table([inert(text)], []).splitlines()[0].strip("| ")
