"""Signatures: which input a model takes and what it returns, as MLflow writes them.

A schema is JSON: columns ``{"type": "double", "name": "age", "required": true}`` or tensors ``{"type": "tensor",
"tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}``. See ``mlflow/types/schema.py`` and ``mlflow/types/utils.py``.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gtrack.errors import UsageError
from gtrack.flavors.arrays import is_table

__all__ = ["given_signature", "infer_schema", "signature_of"]

_MOST_COLUMNS = 2000
_PARTS = ("inputs", "outputs", "params")


def signature_of(example: object, result: object) -> dict[str, object] | None:
    """Return the signature that an example of the input, and what the model made of it, show.

    Args:
        example: The input.
        result: The prediction; None where there is none.

    Returns:
        Schemas in JSON, or null each; None where the input is of no kind that a schema tells of.

    Example:
        >>> signature_of(np.zeros((5, 3)), np.zeros(5))["inputs"]
        '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]'
    """
    inputs = infer_schema(example)
    if inputs is None:
        return None
    outputs = None if result is None else infer_schema(result)
    return {"inputs": _text(inputs), "outputs": None if outputs is None else _text(outputs), "params": None}


def given_signature(signature: object) -> dict[str, object]:
    """Return a signature that the caller made: MLflow's own, or a map of ``inputs`` and ``outputs``.

    Args:
        signature: The signature; its schemas are JSON, or the lists that it stands for.

    Raises:
        UsageError: It is none.
    """
    to_dict = getattr(signature, "to_dict", None)
    said = to_dict() if callable(to_dict) else signature
    if not isinstance(said, Mapping) or not said.get("inputs"):
        raise UsageError(f"a {type(signature).__name__} is no signature", hint="mlflow.models.infer_signature(X, y)")
    parts = {name: said.get(name) for name in _PARTS}
    return {name: part if part is None or isinstance(part, str) else json.dumps(part) for name, part in parts.items()}


def infer_schema(data: Any) -> list[dict[str, object]] | None:
    """Return the schema of some input or output; None where it is of no kind that a schema tells of.

    Args:
        data: A table of pandas or polars, an array, a tensor, arrays by name, a column, texts, or maps of scalars.
    """
    if is_table(data):
        return _columns({str(name): data[name] for name in data.columns})
    if isinstance(data, Mapping):
        return _of_map(data)
    if isinstance(data, list | tuple):
        return _of_list(data)
    if type(data).__name__ == "Series" and hasattr(data, "dtype"):
        kind = _column_type(data)
        name = None if data.name in (None, "") else str(data.name)
        return None if kind is None else [_column(kind, name, _is_complete(data.to_list()))]
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return [_tensor(data)]
    kind = _scalar_type(data)
    return None if kind is None else [_column(kind, None, True)]


def _text(schema: list[dict[str, object]]) -> str:
    return json.dumps(schema, ensure_ascii=False)


def _of_map(data: Mapping[Any, Any]) -> list[dict[str, object]] | None:
    if data and all(hasattr(value, "shape") and hasattr(value, "dtype") for value in data.values()):
        return [_tensor(value, str(name)) for name, value in data.items()]
    kinds = {str(name): _scalar_type(value) for name, value in data.items()}
    if not kinds or None in kinds.values():
        return None
    return [_column(str(kind), name, True) for name, kind in kinds.items()]


def _of_list(data: Sequence[Any]) -> list[dict[str, object]] | None:
    if data and all(isinstance(item, Mapping) for item in data):
        names = dict.fromkeys(str(name) for item in data for name in item)
        return _columns({name: [item.get(name) for item in data] for name in names})
    kinds = {_scalar_type(item) for item in data}
    if len(kinds) != 1 or None in kinds:
        return None
    return [_column(str(kinds.pop()), None, True)]


def _columns(columns: Mapping[str, Any]) -> list[dict[str, object]] | None:
    if not 0 < len(columns) <= _MOST_COLUMNS:
        return None
    schema = []
    for name, values in columns.items():
        kind = _column_type(values)
        if kind is None:
            return None
        schema.append(_column(kind, name, _is_complete(values if isinstance(values, list) else values.to_list())))
    return schema


def _column(kind: str, name: str | None, required: bool) -> dict[str, object]:
    return {"type": kind, **({} if name is None else {"name": name}), "required": required}


def _column_type(values: Any) -> str | None:
    """Return MLflow's type of a column."""
    dtype = getattr(values, "dtype", None)
    kind, size = getattr(dtype, "kind", None), getattr(dtype, "itemsize", 8)
    if kind is not None and kind != "O" and str(dtype) not in ("str", "string"):
        return _type_of_kind(str(kind), int(size))
    named = {"Float32": "float", "Float64": "double", "Int64": "long", "UInt32": "long", "Boolean": "boolean"}
    small = dict.fromkeys(("Int8", "Int16", "Int32", "UInt8", "UInt16"), "integer")
    known = {**named, **small, "String": "string", "Binary": "binary"}.get(str(dtype))  # those of polars
    if known is not None:
        return known
    kinds = {
        _scalar_type(item) for item in (values if isinstance(values, list) else values.to_list()) if _is_there(item)
    }
    return kinds.pop() if len(kinds) == 1 else None


def _type_of_kind(kind: str, size: int) -> str | None:
    """Return MLflow's type for a kind of numpy's, as ``_infer_numpy_dtype`` has it."""
    if kind in "iu":
        small = size < 4 or (kind == "i" and size == 4)
        return "integer" if small else "long" if size < 8 or kind == "i" else None
    if kind == "f":
        return "float" if size <= 4 else "double" if size <= 8 else None
    return {"b": "boolean", "U": "string", "S": "binary", "M": "datetime"}.get(kind)


def _scalar_type(value: Any) -> str | None:
    dtype = getattr(value, "dtype", None)
    if dtype is not None and getattr(value, "shape", None) == ():
        return _type_of_kind(str(getattr(dtype, "kind", "")), int(getattr(dtype, "itemsize", 8)))
    if isinstance(value, datetime.date):
        return "datetime"
    names = {bool: "boolean", int: "long", float: "double", str: "string", bytes: "binary"}
    return names.get(type(value))


def _tensor(data: Any, name: str | None = None) -> dict[str, object]:
    """Return the schema of an array, of which the first axis is as long as there are examples."""
    shape = [-1, *(int(length) for length in data.shape[1:])] if len(data.shape) else []
    spec = {"dtype": _dtype_name(data.dtype), "shape": shape}
    return {"type": "tensor", **({} if name is None else {"name": name}), "tensor-spec": spec}


def _dtype_name(dtype: Any) -> str:
    kind = getattr(dtype, "kind", "")
    if kind in ("U", "S"):
        return "str" if kind == "U" else "bytes"
    return str(getattr(dtype, "name", None) or str(dtype).rpartition(".")[2])


def _is_there(value: object) -> bool:
    return value is not None and value == value  # noqa: PLR0124  (NaN is not itself)


def _is_complete(values: Sequence[object]) -> bool:
    return all(map(_is_there, values))
