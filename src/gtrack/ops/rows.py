"""Files as rows: YAML, JSON, JSONL, CSV and Parquet as maps of cells, with the place each row stands at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from gtrack.errors import NotFoundError, ParseError, UsageError

__all__ = [
    "LIMIT",
    "Row",
    "csv_rows",
    "document_rows",
    "json_lines",
    "kind_of",
    "parquet_rows",
    "parse_document",
    "read_file",
    "short",
    "suffix_of",
]

LIMIT = 256 * 1024 * 1024
"""Largest file that is read, in bytes."""


Row = tuple[str, dict[str, Any]]
"""Where a row stands ("line 3"), and its cells."""


def short(cell: Any) -> str:
    """Return a cell as a few characters, for a message."""
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."


def document_rows(name: str, document: Any) -> Iterator[Row]:
    """Yield the rows of a parsed document: one for a map, one an item for a list of maps."""
    if isinstance(document, list):
        for number, row in enumerate(document, 1):
            if not isinstance(row, dict):
                raise ParseError(f"{name} entry {number}: holds {kind_of(row)}, not a map of names to values")
            yield f"entry {number}", row
    elif isinstance(document, dict):
        columns = list(document.values())
        if columns and all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
            for number, cells in enumerate(zip(*columns, strict=True), 1):
                yield f"entry {number}", dict(zip(document, cells, strict=True))
        else:
            yield "the file", document
    else:
        raise ParseError(f"{name}: holds {kind_of(document)}, not a map of names to values")


def json_lines(name: str, data: bytes, skipped: list[tuple[str, str]]) -> Iterator[Row]:
    """Yield the rows of JSON Lines; a torn last line is passed over and reported in ``skipped``."""
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _json(name, line, number)
        except ParseError:
            if number == len(lines):  # the writer was killed in the middle of it
                skipped.append((f"line {number}", "cut off"))
                return
            raise
        if not isinstance(row, dict):
            raise ParseError(f"{name} line {number}: holds {kind_of(row)}, not a map of names to values")
        yield f"line {number}", row


def csv_rows(name: str, data: bytes) -> Iterator[Row]:
    """Yield the rows of a CSV file with a header."""
    import csv
    import io

    text = _text(name, data)
    header = text.partition("\n")[0]
    delimiter = next((mark for mark in ",\t;" if mark in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if columns is None:
                columns = _columns(name, cells)
                continue
            if len(cells) > len(columns):
                raise ParseError(
                    f"{name} line {reader.line_num}: {len(cells)} cells where the header names {len(columns)}",
                    hint="quote cells that hold the separator",
                )
            yield f"line {reader.line_num}", dict(zip(columns, cells, strict=False))
    except csv.Error as error:
        raise ParseError(f"{name} line {reader.line_num}: {error}", hint="write the file as CSV (RFC 4180)") from error


def _columns(name: str, cells: list[str]) -> list[str]:
    columns = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise ParseError(f"{name} line 1: two columns are named {twice}", hint="give each column its own name")
    return columns


def parquet_rows(name: str, data: bytes) -> Iterator[Row]:
    """Yield the rows of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
        cells = file.metadata.num_rows * file.metadata.num_columns
        if cells > LIMIT // 8:
            raise UsageError(
                f"{name}: holds {cells:,} cells, the limit is {LIMIT // 8:,}", hint="log it as an artifact"
            )
        number = 0
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise ParseError(f"{name}: not a readable Parquet file: {reason}", hint="write the file again") from error


def read_file(name: str) -> bytes:
    """Return the bytes of a file of bounded size."""
    try:
        with open(name, "rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"{name}: there is no such file") from error
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from error
    if len(data) > LIMIT:
        raise UsageError(
            f"{name}: is larger than {LIMIT // 1024**2} MB",
            hint=f"log it as a file instead: gtrack log --artifact {name}",
        )
    return data


def suffix_of(name: str) -> str:
    """Return a file name's suffix in lower case."""
    return os.path.splitext(name)[1].lower()


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ParseError(f"{name} line {line}: is not UTF-8", hint="save the file as UTF-8") from error


def parse_document(name: str, suffix: str, data: bytes) -> Any:
    """Return what a YAML, JSON or TOML file holds."""
    if suffix == ".json":
        return _json(name, data, 1)
    if suffix == ".toml":
        import tomllib

        try:
            return tomllib.loads(_text(name, data))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ParseError(f"{name}: {error}", hint="correct the TOML") from error
    from gtrack.format import yaml

    try:
        return yaml.load(data)
    except ParseError as error:
        raise ParseError(f"{name}: {error.message}", hint=error.hint) from error


def _json(name: str, data: bytes, line: int) -> Any:
    """Parse JSON that begins on ``line`` of the file."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ParseError(f"{name} line {line}: the key {twice} stands there twice", hint="keep one of the two")
        return found

    text = _text(name, data)
    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        where = f"line {line + error.lineno - 1}, column {error.colno}"
        raise ParseError(f"{name} {where}: {error.msg}", hint="correct the JSON") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; nesting without end
        raise ParseError(f"{name} line {line}: {error}", hint="correct the JSON") from error


def kind_of(value: Any) -> str:
    """Return what a value is, in words, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return "a list"
    return "a map" if isinstance(value, dict) else f"a single value ({short(value)})"
