"""Many runs at once into the tables of the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gtrack.index.rows import Rows, Stored, environment_digest

__all__ = ["Writer"]

_BATCH = 8 << 20
"""Characters of documents whose rows are gathered before they are written."""


class Writer:
    """Adds many runs, key by key: rows of one key lie side by side in the file.

    Args:
        db: The index, within a transaction.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._next = (db.execute("SELECT max(run) FROM run").fetchone()[0] or 0) + 1
        self._keys: dict[tuple[str, str], int] = {}
        self._environments: dict[bytes, int] = {}
        self._size = 0
        self._runs: list[tuple[Stored, ...]] = []
        self._documents: list[tuple[Stored, ...]] = []
        self._datasets: list[tuple[Stored, ...]] = []
        self._values: dict[int, list[tuple[Stored, ...]]] = {}
        self._metrics: dict[int, list[tuple[Stored, ...]]] = {}

    def add(self, rows: Rows) -> None:
        """Add a run that the index does not have."""
        run, self._next = self._next, self._next + 1
        self._runs.append((run, *rows.run, self._environment(rows.environment)))
        self._documents.append((run, rows.body))
        for scope, key, value in rows.values:
            number = self._key(scope, key)
            self._values.setdefault(number, []).append((number, run, value))
        for key, *summary in rows.metrics:
            number = self._key("metrics", key)
            self._metrics.setdefault(number, []).append((number, run, *summary))
        self._datasets += [(run, number, *row) for number, row in enumerate(rows.datasets)]
        self._size += len(rows.body)
        if self._size >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        for table, rows in (("run", self._runs), ("document", self._documents), ("dataset", self._datasets)):
            self._insert(table, rows)
            rows.clear()
        for table, keyed in (("value", self._values), ("metric", self._metrics)):
            for number in sorted(keyed):
                self._insert(table, keyed[number])
                self._db.execute("UPDATE key SET runs = runs + ? WHERE key = ?", (len(keyed[number]), number))
            keyed.clear()
        self._size = 0

    def _insert(self, table: str, rows: Sequence[tuple[Stored, ...]]) -> None:
        if rows:
            marks = ",".join("?" * len(rows[0]))
            self._db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  # a word of ours, and marks

    def _key(self, scope: str, name: str) -> int:
        number = self._keys.get((scope, name))
        if number is None:
            place = (scope, name)
            self._db.execute("INSERT OR IGNORE INTO key (scope, name) VALUES (?, ?)", place)
            row = self._db.execute("SELECT key FROM key WHERE scope = ? AND name = ?", place).fetchone()
            number = self._keys[place] = row[0]
        return number

    def _environment(self, text: str) -> int:
        digest = environment_digest(text)
        number = self._environments.get(digest)
        if number is None:
            self._db.execute("INSERT OR IGNORE INTO environment (digest, body) VALUES (?, ?)", (digest, text))
            row = self._db.execute("SELECT environment FROM environment WHERE digest = ?", (digest,)).fetchone()
            number = self._environments[digest] = row[0]
        return number
