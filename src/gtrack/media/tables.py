"""Tables of any library as Parquet: numbers, texts and times, nothing pickled and nothing that a reader would run."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gtrack.errors import DamageError, UsageError
from gtrack.format.footer import MAX_DECODED_BYTES, MAX_ROWS, Limits, check_pages, read_footer
from gtrack.media.columns import is_plain_type, named_columns, plain_column
from gtrack.media.medium import Medium
from gtrack.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TABLE_TYPE", "read", "table_medium", "to_table"]

TABLE_TYPE = "application/vnd.apache.parquet"
"""The media type of Parquet."""

_LIMITS = Limits(64 << 20, footer=4 << 20, columns=1000, cells=32 << 20, optional=True)
"""What the file of a table may be."""
_MAX_THRIFT = {"thrift_string_size_limit": 1 << 20, "thrift_container_size_limit": 1 << 14}
_TOO_LARGE = "it is kept whole, and is too large to be shown: log a part of it as well"


def table_medium(data: object, names: Sequence[object] | None = None) -> Medium:
    """Return a table as a medium: Parquet, packed by zstd.

    Args:
        data: See :func:`to_table`.
        names: Of a list of rows, the columns' names.

    Raises:
        UsageError: It is no table.
    """
    table, remarks = to_table(data, names)
    packed = _encode(table)
    if not _is_readable(table, packed):
        remarks = (*remarks, _TOO_LARGE)
    details = {"format": "parquet", "rows": len(table), "columns": table.num_columns}
    return Medium("table", packed, ".parquet", TABLE_TYPE, details, remarks)


def _is_readable(table: pa.Table, packed: bytes) -> bool:
    few = len(table) <= MAX_ROWS and len(table) * table.num_columns <= _LIMITS.cells
    return few and len(packed) <= _LIMITS.file and table.nbytes <= MAX_DECODED_BYTES


def to_table(data: object, names: Sequence[object] | None = None) -> tuple[pa.Table, tuple[str, ...]]:
    """Return a table as Arrow's, with columns of plain types, and what became of some of them.

    Args:
        data: A frame of pandas or polars, an Arrow table, a dict of lists, a list of dicts, or a list of rows.
        names: Of a list of rows, the columns' names.

    Raises:
        UsageError: It is no table.
    """
    import pyarrow as pa

    columns = named_columns(data, names)
    if len(columns) > _LIMITS.columns:
        raise UsageError(f"the table has {len(columns):,} columns; at most {_LIMITS.columns:,} are taken")
    arrays, remarks = [], []
    for name, values in columns:
        array, remark = plain_column(values)
        arrays.append(array)
        if remark is not None:
            remarks.append(f"column {name!r:.60}: {remark}")
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        raise UsageError(f"the columns of the table differ in length: {min(lengths):,} to {max(lengths):,}")
    return pa.table(arrays, names=[name for name, _ in columns]), tuple(remarks)


def _encode(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        store_schema=False,
        write_statistics=False,
        # pyarrow's defaults may change; the reader takes nothing else.
        data_page_version="1.0",
        version="2.6",
        row_group_size=1 << 20,
    )
    return sink.getvalue()


def read(data: bytes) -> pa.Table:
    """Return a table that was recorded.

    Args:
        data: The bytes of a Parquet file; hostile ones are refused.

    Returns:
        An Arrow table of truth values, numbers, texts, dates and times.

    Raises:
        DamageError: The file is not of that form, or beyond a limit.

    Example:
        >>> read(run.read_artifact("media/table/importance/9f2ad1c0.parquet")).to_pandas()
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _damage():
        footer = read_footer(data, _LIMITS)
        check_pages(data, footer)
        source = pa.BufferReader(data)
        # Texts as dictionaries: thousands of rows may share a long one, and only then it can be seen what they take.
        with pq.ParquetFile(source, read_dictionary=footer.columns, pre_buffer=False, **_MAX_THRIFT) as file:
            kinds = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in file.schema_arrow.types]
            if not all(map(is_plain_type, kinds)):
                raise DamageError("a column is of a type that gtrack does not write")
            table = file.read(use_threads=False) if footer.rows else file.schema_arrow.empty_table()
        # Arrow checks no dictionary index while reading.
        table.validate(full=True)
        return _unpacked(table, kinds)


def _unpacked(table: pa.Table, kinds: list[pa.DataType]) -> pa.Table:
    """Return a table with its texts written out, where that does not take too much memory.

    Raises:
        DamageError: It does.
    """
    import pyarrow as pa
    from pyarrow import compute

    left = MAX_DECODED_BYTES
    columns = []
    for column, kind in zip(table.columns, kinds, strict=True):
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                lengths = compute.binary_length(chunk.dictionary).take(chunk.indices)
                left -= compute.sum(lengths.cast(pa.int64())).as_py() or 0
            if left < 0:
                raise DamageError(f"its texts take more than {MAX_DECODED_BYTES:,} bytes")
        columns.append(column.cast(kind))
    return pa.table(columns, names=table.column_names)


@contextmanager
def _damage() -> Iterator[None]:
    """Turn whatever pyarrow raises into one error."""
    try:
        yield
    except DamageError as error:
        raise DamageError(f"the table is damaged: {error.message}") from error
    # pyarrow's errors derive from these.
    except (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = clean(str(error).partition("\n")[0])[:200]
        raise DamageError(f"the table cannot be read: {reason or type(error).__name__}") from error
