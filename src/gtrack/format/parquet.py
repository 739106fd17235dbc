"""Metrics as Parquet: one long table of key, step, time, value and, with several processes, rank.

Decoding trusts nothing: sizes, types, encodings and page headers are checked against limits before Arrow decodes a
byte, and the result is validated before anyone indexes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from gtrack.errors import DamageError, UsageError
from gtrack.format.footer import MAX_FILE_BYTES, MAX_ROWS, check_pages, read_footer
from gtrack.text import clean

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Array = npt.NDArray[Any]

__all__ = ["MAX_FILE_BYTES", "MAX_ROWS", "decode_metrics", "encode_metrics", "metrics_metadata"]

_MAX_THRIFT = {"thrift_string_size_limit": 1 << 20, "thrift_container_size_limit": 4096}
_ENCODINGS = {
    "step": "DELTA_BINARY_PACKED",
    "time": "DELTA_BINARY_PACKED",
    "value": "BYTE_STREAM_SPLIT",
    "rank": "DELTA_BINARY_PACKED",
}
_LATEST = (2**63 - 1) // 1000
_COLUMNS = ("key", "step", "time", "value", "rank")


def encode_metrics(
    key_index: Array,
    keys: Sequence[str],
    step: Array,
    time_us: Array,
    value: Array,
    rank: Array | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return points as a Parquet file, sorted by key, step, time, rank and value.

    The bytes are a function of the set of points (and of the version of pyarrow, which signs them).

    Args:
        key_index: For each point, where its key stands in ``keys``.
        keys: The names of metrics.
        step: int64.
        time_us: Microseconds since the epoch, int64.
        value: float64; NaN and the infinities are kept.
        rank: int32, -1 for none; a column of nothing but -1 is left out.
        metadata: Text to store in the footer.

    Raises:
        UsageError: The arrays differ in length, a time is beyond the years 1677 to 2262, or a key holds a lone
            surrogate.
    """
    import numpy as np
    import pyarrow as pa

    columns = {"step": np.asarray(step, np.int64), "time": np.asarray(time_us, np.int64)}
    columns["value"] = np.asarray(value, np.float64)
    if rank is not None and (np.asarray(rank) != -1).any():
        columns["rank"] = np.asarray(rank, np.int32)
    if any(len(column) != len(key_index) for column in columns.values()):
        raise UsageError("the columns of metrics differ in length")
    if not _plausible(columns["time"]):
        raise UsageError("a time is beyond the years 1677 to 2262")
    code, names = _sorted_keys(np.asarray(key_index, np.int64), keys)
    # lexsort sorts by its last key first; the bits tell NaNs apart, and the two zeros.
    ties = [columns["value"].view(np.int64), columns["value"], *([columns["rank"]] if "rank" in columns else [])]
    order = np.lexsort((*ties, columns["time"], columns["step"], code))
    index = _as_arrow(code[order].astype(np.int32), pa.int32())
    types = {"step": pa.int64(), "time": pa.timestamp("us", "UTC"), "value": pa.float64(), "rank": pa.int32()}
    arrays = {
        "key": pa.DictionaryArray.from_arrays(index, _texts_as_arrow(names)),
        **{name: _as_arrow(column[order], types[name]) for name, column in columns.items()},
    }
    return _written(arrays, metadata or {})


def _as_arrow(column: Array, kind: pa.DataType) -> pa.Array:
    """Return a column without nulls, over the same memory.

    ``pa.array`` and casts load more modules, among them pandas wherever it is installed. That takes long, and fails in
    a script that has come to its end: Python starts no thread pools any more.
    """
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])


def _texts_as_arrow(texts: Sequence[str]) -> pa.Array:
    """Return texts without nulls; see :func:`_as_arrow`."""
    import numpy as np
    import pyarrow as pa

    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _written(arrays: dict[str, pa.Array], metadata: Mapping[str, str]) -> bytes:
    import pyarrow as pa

    # Fields without nulls: no bytes for levels, and less for a reader to believe.
    schema = pa.schema([pa.field(name, array.type, nullable=False) for name, array in arrays.items()])
    sink = pa.BufferOutputStream()
    writer = _open_writer(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=["key"],
        column_encoding={name: encoding for name, encoding in _ENCODINGS.items() if name in arrays},
        store_schema=False,
        write_statistics=False,
        # pyarrow's defaults may change; the bytes shall not, and the reader takes nothing else.
        data_page_version="1.0",
        version="2.6",
    )
    with closing(writer):
        writer.write_table(pa.table([*arrays.values()], schema=schema))
        if metadata:
            writer.add_key_value_metadata(dict(sorted(metadata.items())))
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _open_writer(sink: pa.BufferOutputStream, schema: pa.Schema, **options: Any) -> Any:
    """Return pyarrow's writer itself; its public wrapper loads file systems and compute functions as well."""
    try:
        from pyarrow._parquet import ParquetWriter

        return ParquetWriter(sink, schema, writer_engine_version="V2", **options)
    except (ImportError, TypeError):  # it is not public, and another version may have it otherwise
        import pyarrow.parquet as pq

        return pq.ParquetWriter(sink, schema, **options)


