"""Logical types of columns: what differs in storage alone has one name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OBJECT", "is_bytes", "is_list", "is_text", "type_name"]

OBJECT = "$object"
"""The one field of what holds values of any type, each as JSON."""

_UTC = frozenset({"UTC", "+00:00", "Etc/UTC", "Z", "Zulu", "Etc/UCT", "UCT", "GMT", "Etc/GMT"})
_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}


def type_name(kind: pa.DataType) -> str:
    """Return the name of an Arrow type's logical type.

    Example:
        >>> type_name(pa.dictionary(pa.int8(), pa.string())), type_name(pa.timestamp("ns", "Etc/UTC"))
        ('string', 'datetime[UTC]')
    """
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _extension(kind)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return type_name(kind.value_type)
    return _nested(kind) or _simple(kind)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether values are text, whatever the width of its offsets."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether values are bytes, of one width or not."""
    import pyarrow as pa

    is_ = pa.types
    any_width = is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_binary_view(kind)
    return bool(any_width or is_.is_fixed_size_binary(kind))


def is_list(kind: pa.DataType) -> bool:
    """Tell whether values are lists, of one length or not; a map is none."""
    import pyarrow as pa

    is_ = pa.types
    plain = is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind)
    return bool(plain or is_.is_list_view(kind) or is_.is_large_list_view(kind))


def _nested(kind: pa.DataType) -> str | None:
    """Return the name of a type that holds others; None for any other type."""
    import pyarrow as pa

    if pa.types.is_map(kind):
        return f"map<{type_name(kind.key_type)}, {type_name(kind.item_type)}>"
    if is_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pa.types.is_struct(kind) and kind.num_fields == 1 and kind.field(0).name == OBJECT:
        return "object"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{json.dumps(field.name)}: {type_name(field.type)}' for field in kind)}>"
    return None


def _simple(kind: pa.DataType) -> str:
    import pyarrow as pa

    if is_text(kind):
        return "string"
    if is_bytes(kind):
        return "binary"
    if pa.types.is_timestamp(kind):
        return "datetime" if kind.tz is None else f"datetime[{'UTC' if kind.tz in _UTC else kind.tz}]"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    for test, name in ((pa.types.is_date, "date"), (pa.types.is_time, "time"), (pa.types.is_duration, "duration")):
        if test(kind):
            return name
    return _FLOATS.get(str(kind), str(kind))


def _extension(kind: Any) -> str:
    """Return the name of an extension type, with its parameters and what it stores."""
    import pyarrow as pa

    name = str(kind)  # Arrow's own tell their parameters in it
    if isinstance(kind, pa.ExtensionType):
        name = f"{kind.extension_name}({kind.__arrow_ext_serialize__().decode('utf-8', 'backslashreplace')})"
    return f"{name} of {type_name(kind.storage_type)}"
