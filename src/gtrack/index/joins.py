"""What brings the values of fields to runs, as parts of a statement: to sort by them, or to return them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gtrack.index.columns import CONFIGURATION, Column, Headline
from gtrack.index.fields import Field
from gtrack.index.rows import Stored

__all__ = ["Joins", "Keys", "attribute", "numbers_of", "summary"]

Keys = Callable[[str, str], Sequence[int]]
"""From a scope and a key to the numbers of the key in the index: none when no run has it."""

_NAN = "x'6e'"


class Joins:
    """Gathers the joins of a statement.

    Args:
        keys: Looks up keys.
        give: Adds a parameter to the statement, and returns its place in the text.
        run: The SQL of a run's number. What is in ``run`` itself is taken from the table ``r``.

    Attributes:
        tables: Tables to stand after ``WITH``, each with a comma before it.
        sql: The joins.
    """

    def __init__(self, keys: Keys, give: Callable[[Stored], str], run: str = "r.run") -> None:
        self._keys, self._give, self._run = keys, give, run
        self._count = 0
        self.tables = ""
        self.sql = ""

    def value(self, asked: Field) -> str:
        """Join a field's value, and return its SQL. Of a metric that is NaN as of one that is missing, it is null."""
        if asked.scope == "attributes":
            return attribute(asked, "r")
        name = self._name()
        if asked.scope == "environment":
            found = f"SELECT environment, lookup(body, {self._give(asked.key)}) AS value FROM environment"  # noqa: S608  # it is a parameter
            self.tables += f", {name} AS MATERIALIZED ({found})"
            self.sql += f" LEFT JOIN {name} ON {name}.environment = r.environment"
            return f"{name}.value"
        table = "metric" if asked.scope == "metrics" else "value"
        self._join(table, name, numbers_of(asked, self._keys))
        return summary(asked, name) if table == "metric" else f"{name}.value"

    def cell(self, column: Column) -> str:
        """Join what is asked of a run, and return its SQL: encoded, NaN included. Of datasets, the run's number."""
        if column == CONFIGURATION:
            return "r.configuration"
        if isinstance(column, Headline):
            name = self._name()
            self._join("metric", name, self._keys("metrics", column.key))
            goal = column.goal
            best = f'{name}."{goal.direction}", ' if goal is not None and goal.declared else ""
            return f"CASE WHEN {name}.run IS NOT NULL THEN coalesce({best}{name}.last, {_NAN}) END"
        assert isinstance(column, Field)
        if column.scope == "datasets":
            return self._run
        if column.scope == "metrics" and column.aggregate == "last":
            return self.cell(Headline(column.key))
        return self.value(column)

    def _name(self) -> str:
        self._count += 1
        return f"j{self._count}"

    def _join(self, table: str, name: str, keys: Sequence[int]) -> None:
        among = ", ".join(map(str, keys)) or "-1"
        self.sql += f" LEFT JOIN {table} {name} ON {name}.key IN ({among}) AND {name}.run = {self._run}"


def numbers_of(asked: Field, keys: Keys) -> list[int]:
    """Return the numbers of a key: a run has one of them, a value or a map of values."""
    return [*keys(asked.scope, asked.key), *keys(asked.scope + "{}", asked.key)]


def attribute(asked: Field, table: str) -> str:
    """Return the SQL of an attribute."""
    # Live runs are not in the index.
    return "x'00'" if asked.key == "live" else f'{table}."{asked.key}"'


def summary(asked: Field, table: str) -> str:
    """Return the SQL of what is asked of a metric's series."""
    if asked.aggregate == "best":
        return f"CASE {table}.goal WHEN 'min' THEN {table}.\"min\" WHEN 'max' THEN {table}.\"max\" END"
    return f'{table}."{asked.aggregate}"'
