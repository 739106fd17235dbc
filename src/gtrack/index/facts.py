"""What is to be known of many indexed runs without their documents: columns, which metrics they have, which goals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

from gtrack.index.columns import Cell, Column, Line, newest_first, one_of
from gtrack.index.compiler import compile_about, compile_columns
from gtrack.index.fields import Field, Value
from gtrack.index.query import Query
from gtrack.index.rows import decode
from gtrack.index.store import Store

__all__ = ["IndexedRuns"]

_MOST_JOINS = 50
"""SQLite joins 64 tables at most."""

_METRICS = """
SELECT k.name, count(*) FROM metric m CROSS JOIN run r ON r.run = m.run JOIN key k ON k.key = m.key
WHERE {where} GROUP BY m.key
"""
_DECLARED = """
SELECT DISTINCT r.experiment, k.name FROM metric m CROSS JOIN run r ON r.run = m.run JOIN key k ON k.key = m.key
WHERE m.goal IS NOT NULL AND {where}
"""
_NEWEST_GOAL = """
SELECT r.sorted, r.id, m.goal FROM run r CROSS JOIN metric m ON m.key = %(key)d AND m.run = r.run
WHERE EXISTS (SELECT 1 FROM metric WHERE key = %(key)d AND goal IS NOT NULL) AND m.goal IS NOT NULL AND {where}
ORDER BY r.sorted DESC, r.id DESC LIMIT 1
"""
_PARAMS = """
SELECT k.name FROM key k WHERE (k.scope = 'params' OR k.scope = 'params{{}}') AND EXISTS (
  SELECT 1 FROM value v JOIN run r ON r.run = v.run
  WHERE v.key = k.key AND (k.scope = 'params' OR v.value = '{{}}') AND {where}
)
"""


@dataclass(frozen=True, slots=True)
class IndexedRuns:
    """The runs of an index that a question selects.

    Attributes:
        store: The index.
        query: Which runs; order and limit do not matter.
        now_us: The present, in microseconds since the epoch.
        without: Ids of runs to leave out.
    """

    store: Store
    query: Query
    now_us: int
    without: Sequence[str] = ()

    def lines(self, columns: Sequence[Column]) -> list[Line]:
        """Return a line for every run, the newest first: what it is sorted by, its id, and its cells."""
        with self.store.reading():
            parts = [self._lines(columns[at : at + _MOST_JOINS]) for at in range(0, len(columns) or 1, _MOST_JOINS)]
        if len(parts) == 1:
            return parts[0]
        return [(*first, *(cell for part in more for cell in part[2:])) for first, *more in zip(*parts, strict=True)]

    def _lines(self, columns: Sequence[Column]) -> list[Line]:
        statement = compile_columns(self.query, columns, self.store.keys_of, now_us=self.now_us, without=self.without)
        lines: list[Line] = self.store.rows(statement, now_us=self.now_us)
        for at, column in enumerate(columns):
            if isinstance(column, Field) and column.scope == "datasets":
                lines = _with_datasets(lines, at + 2, self._datasets(column.key))
            elif column != "configuration":
                lines = _decoded(lines, at + 2)
        return newest_first(lines)

    def _datasets(self, name: str) -> Mapping[int, list[Value]]:
        """Return what the inputs of runs are called, or another fact of them, by the runs' numbers."""
        out: dict[int, list[Value]] = {}
        with self.store.reading() as db:
            for run, stored in db.execute(f'SELECT run, "{name}" FROM dataset ORDER BY run, number'):  # noqa: S608  # a word of ours
                if (value := decode(stored)) is not None:
                    out.setdefault(run, []).append(value)
        return out

    def count(self, column: Literal["experiment", "status"]) -> Counter[str]:
        """Return the experiments, or the statuses, of runs, each with the number of its runs."""
        rows = self._about(f"SELECT r.{column}, count(*) FROM run r WHERE {{where}} GROUP BY r.{column}")  # noqa: S608  # words of ours
        return Counter({str(decode(name)): count for name, count in rows})

    def metrics(self) -> Counter[str]:
        """Return the metrics that runs have, each with the number of runs that have it."""
        with self.store.reading():
            if self.query.is_of_all and not self.without and self._are_all():
                return Counter(self.store.keys("metrics"))
            return Counter(dict(self._about(_METRICS)))

    def _are_all(self) -> bool:
        (counted,) = self._about("SELECT count(*), (SELECT count(*) FROM run) FROM run r WHERE {where}")
        return bool(counted[0] == counted[1])

    def declared(self) -> set[tuple[str, str]]:
        """Return experiments and metrics: those whose goal a run declared."""
        return {(str(decode(experiment)), key) for experiment, key in self._about(_DECLARED)}

    def newest_goal(self, key: str) -> tuple[int, str, str] | None:
        """Return what the newest run to declare a goal for a metric said.

        Returns:
            What the run is sorted by, its id, and ``min`` or ``max``; None where there is no such run.
        """
        with self.store.reading():
            for number in self.store.keys_of("metrics", key):
                for found in self._about(_NEWEST_GOAL % {"key": number}):
                    return found
        return None

    def params(self) -> set[str]:
        """Return the params that runs have, those in inner maps by names with dots."""
        return {name for (name,) in self._about(_PARAMS)}

    def _about(self, text: str) -> list[tuple[Any, ...]]:
        with self.store.reading():
            statement = compile_about(self.query, text, self.store.keys_of, now_us=self.now_us, without=self.without)
            return self.store.rows(statement, now_us=self.now_us)


def _decoded(lines: list[Line], at: int) -> list[Line]:
    """Decode the cells of a column, of which most are as they are."""
    if bytes not in set(map(type, map(itemgetter(at), lines))):
        return lines
    return [_with_cell(line, at, decode(line[at])) if type(line[at]) is bytes else line for line in lines]


def _with_datasets(lines: list[Line], at: int, datasets: Mapping[int, list[Value]]) -> list[Line]:
    return [_with_cell(line, at, one_of(datasets.get(line[at], ()))) for line in lines]  # type: ignore[arg-type]  # its number


def _with_cell(line: Line, at: int, cell: Cell) -> Line:
    return (*line[:at], cell, *line[at + 1 :])
