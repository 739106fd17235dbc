"""Reading params and metrics from files and from the command line, for ``gtrack log``.

Files are opened because their owner named them on the command line; they are parsed as data, never evaluated.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Any

from gtrack.errors import ParseError, UsageError
from gtrack.ops.rows import (
    Row,
    csv_rows,
    document_rows,
    json_lines,
    kind_of,
    parquet_rows,
    parse_document,
    read_file,
    short,
    suffix_of,
)

__all__ = ["Metrics", "Point", "parse_assignment", "parse_metric_assignment", "read_metrics", "read_params"]

Point = tuple[str, int | None, int | None, float]
"""Key, step or None, time in microseconds since the epoch or None, value."""

_STEPS = ("step", "global_step", "_step", "iteration", "epoch")  # the finest first
_TIMES = ("time", "timestamp", "_timestamp", "wall_time")
_EMPTY = frozenset({"", "na", "n/a", "null", "none"})
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z|[+-]?\.?(?:inf|nan)\Z", re.IGNORECASE)
_WORDS = {"true": True, "false": False, "null": None}


@dataclass
class Metrics:
    """What :func:`read_metrics` found.

    Args:
        points: Every value, in the order of the file.
        skipped: Name of a column and why it, or part of it, is no metric.
    """

    points: list[Point] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def read_params(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the params of a YAML, JSON or TOML file, nested as they are there.

    Args:
        path: A file ending in .yaml, .yml, .json or .toml.

    Returns:
        Plain values: text, numbers, booleans, None, lists and maps; dates become ISO 8601 text.

    Raises:
        NotFoundError: There is no such file.
        UsageError: The format is not known, the file is too large, or its top level is not a map.
        ParseError: The file is damaged; the message names the line where it is known.
    """
    name = os.fspath(path)
    suffix = suffix_of(name)
    if suffix not in (".yaml", ".yml", ".json", ".toml"):
        raise UsageError(f"{name}: params are read from .yaml, .yml, .json and .toml files", hint="rename the file")
    document = parse_document(name, suffix, read_file(name))
    if not isinstance(document, dict):
        raise UsageError(f"{name}: holds {kind_of(document)}, not a map of names to values", hint="write name: value")
    plain: dict[str, Any] = _plain(document)
    return plain


def read_metrics(path: str | os.PathLike[str]) -> Metrics:
    """Return the metrics of a YAML, JSON, JSON lines, CSV or Parquet file.

    Rows (lines, or maps in a list) with a column ``step``, ``global_step``, ``_step``, ``iteration`` or ``epoch`` are
    points of series; without one, several rows count from 0. A single row, such as a map, holds last values. Nested
    names are joined by ".". A column ``time``, ``timestamp`` or ``wall_time`` gives the time, when it holds seconds
    (or milli-, micro-, nanoseconds) since 1970 or ISO 8601 text, in UTC unless it says otherwise. NaN and infinities
    are values; empty cells are not.

    Args:
        path: A file ending in .yaml, .yml, .json, .jsonl, .ndjson, .csv, .tsv or .parquet.

    Raises:
        NotFoundError: There is no such file.
        UsageError: The format is not known, or the file is too large.
        ParseError: The file is damaged; the message names the line where it is known.
    """
    name = os.fspath(path)
    suffix = suffix_of(name)
    skipped: list[tuple[str, str]] = []
    if suffix in (".yaml", ".yml", ".json"):
        rows = document_rows(name, parse_document(name, suffix, read_file(name)))
    elif suffix in (".jsonl", ".ndjson"):
        rows = json_lines(name, read_file(name), skipped)
    elif suffix in (".csv", ".tsv"):
        rows = csv_rows(name, read_file(name))
    elif suffix == ".parquet":
        rows = parquet_rows(name, read_file(name))
    else:
        raise UsageError(
            f"{name}: metrics are read from .yaml, .json, .jsonl, .csv, .tsv and .parquet files",
            hint="rename the file",
        )
    metrics = _Collector(name).collect(rows)
    metrics.skipped += skipped
    return metrics


def parse_assignment(text: str) -> tuple[str, Any]:
    """Return key and typed value of ``key=value``.

    The value is an integer, a float, ``true``, ``false``, ``null``, a JSON list or map, quoted text, or else text.

    Raises:
        UsageError: There is no ``=``, or nothing before it.

    Example:
        >>> parse_assignment("lr=1e-4")
        ('lr', 0.0001)
    """
    key, value = _split(text, "lr=0.1")
    return key, _typed(value)


