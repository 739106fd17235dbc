"""Tables: pandas, polars, Arrow, Hugging Face's datasets, and whoever else speaks Arrow, as columns of Arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gtrack.fingerprint.types import OBJECT
from gtrack.format.plain import encode_line

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Table", "as_table", "origin_of"]

_NOT_TABLES = {
    "LazyFrame": "it is a query that has not run: log frame.collect()",
    "IterableDataset": "it is read as it goes: log the files or the table that it reads",
    "IterableDatasetDict": "it is read as it goes: log the files or the table that it reads",
    "DatasetDict": "it holds several data sets: log each split by itself",
    "RecordBatchReader": "it can be read only once: log reader.read_all()",
    "Scanner": "it is a query that has not run: log scanner.to_table()",
    "DataLoader": "it is a loader: log the data set, the table or the folder that it reads",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table, whose columns are made when they are asked for.

    Attributes:
        rows: How many rows it has.
        columns: Names, each with what makes its Arrow array or chunked array.
        bytes: How much memory it takes, where the library says it.
    """

    rows: int
    columns: Sequence[tuple[str, Callable[[], Any]]]
    bytes: int | None = None


def as_table(data: Any) -> Table | None:  # noqa: PLR0911  # a line for each library
    """Return what is a table, or a column of one, as columns; None for what is neither.

    Raises:
        TypeError: It is not at hand as a whole, such as a query or a loader; the text says what to log instead.
    """
    library, name = _library(data), type(data).__name__
    if name in _NOT_TABLES:
        raise TypeError(_NOT_TABLES[name])
    if library == "pandas":
        return _of_pandas(data)
    if library == "datasets" and hasattr(data, "with_format"):
        return _of_arrow(_of_hugging_face(data))
    if library == "pyarrow" and hasattr(data, "column_names"):
        return _of_arrow(data)
    if library == "numpy" and getattr(data, "dtype", None) is not None and data.dtype.names:
        return _of_fields(data)
    if library == "pyarrow" and hasattr(data, "type") and hasattr(data, "null_count"):
        return Table(len(data), [("", lambda: data)], data.nbytes)
    if hasattr(data, "__arrow_c_stream__") and not hasattr(data, "__next__"):
        return _of_stream(data)
    if isinstance(data, Mapping) and data and all(_is_column(column) for column in data.values()):
        return _of_dict(data)
    return None


def origin_of(data: Any) -> dict[str, object]:
    """Return what a data set says of where it is from: of Hugging Face's, its name, split and their own fingerprint."""
    if _library(data) != "datasets":
        return {}
    facts = {
        "dataset": getattr(getattr(data, "info", None), "dataset_name", None),
        "config": getattr(data, "config_name", None),
        "split": str(data.split) if getattr(data, "split", None) is not None else None,
        "version": str(data.version) if getattr(data, "version", None) is not None else None,
        "fingerprint": getattr(data, "_fingerprint", None),
    }
    return {"huggingface": {name: value for name, value in facts.items() if value is not None}}


def _library(data: Any) -> str:
    return type(data).__module__.partition(".")[0]


def _is_column(value: Any) -> bool:
    return isinstance(value, list | tuple) or hasattr(value, "null_count") or getattr(value, "ndim", 0) == 1


def _of_dict(data: Mapping[Any, Any]) -> Table:
    lengths = {len(column) for column in data.values()}
    if len(lengths) != 1:
        raise TypeError("its columns are not equally long")
    return Table(lengths.pop(), [(str(name), partial(_from_values, column)) for name, column in data.items()])


def _of_fields(data: Any) -> Table:
    """Return numpy's structured array as a table."""
    flat = data.reshape(-1)
    return Table(len(flat), [(name, partial(_from_values, flat[name])) for name in data.dtype.names], data.nbytes)


def _of_arrow(table: Any) -> Table:
    columns = [(name, partial(table.column, number)) for number, name in enumerate(table.column_names)]
    return Table(table.num_rows, columns, table.nbytes)


def _of_stream(data: Any) -> Table:
    """Return what another library hands out as a stream of Arrow: polars, DuckDB, DataFusion, cuDF."""
    import pyarrow as pa

    if _library(data) == "polars":
        return _of_polars(data)
    return _of_arrow(pa.table(data))


