"""Examples of a model's input, as JSON in the way that MLflow writes and reads them.

See ``_Example`` in ``mlflow/models/utils.py``.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
import os
from collections.abc import Mapping
from typing import Any

from gtrack.flavors.arrays import as_array, is_table

__all__ = ["write_example"]

_FILE, _SERVING = "input_example.json", "serving_input_example.json"
_MOST_BYTES = 4 << 20


def write_example(example: Any, folder: str) -> dict[str, str] | None:
    """Write an example into a model's folder, and what a scoring server would be sent.

    Args:
        example: A table, an array, a tensor, arrays by name, or what JSON has.
        folder: The model's folder.

    Returns:
        What ``MLmodel`` says of it; None where it is of no such kind, or has more than 4 MiB as JSON.
    """
    found = _encoded(example)
    if found is None:
        return None
    info, content, serving = found
    try:
        text = json.dumps(_plain(content), ensure_ascii=False)
        sent = json.dumps(_plain(serving), ensure_ascii=False)
    except (TypeError, ValueError):
        return None
    if len(text) > _MOST_BYTES:
        return None
    for name, data in ((_FILE, text), (_SERVING, sent)):
        with open(os.path.join(folder, name), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(data)
    return {"artifact_path": _FILE, "serving_input_path": _SERVING, **info}


def _encoded(example: Any) -> tuple[dict[str, str], object, object] | None:
    """Return what MLmodel says, the example, and what a scoring server is sent."""
    if is_table(example):
        names = [str(name) for name in example.columns]
        columns = [example[name].to_list() for name in example.columns]
        table: dict[str, object] = {"data": [list(row) for row in zip(*columns, strict=True)]}
        numbered = list(example.columns) == list(range(len(names)))
        if not numbered:
            table = {"columns": names, **table}
        orient = "values" if numbered else "split"
        return {"type": "dataframe", "pandas_orient": orient}, table, {"dataframe_split": table}
    if isinstance(example, Mapping) and example and all(map(_is_array, example.values())):
        arrays = {str(name): as_array(values).tolist() for name, values in example.items()}
        return {"type": "ndarray"}, arrays, {"inputs": arrays}
    if _is_array(example):
        values = as_array(example).tolist()
        return {"type": "ndarray"}, values, {"inputs": values}
    if isinstance(example, Mapping | list | str | int | float | bool | datetime.datetime):
        return {"type": "json_object"}, example, {"inputs": example}
    return None


def _is_array(value: object) -> bool:
    """Tell whether something is a dense array or tensor."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and (hasattr(value, "tolist") or hasattr(value, "numpy"))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: NaN as null, bytes in base64, times in ISO 8601."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _plain_scalar(value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    return value.isoformat() if isinstance(value, datetime.date) else value
