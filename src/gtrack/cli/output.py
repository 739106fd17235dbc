"""The output options of every read command: a table for people, JSON, CSV and Markdown for everything else."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from gtrack.cli.completing import complete_file
from gtrack.cli.invocation import Invocation
from gtrack.cli.table import Heading, render_table
from gtrack.cli.terminal import Terminal, write
from gtrack.display.cells import csv_cell, to_json
from gtrack.display.words import value_text
from gtrack.errors import UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.index.fields import Field

__all__ = ["Column", "Output", "emit", "markdown_table", "output_options"]

T = TypeVar("T")
Wrapped = Callable[..., "int | None"]

_SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".csv": "csv", ".md": "md"}

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


@dataclass(frozen=True, slots=True)
class Output:
    """Where to and as what a command prints.

    Attributes:
        form: ``json``, ``jsonl``, ``csv``, ``md``, or None for the table.
        file: The file to write, or None for standard output.
    """

    form: str | None = None
    file: str | None = None

    def terminal(self, invocation: Invocation) -> Terminal:
        """Return what the place can show: a file gets neither colours nor a width."""
        return invocation.terminal if self.file is None else Terminal()

    def write(self, text: str) -> None:
        """Print ``text``, or put it into the file, which is then either whole or as it was."""
        if self.file is None:
            write(sys.stdout, text)
            return
        draft = f"{self.file}.{os.getpid()}.new"
        try:
            with open(draft, "x", encoding="utf-8", errors="backslashreplace", newline="") as file:
                file.write(text)
            os.replace(draft, self.file)
        except OSError as error:
            if os.path.lexists(draft):
                os.unlink(draft)
            raise UsageError(f"cannot write {self.file}: {error.strerror}") from None


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a listing.

    Attributes:
        name: Its name in CSV.
        heading: Its head in the table.
        value: The value of a record, as CSV gives it.
        text: The same for people; by default the value in readable form.
        style: The style of a record's cell in the table.
        field: What it shows of a run, where that is a field of the filter language.
    """

    name: str
    heading: Heading
    value: Callable[[T], object]
    text: Callable[[T], str] | None = None
    style: Callable[[T], Sequence[str]] | None = None
    field: Field | None = None

    def cell(self, record: T) -> str:
        """Return the cell of the table: one safe line."""
        return clean(self.text(record)) if self.text else value_text(self.value(record))


def output_options(function: Wrapped) -> Wrapped:
    """Add ``--json --jsonl --csv --md -o`` to a command, which gets them as ``output``."""

    @click.option("--json", "form", flag_value="json", help="Print JSON; NaN and infinities are strings.")
    @click.option("--jsonl", "form", flag_value="jsonl", help="Print one JSON object a line.")
    @click.option(
        "--csv", "form", flag_value="csv", help="Print CSV; text that a spreadsheet would run is quoted by '."
    )
    @click.option("--md", "form", flag_value="md", help="Print a Markdown table.")
    @click.option(
        "-o",
        "file",
        metavar="FILE",
        shell_complete=complete_file,
        help="Write to FILE, by default in the format its ending names.",
    )
    @wraps(function)
    def with_output(*args: Any, form: str | None, file: str | None, **kwargs: Any) -> int | None:
        if file is not None and form is None:
            form = _SUFFIXES.get(os.path.splitext(file)[1].lower())
        return function(*args, output=Output(form, file), **kwargs)

    return with_output


def emit(
    invocation: Invocation,
    output: Output,
    records: Sequence[T],
    columns: Sequence[Column[T]],
    to_dict: Callable[[T], Mapping[str, object]],
    *,
    csv_columns: Sequence[Column[T]] | None = None,
) -> list[str]:
    """Print records in the format asked for.

    Args:
        invocation: The call.
        output: The format and the place.
        records: What to print, in this order.
        columns: The columns of the table and of Markdown.
        to_dict: What JSON shows of a record.
        csv_columns: The columns of CSV, where they are others.

    Returns:
        The heads of the columns the terminal had no room for.
    """
    missing: list[str] = []
    if output.form == "json":
        text = to_json([to_dict(record) for record in records], indent=2) + "\n"
    elif output.form == "jsonl":
        text = "".join(to_json(to_dict(record)) + "\n" for record in records)
    elif output.form == "csv":
        text = _csv(records, columns if csv_columns is None else csv_columns)
    elif output.form == "md":
        cells = [[column.cell(record) for column in columns] for record in records]
        text = markdown_table([column.heading.text for column in columns], cells)
    else:
        cells = [[column.cell(record) for column in columns] for record in records]
        styles = [[column.style(record) if column.style else () for column in columns] for record in records]
        lines, missing = render_table([c.heading for c in columns], cells, output.terminal(invocation), styles)
        text = "".join(line + "\n" for line in lines)
    output.write(text)
    return missing


def _csv(records: Sequence[T], columns: Sequence[Column[T]]) -> str:
    import csv

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([csv_cell(column.name) for column in columns])
    for record in records:
        writer.writerow([csv_cell(column.value(record)) for column in columns])
    return buffer.getvalue()


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table in which no cell means more than its text."""
    lines = [[_markdown_cell(heading) for heading in headings], ["---"] * len(headings)]
    lines += [[_markdown_cell(cell) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _markdown_cell(text: str) -> str:
    safe = clean(text, lines=True).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", safe).replace("\t", " ").replace("\n", "<br>")