def _of_polars(data: Any) -> Table:
    """Return a frame or a series of polars, which ends the process where a name with a NUL is to leave it."""
    import pyarrow as pa

    if type(data).__name__ == "Series":
        _check_names(data.dtype)
        column = pa.chunked_array(data.alias(""))
        return Table(len(column), [(str(data.name), lambda: column)], column.nbytes)
    for dtype in data.dtypes:
        _check_names(dtype)
    numbered = data.rename({name: str(number) for number, name in enumerate(data.columns)})
    found = _of_arrow(pa.table(numbered))
    return Table(found.rows, list(zip(data.columns, (read for _, read in found.columns), strict=True)), found.bytes)


def _check_names(dtype: Any) -> None:
    """Refuse a type of polars that has a NUL in the name of a field.

    Raises:
        TypeError: It has.
    """
    for field in getattr(dtype, "fields", None) or ():
        if "\0" in field.name:
            raise TypeError("the name of a field has a NUL, which polars does not survive")
        _check_names(field.dtype)
    inner = getattr(dtype, "inner", None)
    if inner is not None:
        _check_names(inner)


def _of_hugging_face(data: Any) -> pa.Table:
    # Without chosen rows the table is the one on disk, mapped into memory; what is chosen has to be gathered.
    if getattr(data, "_indices", None) is None:
        return data.data.table
    return data.with_format("arrow")[:]


def _of_pandas(data: Any) -> Table | None:
    name = type(data).__name__
    if name == "Series" or name.endswith("Index"):
        values = data if name == "Series" else data.to_series()
        label = "" if data.name is None else str(data.name)
        index = data.index if name == "Series" else None
        columns = [(label, partial(_from_pandas, values))]
        bytes_ = int(data.memory_usage(index=False) if name == "Series" else data.memory_usage())
    elif hasattr(data, "columns") and hasattr(data, "iloc"):
        labels = [str(label) for label in data.columns]
        columns = [(label, partial(_nth_of_pandas, data, number)) for number, label in enumerate(labels)]
        index, bytes_ = data.index, int(data.memory_usage(index=False).sum())
    else:
        return None
    return Table(len(data), [*columns, *_index_columns(index, {label for label, _ in columns})], bytes_)


def _index_columns(index: Any, taken: set[str]) -> list[tuple[str, Callable[[], Any]]]:
    """Return an index as columns, named as Arrow names them; none for the one that merely counts from 0."""
    if index is None:
        return []
    counts = type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1
    if counts and index.name is None:
        return []
    found: list[tuple[str, Callable[[], Any]]] = []
    for level, name in enumerate(index.names):
        label = f"__index_level_{level}__" if name is None or str(name) in taken else str(name)
        found.append((label, partial(_from_pandas, index.get_level_values(level).to_series())))
    return found


def _nth_of_pandas(data: Any, number: int) -> Any:
    return _from_pandas(data.iloc[:, number])


def _from_pandas(series: Any) -> Any:
    """Return a column of pandas as Arrow, without a copy where that can be."""
    import pyarrow as pa

    kind = getattr(series.dtype, "kind", "O")
    if type(series.dtype).__module__.startswith("numpy") and kind in "iufb":
        return pa.array(series.to_numpy(), from_pandas=False)
    if type(series.dtype).__name__ == "SparseDtype":
        return _from_pandas(series.sparse.to_dense())
    if kind == "c":
        return _complex(series.to_numpy())
    return _from_values(series)


def _from_values(values: Any) -> Any:
    """Return any values as Arrow; those it has no type for as JSON, of a type of its own."""
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if getattr(getattr(values, "dtype", None), "kind", "") == "c":
        return _complex(values)
    numbers = getattr(getattr(values, "dtype", None), "kind", "") == "f"
    try:
        return pa.array(values, from_pandas=not numbers)
    except (ValueError, TypeError, NotImplementedError, OverflowError):  # Arrow's own errors are of these
        lines = [None if value is None else encode_line({"": value}).decode() for value in values]
        return pa.array([{OBJECT: line} for line in lines], pa.struct([(OBJECT, pa.string())]))


def _complex(values: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    array = np.asarray(values)
    return pa.StructArray.from_arrays([pa.array(array.real), pa.array(array.imag)], ["real", "imaginary"])
