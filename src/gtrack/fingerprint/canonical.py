"""The canonical form of a table: what is hashed of it, whatever its chunks, its storage or the library it is of.

A column's digest is SHA-256 over ``gtrack column 1``, the name of its logical type, and its values: how many there are,
which are missing, and those that are there, one after the other. docs/data.md has the form byte by byte.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gtrack.fingerprint.types import is_bytes, is_list, is_text, type_name

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "coarsest",
    "column_digest",
    "fixed_bytes",
    "floats",
    "framed",
    "is_float",
    "one_array",
    "one_nan",
    "present",
    "table_digest",
    "text_buffers",
    "unwrapped",
]

_COLUMN, _TABLE = b"gtrack column 1\n", b"gtrack table 1\n"
_FLOAT_TYPES = {"halffloat": "<f2", "float": "<f4", "double": "<f8"}
_THOUSANDS = {"ns": "us", "us": "ms", "ms": "s"}
"""Each unit of time, and the next one of a thousand times its length."""


class _Digest(Protocol):
    def update(self, data: Any, /) -> None: ...


def framed(data: bytes) -> bytes:
    """Return bytes with their number before them, so that two in a row cannot be taken for two others."""
    return struct.pack("<Q", len(data)) + data


def table_digest(rows: int, columns: Sequence[tuple[str, bytes]]) -> str:
    """Return the digest of a table, in hex.

    Args:
        rows: How many rows it has.
        columns: Names and digests of its columns, in their order.
    """
    digest = hashlib.sha256(_TABLE + struct.pack("<QQ", rows, len(columns)))
    for name, column in columns:
        digest.update(framed(name.encode("utf-8", "surrogatepass")) + column)
    return digest.hexdigest()


def column_digest(kind: str, values: pa.Array) -> bytes:
    """Return the digest of a column's type and values. The name is not part of it, so that a renamed column is known.

    Args:
        kind: The name of its type, of :func:`~gtrack.fingerprint.types.type_name`.
        values: The values, in one array.

    Raises:
        TypeError: Values of that type have no canonical form.
    """
    digest = hashlib.sha256(_COLUMN + framed(kind.encode("utf-8", "surrogatepass")))
    _feed(digest, values)
    return digest.digest()


def one_array(column: pa.Array | pa.ChunkedArray) -> tuple[str, pa.Array]:
    """Return the name of a column's type, and its values in one unwrapped array.

    Raises:
        TypeError: Values of that type have no canonical form.
    """
    import pyarrow as pa

    kind = type_name(column.type)
    if not isinstance(column, pa.ChunkedArray):
        return kind, unwrapped(column)
    chunks = [unwrapped(chunk) for chunk in column.chunks] or [unwrapped(pa.array([], type=column.type))]
    return kind, chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def unwrapped(values: pa.Array) -> pa.Array:
    """Return values without what is storage alone: extension types, dictionaries, run lengths, views, short offsets.

    Raises:
        TypeError: Values of that type have no canonical form.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    while True:
        kind = values.type
        if isinstance(kind, pa.BaseExtensionType):
            values = values.storage
        elif pa.types.is_dictionary(kind):
            values = unwrapped(values.dictionary).take(values.indices)
        elif pa.types.is_run_end_encoded(kind):
            values = pc.run_end_decode(values)
        else:
            break
    if pa.types.is_union(kind):
        raise TypeError(f"values of the type {kind} have no fingerprint")
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return _without_view(values)
    stored = _stored_type(kind)
    return values if kind == stored else values.cast(stored)


def _stored_type(kind: pa.DataType) -> pa.DataType:
    """Return in what a type is stored here: Arrow can do little with views of texts, within lists neither."""
    import pyarrow as pa

    if is_text(kind):
        return pa.large_string()
    if is_bytes(kind):
        return pa.large_binary()
    if pa.types.is_date(kind):
        return pa.date32()
    if is_list(kind):
        return pa.large_list(_stored_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_stored_type(field.type)) for field in kind])
    return kind


def _without_view(values: pa.Array) -> pa.Array:
    """Return a list view as a list: Arrow's own cast loses values (seen in pyarrow 26)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, unwrapped(values.flatten()), mask=values.is_null())


def one_nan(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return floats in which every NaN has the same bits: the array itself where there is none."""
    import numpy as np

    missing = np.isnan(values)
    if not missing.any():
        return values
    out = values.copy()
    out[missing] = np.nan
    return out


