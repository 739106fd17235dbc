"""Metrics as plain text, for ``git log -p`` and ``git diff`` (a textconv of the Parquet files)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtrack.errors import DamageError
from gtrack.format.parquet import decode_metrics, metrics_metadata
from gtrack.text import clean

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["describe_parquet"]

MAX_KEYS = 200
"""The most keys that are described."""

_HEAD = ["key", "points", "first step", "last step", "first", "last", "min", "max"]


def describe_parquet(data: bytes, limit: int = 40) -> str:
    """Return a table of metrics as text: a line for each key, then some of the points.

    The text is a function of the points, and safe to print.

    Args:
        data: The bytes of a Parquet file; a damaged one gives one line that says so.
        limit: How many points to show at most, spread evenly over the keys and their steps.
    """
    try:
        return _described(data, limit)
    except DamageError as error:
        return f"{clean(error.message)}\n"


def _described(data: bytes, limit: int) -> str:
    import numpy as np

    table = decode_metrics(data)
    mark = "".join(f"{clean(key)}: {clean(value)}\n" for key, value in sorted(metrics_metadata(data).items()))
    if not len(table):
        return f"{mark}no points\n"
    column = table.column("key").chunk(0)
    names = column.dictionary.to_pylist()
    points = {name: table.column(name).to_numpy() for name in table.column_names if name != "key"}
    code = column.indices.to_numpy()
    rows = {name: np.flatnonzero(code == at) for at, name in list(enumerate(names))[:MAX_KEYS]}
    rows = {name: at for name, at in sorted(rows.items()) if len(at)}
    lines = [_HEAD, *([clean(name), *_summary(points, at)] for name, at in rows.items())]
    more = f"and {len(names) - MAX_KEYS:,} more keys\n" if len(names) > MAX_KEYS else ""
    text = f"{mark}{len(table):,} points of {len(names):,} keys\n\n{_aligned(lines)}{more}"
    shown = {name: _spread(at, limit // len(rows)) for name, at in rows.items()}
    if not any(len(at) for at in shown.values()):
        return text
    lines = [["key", *points], *(_point(name, points, row) for name, at in shown.items() for row in at.tolist())]
    left = len(table) - len(lines) + 1
    return f"{text}\n{_aligned(lines)}" + (f"and {left:,} more points\n" if left else "")


def _summary(points: dict[str, Array], rows: Array) -> list[str]:
    import numpy as np

    step, value = points["step"][rows], points["value"][rows]
    known = value[~np.isnan(value)]
    low, high = (known.min(), known.max()) if len(known) else (np.nan, np.nan)
    first, last = value[np.argmin(step)], value[len(step) - 1 - np.argmax(step[::-1])]
    numbers = [_number(number) for number in (first, last, low, high)]
    return [str(len(rows)), str(step.min()), str(step.max()), *numbers]


def _spread(rows: Array, count: int) -> Array:
    """Return ``count`` of ``rows``, the first and the last among them, evenly spaced."""
    import numpy as np

    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def _point(name: str, points: dict[str, Array], row: int) -> list[str]:
    cells = [clean(name)]
    for column, values in points.items():
        value = values[row]
        cells.append(_number(value) if column == "value" else f"{value}Z" if column == "time" else str(value))
    return cells


def _number(value: float) -> str:
    return f"{float(value):.6g}"


def _aligned(lines: list[list[str]]) -> str:
    """Return cells as columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    out = []
    for first, *others in lines:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        out.append(f"{first.ljust(widths[0])}  {'  '.join(cells)}\n")
    return "".join(out)
