"""Input as arrays, whatever table or tensor it is, without importing what it is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gtrack.flavors.flavor import need

__all__ = ["as_array", "as_columns", "is_table"]


def is_table(data: Any) -> bool:
    """Tell whether something is a table with named columns, of pandas or polars."""
    kind = type(data)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] in ("pandas", "polars")


def as_array(data: Any) -> Any:
    """Return input as an array of numpy; a table as a matrix, a tensor wherever it is.

    Args:
        data: A table, an array, a tensor, or nested lists.
    """
    if callable(getattr(data, "detach", None)):
        data = data.detach().cpu()
    if callable(getattr(data, "to_numpy", None)):
        return data.to_numpy()
    return need("numpy").asarray(data)


def as_columns(data: Any) -> dict[str, Any]:
    """Return input as arrays by name.

    Args:
        data: Arrays by name, or a table; anything else has no names.
    """
    if isinstance(data, Mapping):
        return {str(name): values for name, values in data.items()}
    return {str(name): as_array(data[name]) for name in data.columns} if is_table(data) else {}