def present(values: pa.Array) -> np.ndarray[Any, Any] | None:
    """Return which values are not null; None when all are there."""
    found: np.ndarray[Any, Any] = values.is_valid().to_numpy(zero_copy_only=False)
    return found if values.null_count else None


def is_float(kind: pa.DataType) -> bool:
    """Tell whether a type's values are floats, for which missing and not a number are one."""
    return str(kind) in _FLOAT_TYPES


def floats(values: pa.Array) -> np.ndarray[Any, Any]:
    """Return the numbers of a float array: a null is NaN, and every NaN has the same bits."""
    import numpy as np

    numbers: np.ndarray[Any, Any] = np.frombuffer(fixed_bytes(values), _FLOAT_TYPES[str(values.type)])
    mask = present(values)
    if mask is not None:
        numbers = numbers.copy()
        numbers[~mask] = np.nan
    return one_nan(numbers)


def _feed(digest: _Digest, values: pa.Array) -> None:
    """Hash how many values there are, which are missing, and those that are there."""
    import numpy as np
    import pyarrow as pa

    values = unwrapped(values)
    digest.update(struct.pack("<Q", len(values)))
    if is_float(values.type):
        digest.update(floats(values))  # NaN is how a float is missing
        return
    mask = present(values)
    digest.update(struct.pack("<Q", values.null_count))
    if mask is not None:
        digest.update(np.packbits(~mask, bitorder="little"))
        values = values.drop_null()
    if not pa.types.is_null(values.type):
        _feed_present(digest, values)


def _feed_present(digest: _Digest, values: pa.Array) -> None:
    """Hash values none of which is missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_boolean(kind):
        digest.update(np.packbits(values.to_numpy(zero_copy_only=False), bitorder="little"))
    elif is_text(kind) or is_bytes(kind):
        data, offsets = text_buffers(values)
        digest.update(np.diff(offsets).astype("<u8", copy=False))
        digest.update(data)
    elif pa.types.is_map(kind):
        offsets = values.offsets.to_numpy()
        digest.update(np.diff(offsets).astype("<u8"))
        for part in (values.keys, values.items):
            _feed(digest, part.slice(offsets[0], offsets[-1] - offsets[0]) if len(offsets) else part)
    elif is_list(kind):
        digest.update(pc.list_value_length(values).to_numpy().astype("<u8"))
        _feed(digest, values.flatten())
    elif pa.types.is_struct(kind):
        for part in values.flatten():
            _feed(digest, part)
    elif hasattr(kind, "unit"):
        unit, numbers = coarsest(values)
        digest.update(framed(unit.encode()))
        digest.update(numbers)
    else:
        digest.update(fixed_bytes(values))


def text_buffers(values: pa.Array) -> tuple[memoryview, np.ndarray[Any, Any]]:
    """Return the bytes of texts, and where each begins and ends in them; a missing text may hold bytes."""
    import numpy as np

    if not len(values):
        return memoryview(b""), np.zeros(1, "<i8")
    _, where, data = values.buffers()
    offsets = np.frombuffer(where, "<i8", len(values) + 1, values.offset * 8)
    held = memoryview(data if data is not None else b"")
    return held[offsets[0] : offsets[-1]], offsets - offsets[0]


def coarsest(values: pa.Array) -> tuple[str, np.ndarray[Any, Any]]:
    """Return times without nulls as whole numbers of the longest unit that holds all of them exactly, and that unit."""
    import numpy as np

    unit = values.type.unit
    width = values.type.bit_width // 8
    numbers: np.ndarray[Any, Any] = np.frombuffer(fixed_bytes(values), f"<i{width}").astype("<i8", copy=False)
    while unit in _THOUSANDS and not np.remainder(numbers[:64], 1000).any() and not np.remainder(numbers, 1000).any():
        unit, numbers = _THOUSANDS[unit], numbers // 1000
    return unit, numbers


def fixed_bytes(values: pa.Array) -> memoryview:
    """Return the bytes of values of a fixed width."""
    width = values.type.bit_width // 8
    buffer = values.buffers()[1]
    if buffer is None or not len(values):
        return memoryview(b"")
    return memoryview(buffer)[values.offset * width : (values.offset + len(values)) * width]
