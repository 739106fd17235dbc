"""Runs as CSV and as JSON lines, piece by piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gtrack.clock import iso

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["csv_text", "jsonl_text"]

_AT_ONCE = 500


def csv_text(table: pa.Table, cell: Callable[[object], object]) -> Iterator[str]:
    """Yield a table as CSV, times as ISO 8601.

    Args:
        table: The table.
        cell: Returns what stands in a cell, so that no spreadsheet takes text for a formula.
    """
    yield _lines([[cell(name) for name in table.column_names]])
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        columns = [_values(column) for column in batch.columns]
        yield _lines([[cell(value) for value in row] for row in zip(*columns, strict=True)])


def jsonl_text(facts: Iterable[Mapping[str, object]], to_json: Callable[[object], str]) -> Iterator[str]:
    """Yield facts as JSON, one object a line."""
    for fact in facts:
        yield to_json(fact) + "\n"


def _values(column: Any) -> list[object]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return [None if us is None else iso(us) for us in column.cast(pa.int64()).to_pylist()]
    return column.to_pylist()  # type: ignore[no-any-return]


def _lines(rows: Iterable[Iterable[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
