"""The index as a file: opened, made anew when in doubt, asked, and brought up to date in one transaction."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from gtrack.index.compiler import compile_query, functions
from gtrack.index.query import Query
from gtrack.index.rows import Rows, Stored, environment_digest, state_of
from gtrack.index.schema import FINGERPRINT, SCHEMA, VERSION
from gtrack.model.experiment import SaidOf
from gtrack.model.fold import Document
from gtrack.model.state import RunState

__all__ = ["IndexTip", "Store", "open_store"]

_PATIENCE = 60.0
"""Seconds to wait for another process that brings the index up to date: of 100,000 new runs it takes half of that."""
_CACHE_KIB = 128 << 10
_PAGE = 16 << 10
"""Bytes of a page: of a smaller one a run's document fills little more than half."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class IndexTip:
    """A reference whose files the index holds.

    Attributes:
        ref: Its full name.
        oid: The commit that it was at.
        tree: The commit's tree.
    """

    ref: str
    oid: str
    tree: str


def open_store(paths: Sequence[str], version: str) -> Store:
    """Open the index, at the first of some places that can be written; in memory where there is none.

    What is no index of this version, or damaged at its head, is made anew, empty.

    Args:
        paths: Where it may be.
        version: The version of gtrack, whose folds it holds.
    """
    for path in paths:
        with contextlib.suppress(sqlite3.Error, OSError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            return _open(path, version)
    return _open(":memory:", version)


def index_name() -> str:
    """Return the name of the index's file."""
    return f"index-v{VERSION}.sqlite"


def _open(path: str, version: str) -> Store:
    for attempt in range(2):
        connection = _connect(path)
        try:
            store = Store(connection, path)
            store.prepare(f"{version} {FINGERPRINT}")
        except sqlite3.OperationalError:
            connection.close()
            raise  # locked or not writable: another place
        except sqlite3.DatabaseError:
            connection.close()
            if attempt:
                raise
            remove(path)
        else:
            return store
    raise AssertionError("not reached")


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def remove(path: str) -> None:
    """Remove an index; whoever has it open goes on with what it has."""
    for name in (path, path + "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


class Store:
    """An open index.

    Args:
        connection: To its file.
        path: The file, or ``:memory:``.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._db = connection
        self.path = path
        self._environments: dict[int, Mapping[str, object]] = {}

    def spoken_of(self) -> list[str]:
        """Return the names of the experiments that something is said of."""
        return [row[0] for row in self._db.execute("SELECT name FROM experiment ORDER BY name")]

    def said(self, experiment: str) -> SaidOf:
        """Return what is said of an experiment."""
        row = self._db.execute("SELECT said FROM experiment WHERE name = ?", (experiment,)).fetchone()
        documents, problems = ((), ()) if row is None else json.loads(row[0])
        return SaidOf(tuple(Document(*document) for document in documents), tuple(problems))

    def set_said(self, experiments: Mapping[str, SaidOf]) -> None:
        """Say anew what is said of all experiments; within a transaction."""
        self._db.execute("DELETE FROM experiment")
        for name, said in experiments.items():
            documents = [(doc.kind, doc.name, doc.body, doc.stamp, doc.session) for doc in said.documents]
            self._db.execute("INSERT INTO experiment VALUES (?, ?)", (name, json.dumps([documents, said.problems])))

    def copy(self) -> bytes:
        """Return the whole index as the content of a file."""
        return self._db.serialize()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def prepare(self, version: str) -> None:
        """Make the tables where there are none, or those of another version.

        Raises:
            sqlite3.DatabaseError: The file is no database, or damaged.
        """
        if self._version() == version:
            return
        with self.transaction():
            if self._version() != version:  # another process may have been first
                self.clear()
                self._db.execute("INSERT INTO meta VALUES ('version', ?)", (version,))

    def _version(self) -> str | None:
        try:
            row = self._db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return None
            raise
        return None if row is None else row[0]

    def clear(self) -> None:
        """Drop everything; within a transaction."""
        version = self._version()
        tables = self._db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (name,) in tables.fetchall():
            self._db.execute(f'DROP TABLE "{name}"')
        for statement in SCHEMA.split(";"):
            self._db.execute(statement)
        if version is not None:
            self._db.execute("INSERT INTO meta VALUES ('version', ?)", (version,))
        self._forget()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of it or nothing; nobody else writes meanwhile.

        Raises:
            sqlite3.OperationalError: Another process was at it for too long.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            self._forget()
            raise

    def tips(self) -> dict[str, IndexTip]:
        """Return the references whose files the index holds, in their order."""
        rows = self._db.execute("SELECT ref, oid, tree FROM tip ORDER BY position")
        return {ref: IndexTip(ref, oid, tree) for ref, oid, tree in rows}

    def set_tips(self, tips: Iterable[IndexTip]) -> None:
        """Say whose files the index holds now."""
        self._db.execute("DELETE FROM tip")
        rows = [(position, tip.ref, tip.oid, tip.tree) for position, tip in enumerate(tips)]
        self._db.executemany("INSERT INTO tip VALUES (?, ?, ?, ?)", rows)

    def due(self, now_us: int) -> list[str]:
        """Return the ids of the runs that time alone has changed."""
        return [row[0] for row in self._db.execute("SELECT id FROM run WHERE due <= ?", (now_us,))]

    def put(self, runs: Iterable[Rows]) -> None:
        """Add runs that the index does not have; within a transaction."""
        writer = _Writer(self._db)
        for rows in runs:
            writer.add(rows)
        writer.flush()

    def discard(self, run_ids: Iterable[str]) -> None:
        """Take runs out; those that are not in it are passed over. Within a transaction."""
        for run_id in run_ids:
            row = self._db.execute("SELECT run FROM run WHERE id = ?", (run_id,)).fetchone()
            if row is not None:
                self._discard(row[0])

    def _discard(self, run: int) -> None:
        from gtrack.index.rows import rows_of

        state = self._state(run)
        assert state is not None
        rows = rows_of(state)
        values = [(scope, key) for scope, key, _ in rows.values]
        for table, keys in (("value", values), ("metric", [("metrics", row[0]) for row in rows.metrics])):
            numbers = [(number, run) for scope, key in keys for number in self.keys_of(scope, key)]
            self._db.executemany(f"DELETE FROM {table} WHERE key = ? AND run = ?", numbers)  # noqa: S608  # two words of ours
            self._db.executemany("UPDATE key SET runs = runs - 1 WHERE key = ?", [(number,) for number, _ in numbers])
        for table in ("run", "document", "dataset"):
            self._db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608  # three words of ours

    def find(self, query: Query, *, now_us: int, without: Sequence[str] = ()) -> tuple[list[RunState], int]:
        """Answer a question.

        Args:
            query: The question.
            now_us: The present, in microseconds since the epoch.
            without: Ids of runs to leave out.

        Returns:
            The runs in order, and how many there would be without the limit.
        """
        statement = compile_query(query, self.keys_of, now_us=now_us, without=without)
        for name, (arity, function) in functions(statement, now_us=now_us).items():
            self._db.create_function(name, arity, function, deterministic=True)
        rows = self._db.execute(statement.sql, statement.given).fetchall()
        return self.states([run for run, _ in rows]), rows[0][1] if rows else 0

    def states(self, runs: Sequence[int]) -> list[RunState]:
        """Return the states of runs by their numbers, in that order."""
        out = []
        for at in range(0, len(runs), _BATCH):
            some = runs[at : at + _BATCH]
            marks = ",".join("?" * len(some))
            found = self._db.execute(
                f"SELECT run, body, environment FROM document JOIN run USING (run) WHERE run IN ({marks})",  # noqa: S608  # question marks
                some,
            )
            by_run = {run: state_of(body, self._environment(number)) for run, body, number in found}
            out += [by_run[run] for run in some]
        return out

    def state(self, run_id: str) -> RunState | None:
        """Return the state of a run, or None when it is not in the index."""
        row = self._db.execute("SELECT run FROM run WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else self._state(row[0])

    def _state(self, run: int) -> RunState | None:
        return self.states([run])[0]

    def ids(self) -> list[str]:
        """Return the ids of all runs."""
        return [row[0] for row in self._db.execute("SELECT id FROM run ORDER BY id")]

    def ids_from(self, prefix: str) -> list[str]:
        """Return the ids that begin with some hex digits."""
        return [
            row[0] for row in self._db.execute("SELECT id FROM run WHERE id >= ? AND id < ?", (prefix, prefix + "g"))
        ]

    def named(self, name: str) -> list[RunState]:
        """Return the runs of a name."""
        return self.states([row[0] for row in self._db.execute("SELECT run FROM run WHERE name = ?", (name,))])

    def of_code(self, oid: str) -> list[RunState]:
        """Return the runs of a commit or a snapshot."""
        sql = 'SELECT run FROM run WHERE "commit" = ? OR snapshot = ?'
        return self.states([row[0] for row in self._db.execute(sql, (oid, oid))])

    def commits(self) -> list[str]:
        """Return the commits of the code of all runs."""
        sql = """SELECT DISTINCT "commit" FROM run WHERE typeof("commit") = 'text'"""
        return [row[0] for row in self._db.execute(sql)]

    def keys(self, scope: str) -> dict[str, int]:
        """Return the keys of a scope, such as ``metrics``, each with the number of runs that have it."""
        rows = self._db.execute("SELECT name, runs FROM key WHERE scope = ? AND runs > 0 ORDER BY name", (scope,))
        return dict(rows.fetchall())

    def keys_of(self, scope: str, name: str) -> list[int]:
        """Return the numbers of a key: one, or none."""
        found = self._numbers.get((scope, name))
        if found is None:
            row = self._db.execute("SELECT key FROM key WHERE scope = ? AND name = ?", (scope, name)).fetchone()
            if row is None:
                return []
            found = self._numbers[scope, name] = row[0]
        return [found]

    @cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        return {}

    def _environment(self, number: int) -> Mapping[str, object]:
        found = self._environments.get(number)
        if found is None:
            sql = "SELECT body FROM environment WHERE environment = ?"
            row = self._db.execute(sql, (number,)).fetchone()
            found = self._environments[number] = json.loads(row[0])
        return found

    def _forget(self) -> None:
        self._environments.clear()
        self.__dict__.pop("_numbers", None)


class _Writer:
    """Adds many runs, key by key: rows of one key lie side by side in the file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._next = (db.execute("SELECT max(run) FROM run").fetchone()[0] or 0) + 1
        self._keys: dict[tuple[str, str], int] = {}
        self._environments: dict[bytes, int] = {}
        self._runs: list[tuple[Stored, ...]] = []
        self._documents: list[tuple[Stored, ...]] = []
        self._datasets: list[tuple[Stored, ...]] = []
        self._values: dict[int, list[tuple[Stored, ...]]] = {}
        self._metrics: dict[int, list[tuple[Stored, ...]]] = {}

    def add(self, rows: Rows) -> None:
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
        if len(self._runs) >= 4096:
            self.flush()

    def flush(self) -> None:
        for table, rows in (("run", self._runs), ("document", self._documents), ("dataset", self._datasets)):
            self._insert(table, rows)
            rows.clear()
        for table, keyed in (("value", self._values), ("metric", self._metrics)):
            for number in sorted(keyed):
                self._insert(table, keyed[number])
                self._db.execute("UPDATE key SET runs = runs + ? WHERE key = ?", (len(keyed[number]), number))
            keyed.clear()

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
