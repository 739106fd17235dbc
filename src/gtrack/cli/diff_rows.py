"""The difference of two runs as rows: what a table, CSV and JSON lines have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gtrack.cli.output import Column
from gtrack.cli.table import Heading
from gtrack.display.words import value_text
from gtrack.ops.compare import Comparison, MetricDifference
from gtrack.ops.data_changes import without_sketch
from gtrack.ops.differences import Difference

__all__ = ["PARTS", "Row", "both_texts", "columns", "parts_of", "rows"]

PARTS = ("run", "params", "metrics", "tags", "data", "environment", "packages", "seed", "code")
"""The parts of a comparison, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that differs.

    Attributes:
        part: One of :data:`PARTS`.
        key: Its name.
        change: ``added``, ``removed`` or ``changed``.
        a: The first run's value.
        b: The second's.
        metric: The metric, where it is one.
    """

    part: str
    key: str
    change: str
    a: object
    b: object
    metric: MetricDifference | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the row as a map."""
        out: dict[str, object] = {"part": self.part, "key": self.key, "change": self.change, "a": self.a, "b": self.b}
        return out if self.metric is None else {**out, **self.metric.to_dict()}


def parts_of(found: Comparison) -> dict[str, tuple[Difference, ...]]:
    """Return the differences of every part but the metrics, by the part's name."""
    host = () if found.host is None else (found.host,)
    return {
        "run": found.run,
        "params": found.params,
        "tags": found.tags,
        "data": found.data,
        "environment": (*found.environment, *host),
        "packages": found.packages,
        "seed": found.seed,
        "code": found.code.facts,
    }


def rows(found: Comparison, parts: Iterable[str]) -> Iterator[Row]:
    """Yield what differs, part by part; equal metrics are no difference."""
    wanted, differing = set(parts), parts_of(found)
    for part in PARTS:
        if part not in wanted:
            continue
        if part == "metrics":
            for metric in found.changed_metrics:
                change = "added" if metric.a is None else "removed" if metric.b is None else "changed"
                yield Row(part, metric.key, change, metric.a, metric.b, metric)
        else:
            plain = without_sketch if part == "data" else _as_it_is
            yield from (Row(part, d.key, d.change, plain(d.a), plain(d.b)) for d in differing[part])
        if part == "code":
            yield from _code(found)


def columns() -> list[Column[Row]]:
    """Return the columns of CSV."""

    def of_metric(name: str) -> Column[Row]:
        return Column(name, Heading(name), lambda row: row.metric.to_dict()[name] if row.metric is not None else None)

    plain: list[Column[Row]] = [
        Column("part", Heading("part"), lambda row: row.part),
        Column("key", Heading("key"), lambda row: row.key),
        Column("change", Heading("change"), lambda row: row.change),
        Column("a", Heading("a"), lambda row: row.a),
        Column("b", Heading("b"), lambda row: row.b),
    ]
    return plain + [of_metric(name) for name in ("delta", "relative", "verdict", "goal", "goal_source")]


def both_texts(change: str, a: object, b: object) -> tuple[str, str]:
    """Return two values as people read them; with their quotes where they would look the same without."""
    one = "" if change == "added" else _text(a)
    other = "" if change == "removed" else _text(b)
    if change == "changed" and one == other:
        return tuple(value_text(json.dumps(value, ensure_ascii=False, default=str)) for value in (a, b))  # type: ignore[return-value]  # two of them
    return one, other


def _as_it_is(value: object) -> object:
    return value


def _text(value: object) -> str:
    return "null" if value is None else '""' if value == "" else value_text(value)


def _code(found: Comparison) -> Iterator[Row]:
    if found.code.same is True:
        return
    for key in ("commit", "snapshot", "dirty"):
        a, b = found.code.a.get(key), found.code.b.get(key)
        if a != b:
            yield Row("code", key, "added" if a is None else "removed" if b is None else "changed", a, b)