def _plausible(time_us: Array) -> bool:
    """Tell whether all times fit 64 bits of nanoseconds, as journals and pandas have them."""
    return not len(time_us) or bool(time_us.min() >= -_LATEST and time_us.max() <= _LATEST)


def _sorted_keys(index: Array, keys: Sequence[str]) -> tuple[Array, list[str]]:
    """Return each point's key as a place among the sorted names that occur, and those names."""
    import numpy as np

    if len(index) and not 0 <= index.min() <= index.max() < len(keys):
        raise UsageError("a key index is beyond the keys")
    used = np.flatnonzero(np.bincount(index, minlength=len(keys)))  # np.unique loads masked arrays
    names = sorted({keys[at] for at in used.tolist()})
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise UsageError("the key of a metric holds a lone surrogate") from None
    place = {name: at for at, name in enumerate(names)}
    lookup = np.zeros(len(keys), np.int64)
    for at in used.tolist():
        lookup[at] = place[keys[at]]
    return lookup[index], names


def decode_metrics(data: bytes, keys: Collection[str] | None = None) -> pa.Table:
    """Return the points of a file that :func:`encode_metrics` wrote.

    Args:
        data: The bytes of a Parquet file; hostile ones are refused.
        keys: Only the points of these metrics; all by default.

    Returns:
        A table with the columns ``key`` (dictionary of strings), ``step`` (int64), ``time`` (timestamp[us, UTC]),
        ``value`` (float64) and, when the file has it, ``rank`` (int32); one chunk each, without nulls.

    Raises:
        DamageError: The file is not of that form, or beyond a limit.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _damage():
        footer = read_footer(data)
        if footer.columns not in (_COLUMNS, _COLUMNS[:4]):
            raise DamageError("the columns are not those of metrics")
        check_pages(data, footer)
        with pq.ParquetFile(pa.BufferReader(data), read_dictionary=["key"], pre_buffer=False, **_MAX_THRIFT) as file:
            _check_types(file.schema_arrow)
            table = file.read(use_threads=False) if footer.rows else file.schema_arrow.empty_table()
        # Arrow checks no dictionary index while reading.
        table.validate(full=True)
        if any(column.null_count for column in table.columns):
            raise DamageError("there are nulls among the values")
        if len(table) and not _plausible(table.column("time").cast(pa.int64()).to_numpy()):
            raise DamageError("a time is beyond the years 1677 to 2262")
        table = table.replace_schema_metadata(None).unify_dictionaries().combine_chunks()
        return table if keys is None else _only(table, keys)


def metrics_metadata(data: bytes) -> dict[str, str]:
    """Return the text stored in the footer of a file, such as the mark of a preview.

    Raises:
        DamageError: The file is not Parquet, or beyond a limit.
    """
    with _damage():
        return read_footer(data).metadata


@contextmanager
def _damage() -> Iterator[None]:
    """Turn whatever pyarrow raises into one error."""
    try:
        yield
    except DamageError as error:
        raise DamageError(f"the Parquet file is damaged: {error.message}") from error
    # pyarrow's errors derive from these.
    except (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = clean(str(error).partition("\n")[0])[:200]
        raise DamageError(f"the Parquet file cannot be read: {reason or type(error).__name__}") from error


def _check_types(schema: pa.Schema) -> None:
    import pyarrow as pa

    expected = (pa.dictionary(pa.int32(), pa.string()), pa.int64(), pa.timestamp("us", "UTC"), pa.float64(), pa.int32())
    if tuple(schema.types) != expected[: len(schema)]:
        raise DamageError("the columns are not of the types of metrics")


def _only(table: pa.Table, keys: Collection[str]) -> pa.Table:
    """Return the rows of some keys."""
    import numpy as np
    import pyarrow as pa

    if not len(table):
        return table
    column = table.column("key").chunk(0)
    wanted = set(keys)
    known = np.fromiter((name in wanted for name in column.dictionary.to_pylist()), bool, len(column.dictionary))
    return table.filter(pa.array(known[column.indices.to_numpy()]))
