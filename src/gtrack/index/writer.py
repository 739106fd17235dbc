"""Many runs at once into the tables of the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gtrack.index.rows import Rows, Stored, environment_digest
from gtrack.index.schema import SUMMARY

__all__ = ["Writer"]

_BATCH = 2 << 20
"""Characters of documents whose rows are gathered before they are written."""
_AT_ONCE = 600
"""Values that one statement inserts: of three or a dozen values at a time, half of the work is in the calls."""


class Writer:
    """Adds many runs, key by key: rows of one key lie side by side in the file.

    Args:
        db: The index, within a transaction.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._next = (db.execute("SELECT max(run) FROM run").fetchone()[0] or 0) + 1
        self._keys: dict[tuple[str, str], int] = {}
        self._environments: dict[str, int] = {}
        self._size = 0
        self._width = 1
        # Rows one after the other, value by value.
        self._tables: dict[str, list[Stored]] = {"run": [], "document": [], "dataset": []}
        self._values: dict[int, list[Stored]] = {}
        self._metrics: dict[int, list[Stored]] = {}

    def add(self, rows: Rows) -> None:
        """Add a run that the index does not have."""
        run, self._next = self._next, self._next + 1
        tables, self._width = self._tables, len(rows.run) + 2
        tables["run"] += (run, *rows.run, self._environment(rows.environment))
        tables["document"] += (run, rows.body)
        for number, row in enumerate(rows.datasets):
            tables["dataset"] += (run, number, *row)
        for scope, key, value in rows.values:
            number = self._key(scope, key)
            self._values.setdefault(number, []).extend((number, run, value))
        for key, *summary in rows.metrics:
            number = self._key("metrics", key)
            self._metrics.setdefault(number, []).extend((number, run, *summary))
        self._size += len(rows.body)
        if self._size >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        for table, width in (("run", self._width), ("document", 2), ("dataset", 5)):
            self._insert(table, self._tables[table], width)
            self._tables[table].clear()
        for table, keyed, width in (("value", self._values, 3), ("metric", self._metrics, 2 + len(SUMMARY))):
            for number in sorted(keyed):
                rows = self._insert(table, keyed[number], width)
                self._db.execute("UPDATE key SET runs = runs + ? WHERE key = ?", (rows, number))
            keyed.clear()
        self._size = 0

    def _insert(self, table: str, values: Sequence[Stored], width: int) -> int:
        """Insert rows of so many values, many rows at a time; return how many there were."""
        many = max(1, _AT_ONCE // width) * width
        whole = len(values) - len(values) % many
        row = f"({','.join('?' * width)})"
        for size, start, end in ((many, 0, whole), (width, whole, len(values))):
            if start == end:
                continue
            sql = f"INSERT INTO {table} VALUES {','.join([row] * (size // width))}"  # noqa: S608  # a word of ours, and marks
            self._db.executemany(sql, (values[at : at + size] for at in range(start, end, size)))
        return len(values) // width

    def _key(self, scope: str, name: str) -> int:
        number = self._keys.get((scope, name))
        if number is None:
            place = (scope, name)
            self._db.execute("INSERT OR IGNORE INTO key (scope, name) VALUES (?, ?)", place)
            row = self._db.execute("SELECT key FROM key WHERE scope = ? AND name = ?", place).fetchone()
            number = self._keys[place] = row[0]
        return number

    def _environment(self, text: str) -> int:
        number = self._environments.get(text)
        if number is None:
            digest = environment_digest(text)
            self._db.execute("INSERT OR IGNORE INTO environment (digest, body) VALUES (?, ?)", (digest, text))
            row = self._db.execute("SELECT environment FROM environment WHERE digest = ?", (digest,)).fetchone()
            number = self._environments[text] = row[0]
        return number