def parse_metric_assignment(text: str) -> tuple[str, float]:
    """Return key and value of ``key=number``.

    Raises:
        UsageError: There is no ``=``, nothing before it, or no number after it.

    Example:
        >>> parse_metric_assignment("val_auc=0.941")
        ('val_auc', 0.941)
    """
    key, value = _split(text, "val_auc=0.941")
    if not _FLOAT.match(value):
        raise UsageError(f"the metric {key} is {value!r}, which is not a number", hint=f"{key}=0.5")
    return key, _number(value)


def _split(text: str, example: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"{text!r} is not of the form key=value", hint=f"for example {example}")
    return key.strip(), value.strip()


def _number(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _typed(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text) if len(text) < 4000 else text  # int() refuses more than 4,300 digits
    if _FLOAT.match(text) and not re.match(r"[+-]?0[0-9]", text):  # 007 is a name
        return _number(text)
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    if text.startswith(("[", "{", '"')):
        with suppress(ValueError, RecursionError):
            text = json.loads(text)
    return text


class _Collector:
    """Turns rows into points, a column at a time deciding what it is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._metrics = Metrics()
        self._bad: dict[str, tuple[int, str]] = {}  # column -> how many cells are no numbers, and the first
        self._good: set[str] = set()

    def collect(self, rows: Iterable[Row]) -> Metrics:
        points = self._metrics.points
        count, stepped = 0, False
        for where, nested in rows:
            row = dict(_flatten("", nested))
            step_column, step = self._step(where, row)
            time_column, moment = _moment(row)
            if step is not None and not stepped:  # rows without a step, among rows with one, are last values
                points[:], stepped = _without_step(points), True
            for key, cell in row.items():
                if key not in (step_column, time_column):
                    self._add(where, key, step if stepped else count, moment, cell)
            count += 1
        if count == 1 and not stepped:
            points[:] = _without_step(points)
        for key, (bad, first) in self._bad.items():
            reason = (
                f"{bad:,} cells are not numbers, the first is {first}"
                if key in self._good
                else f"not a number: {first}"
            )
            self._metrics.skipped.append((key, reason))
        return self._metrics

    def _add(self, where: str, key: str, step: int | None, moment: int | None, cell: Any) -> None:
        if _is_empty(cell):
            return
        value = _value(cell)
        if value is None:
            bad, first = self._bad.get(key, (0, f"{short(cell)} in {where}"))
            self._bad[key] = bad + 1, first
        else:
            self._good.add(key)
            self._metrics.points.append((key, step, moment, value))

    def _step(self, where: str, row: Mapping[str, Any]) -> tuple[str | None, int | None]:
        columns = {_plain_name(key): key for key in row}
        for name in _STEPS:
            column = columns.get(name)
            if column is None:
                continue
            value = None if _is_empty(row[column]) else _value(row[column])
            if value is not None and value.is_integer() and abs(value) < 2**63:
                return column, int(row[column]) if isinstance(row[column], int) else int(value)
            if name == "epoch" and value is not None and math.isfinite(value):
                continue  # a fraction of an epoch is a metric
            raise ParseError(
                f"{self._name} {where}: {column} is {short(row[column])}, not a whole number",
                hint="give every row a step, or remove the column to count the rows",
            )
        return None, None


def _without_step(points: list[Point]) -> list[Point]:
    return [(key, None, moment, value) for key, _, moment, value in points]


def _moment(row: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return the column that holds the time, and the time in microseconds."""
    for column, cell in row.items():
        if _plain_name(column) in _TIMES:
            moment = _microseconds(cell)
            if moment is not None:
                return column, moment
    return None, None


def _microseconds(cell: Any) -> int | None:
    if isinstance(cell, datetime):
        moment = cell if cell.tzinfo else cell.replace(tzinfo=UTC)
        return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
    number = _value(cell)
    if number is None and isinstance(cell, str):
        with suppress(ValueError):
            return _microseconds(datetime.fromisoformat(cell.strip()))
    # The unit shows in the size. Below 2001 it is not a date but a duration, and so a metric.
    if number is None or not 1e9 <= number < 2**63:
        return None
    if number >= 1e15:
        exact = cell if isinstance(cell, int) else int(number)
        return exact // 1000 if number >= 1e18 else exact
    return round(number * (1e3 if number >= 1e12 else 1e6))


def _value(cell: Any) -> float | None:
    """Return the number a cell holds, or None when it holds something else."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, str):
        text = cell.strip()
        return _number(text) if _FLOAT.match(text) else None
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in _EMPTY)


def _plain_name(column: str) -> str:
    return column.strip().lower().replace(" ", "_")


def _flatten(prefix: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping):
            yield from _flatten(f"{name}.", inner)
        else:
            yield name, inner


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime | date | time_of_day) else value
