"""Tables of any library as named columns, and columns as types that a recorded table may have."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gtrack.errors import UsageError
from gtrack.format.plain import fit_key, to_plain

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["is_plain_type", "named_columns", "plain_column"]

_MISSING = frozenset(("NAType", "NaTType"))  # what pandas has for a missing value
_HINT = "log a table of pandas, polars or Arrow, a dict of lists, or a list of dicts"


def named_columns(data: object, names: Sequence[object] | None = None) -> list[tuple[str, object]]:
    """Return the columns of a table: each a name and something that :func:`plain_column` takes.

    Args:
        data: A frame of pandas (an index that is not the default one is a column) or polars, an Arrow table, anything
            else with an Arrow stream, a dict of lists, a list of dicts, or a list of rows.
        names: Of a list of rows, the columns' names.

    Raises:
        UsageError: It is no table.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.Series):
        data = data.to_frame()
    if pandas is not None and isinstance(data, pandas.DataFrame):
        found: list[tuple[object, object]] = _of_pandas(data, pandas)
    elif hasattr(data, "__arrow_c_stream__"):
        found = _of_arrow(data)
    elif isinstance(data, Mapping):
        found = list(data.items())
    else:
        found = _of_rows(_as_rows(data), names)
    if not found:
        raise UsageError("the table has no columns", hint=_HINT)
    return list(zip(_distinct(name for name, _ in found), (column for _, column in found), strict=True))


def _of_pandas(frame: Any, pandas: Any) -> list[tuple[object, object]]:
    index = frame.index
    if not (isinstance(index, pandas.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None):
        frame = frame.reset_index(allow_duplicates=True)
    return [(name, frame.iloc[:, at]) for at, name in enumerate(frame.columns)]


def _of_arrow(data: Any) -> list[tuple[object, object]]:
    import pyarrow as pa

    try:
        table = data if isinstance(data, pa.Table) else pa.table(data)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise UsageError(f"a {type(data).__name__} is no table: {str(error)[:120]}", hint=_HINT) from None
    return list(zip(table.column_names, table.columns, strict=True))


def _as_rows(data: object) -> list[Any]:
    if getattr(data, "ndim", None) == 2:
        data = list(data)  # type: ignore[call-overload]  # an array of two dimensions has rows
    if not isinstance(data, Sequence) or isinstance(data, str | bytes):
        raise UsageError(f"a {type(data).__name__} is no table", hint=_HINT)
    return list(data)


def _of_rows(rows: list[Any], names: Sequence[object] | None) -> list[tuple[object, object]]:
    if rows and all(isinstance(row, Mapping) for row in rows):
        keys = dict.fromkeys(key for row in rows for key in row)
        return [(key, [row.get(key) for row in rows]) for key in keys]
    try:
        width = {len(row) for row in rows if not isinstance(row, str | bytes)} | ({len(names)} if names else set())
        columns = list(zip(*rows, strict=True))
    except (TypeError, ValueError):
        raise UsageError("the rows of the table are not of one length", hint=_HINT) from None
    if len(width) != 1 or any(isinstance(row, str | bytes | Mapping) for row in rows):
        raise UsageError("the rows of the table do not fit its columns", hint=_HINT)
    named = list(names) if names else list(range(*width))
    return list(zip(named, columns or [()] * len(named), strict=True))


def _distinct(names: Iterable[object]) -> list[str]:
    """Return names as texts that differ: columns of pandas may share one, or be numbers or tuples."""
    out: dict[str, None] = {}
    for name in names:
        plain = to_plain(name)
        text = fit_key("/".join(map(str, plain)) if isinstance(plain, list) else str(plain))
        number, chosen = 2, text
        while chosen in out:
            chosen, number = fit_key(f"{text}~{number}"), number + 1
        out[chosen] = None
    return list(out)


def plain_column(values: Any) -> tuple[pa.Array, str | None]:
    """Return a column as a type that a recorded table may have, and what became of its values, or None.

    Numbers, truth values, texts, dates and times stay what they are. Durations become seconds. Everything else, such
    as lists, bytes and objects, becomes text, which nothing that reads it will run.

    Args:
        values: A series of pandas, an Arrow array, a numpy array, or a sequence of anything.

    Raises:
        UsageError: It is no column.
    """
    array, remark = _as_arrow(values)
    plain, other = _plain(array)
    return plain, remark or other


def _as_arrow(values: Any) -> tuple[pa.Array, str | None]:
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks(), None
    if isinstance(values, pa.Array):
        return values, None
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise UsageError(f"a column is a list or an array, not a {type(values).__name__}", hint=_HINT)
    if len(getattr(values, "shape", (0,))) != 1:
        values = list(values)
    try:
        return pa.array(_floats(values)), None
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return _by_way_of_plain(list(values))


def _floats(values: Any) -> Any:
    """Return a pandas series of numpy's floats as numpy's: NaN is a value there, and Arrow would take it as missing."""
    import numpy as np

    dtype = getattr(values, "dtype", None)
    is_numpy = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return values.to_numpy() if is_numpy and hasattr(values, "to_numpy") else values


def _by_way_of_plain(values: list[Any]) -> tuple[pa.Array, str | None]:
    """Return values that Arrow does not know: scalars of other libraries as numbers, what is mixed as text."""
    import pyarrow as pa

    plain = [None if type(value).__name__ in _MISSING else to_plain(value) for value in values]
    try:
        if all(value is None or isinstance(value, int | float) for value in plain):
            return pa.array(plain), None
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    return pa.array(list(map(_text, plain)), pa.string()), "objects, or values of several types, are kept as text"


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return None if missing else json.dumps(value, ensure_ascii=False)


def is_plain_type(kind: pa.DataType) -> bool:
    """Tell whether a recorded table may have a column of a type."""
    from pyarrow import types

    known = (types.is_boolean, types.is_integer, types.is_float32, types.is_float64, types.is_string)
    return any(is_it(kind) for is_it in (*known, types.is_timestamp, types.is_date32, types.is_time))


def _plain(array: pa.Array) -> tuple[pa.Array, str | None]:
    import pyarrow as pa
    from pyarrow import types

    kind = array.type
    if is_plain_type(kind):
        return array, None
    if types.is_dictionary(kind):
        values, remark = _plain(array.dictionary)
        return pa.DictionaryArray.from_arrays(array.indices, values).dictionary_decode(), remark
    if types.is_duration(kind):
        return _seconds(array), "durations are kept as seconds"
    other = _nearest(kind)
    if other is not None:
        return array.cast(other), "decimal numbers are kept as text" if types.is_decimal(kind) else None
    texts = [_text(to_plain(value)) for value in array.to_pylist()]
    return pa.array(texts, pa.string()), f"values of type {str(kind)[:40]} are kept as text"


def _nearest(kind: pa.DataType) -> pa.DataType | None:
    """Return the plain type that holds all that another one does."""
    import pyarrow as pa
    from pyarrow import types

    is_text = types.is_large_string(kind) or types.is_decimal(kind) or str(kind) in ("string_view", "null")
    by_name = {"halffloat": pa.float32(), "date64[ms]": pa.date32()}
    return pa.string() if is_text else by_name.get(str(kind))


def _seconds(array: pa.Array) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
    return compute.divide(array.cast(pa.int64()).cast(pa.float64(), safe=False), units[array.type.unit])
