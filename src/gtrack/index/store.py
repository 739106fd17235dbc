"""The index: asked, and brought up to date in one transaction. All that one question reads is of one moment."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from gtrack.index.compiler import Statement, compile_query
from gtrack.index.functions import functions
from gtrack.index.query import Query
from gtrack.index.rows import Rows, Stored, encode, rows_of, state_of
from gtrack.index.schema import SCHEMA
from gtrack.index.writer import Writer
from gtrack.model.experiment import SaidOf
from gtrack.model.fold import Document
from gtrack.model.state import RunState

__all__ = ["IndexTip", "Store"]

_BATCH = 500
_INHERITED: list[sqlite3.Connection] = []
"""Connections of the parent process: a child that so much as closes one may harm the file."""


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


class Store:
    """An open index. Threads take turns; a forked child opens its own.

    Args:
        connection: To its file.
        path: The file, or ``:memory:``.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._db = connection
        self.path = path
        self._file = _identity(path)
        self._process: int | None = os.getpid()
        self._turn = threading.RLock()
        self._made: str | None = None
        self._numbers: dict[tuple[str, str], int] = {}
        self._environments: dict[int, Mapping[str, object]] = {}

    @property
    def usable(self) -> bool:
        """Whether it is open, in this process."""
        return self._process == os.getpid()

    @property
    def moved(self) -> bool:
        """Whether its file is gone, or another stands in its place."""
        return self._file != _identity(self.path)

    def spoken_of(self) -> list[str]:
        """Return the names of the experiments that something is said of."""
        return self._column("SELECT name FROM experiment ORDER BY name")

    def said(self, experiment: str) -> SaidOf:
        """Return what is said of an experiment."""
        texts = self._column("SELECT said FROM experiment WHERE name = ?", experiment)
        documents, problems = json.loads(texts[0]) if texts else ((), ())
        return SaidOf(tuple(Document(*document) for document in documents), tuple(problems))

    def set_said(self, experiments: Mapping[str, SaidOf]) -> None:
        """Say anew what is said of all experiments; within a transaction."""
        self._db.execute("DELETE FROM experiment")
        for name, said in experiments.items():
            documents = [(doc.kind, doc.name, doc.body, doc.stamp, doc.session) for doc in said.documents]
            self._db.execute("INSERT INTO experiment VALUES (?, ?)", (name, json.dumps([documents, said.problems])))

    def copy(self) -> bytes:
        """Return the whole index as the content of a file."""
        with self.reading():
            return self._db.serialize()

    def close(self) -> None:
        """Close the file."""
        if not self.usable:
            _INHERITED.append(self._db)
            return
        with self._turn:
            self._process = None
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
        return self._meta("version")

    def _meta(self, name: str) -> str | None:
        try:
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
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
        # Keys and environments get other numbers: whoever remembers some must see it.
        self._db.execute("INSERT INTO meta VALUES ('made', ?)", (secrets.token_hex(8),))
        if version is not None:
            self._db.execute("INSERT INTO meta VALUES ('version', ?)", (version,))
        self._forget()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of it or nothing; nobody else writes meanwhile.

        Raises:
            sqlite3.OperationalError: Another process was at it for too long.
        """
        with self._turn:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._notice()
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                self._forget()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See one moment of the index, whatever other processes do meanwhile."""
        with self._turn:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN")
            try:
                self._notice()
                yield self._db
            finally:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def _notice(self) -> None:
        """Forget the numbers of keys and environments where another process made the index anew."""
        made = self._meta("made")
        if made != self._made:
            self._forget()
            self._made = made

    def tips(self) -> dict[str, IndexTip]:
        """Return the references whose files the index holds, in their order."""
        with self.reading() as db:
            rows = db.execute("SELECT ref, oid, tree FROM tip ORDER BY position")
            return {ref: IndexTip(ref, oid, tree) for ref, oid, tree in rows}

    def set_tips(self, tips: Iterable[IndexTip]) -> None:
        """Say whose files the index holds now."""
        self._db.execute("DELETE FROM tip")
        rows = [(position, tip.ref, tip.oid, tip.tree) for position, tip in enumerate(tips)]
        self._db.executemany("INSERT INTO tip VALUES (?, ?, ?, ?)", rows)

    @property
    def updated(self) -> int:
        """What the clock said when it was last brought up to date, in microseconds since the epoch; 0 before."""
        with self.reading():
            return int(self._meta("updated") or 0)

    def set_updated(self, now_us: int) -> None:
        """Say what the clock says as it is brought up to date; within a transaction."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('updated', ?)", (now_us,))

    def due(self, now_us: int) -> list[str]:
        """Return the ids of the runs that time alone has changed."""
        return self._column("SELECT id FROM run WHERE due <= ?", now_us)

    def put(self, runs: Iterable[Rows]) -> None:
        """Add runs that the index does not have; within a transaction."""
        writer = Writer(self._db)
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
        rows = rows_of(self.states([run])[0])
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
        with self.reading():
            statement = compile_query(query, self.keys_of, now_us=now_us, without=without)
            rows = self.rows(statement, now_us=now_us)
            if not rows and query.offset:  # beyond the last run no row says how many there are
                return [], self.find(replace(query, offset=0, limit=1), now_us=now_us, without=without)[1]
            return self.states([run for run, _ in rows]), rows[0][1] if rows else 0

    def rows(self, statement: Statement, *, now_us: int) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that was compiled for this moment of the index."""
        with self.reading() as db:
            for name, (arity, function) in functions(statement, now_us=now_us).items():
                db.create_function(name, arity, function, deterministic=True)
            return db.execute(statement.sql, statement.given).fetchall()

    def states(self, runs: Sequence[int]) -> list[RunState]:
        """Return the states of runs by their numbers, in that order."""
        out = []
        with self.reading() as db:
            for at in range(0, len(runs), _BATCH):
                some = runs[at : at + _BATCH]
                marks = ",".join("?" * len(some))
                found = db.execute(
                    f"SELECT run, body, environment FROM document JOIN run USING (run) WHERE run IN ({marks})",  # noqa: S608  # question marks
                    some,
                )
                try:
                    by_run = {run: state_of(body, self._environment(number)) for run, body, number in found}
                    out += [by_run[run] for run in some]
                except (ValueError, LookupError, TypeError) as error:
                    raise sqlite3.DatabaseError(f"a document in the index makes no sense: {error}") from None
        return out

    def state(self, run_id: str) -> RunState | None:
        """Return the state of a run, or None when it is not in the index."""
        return next(iter(self._selected("id = ?", run_id)), None)

    def named(self, name: str) -> list[RunState]:
        """Return the runs of a name."""
        return self._selected("name = ?", encode(name))

    def unsettled(self) -> list[RunState]:
        """Return the runs of which something is left for a person or for time to settle."""
        return self._selected("unsettled = ?", 1)

    def states_of(self, run_ids: Sequence[str]) -> list[RunState]:
        """Return the states of runs by their ids, in that order; those that are not in the index are passed over."""
        with self.reading() as db:
            found = (db.execute("SELECT run FROM run WHERE id = ?", (run_id,)).fetchone() for run_id in run_ids)
            return self.states([row[0] for row in found if row is not None])

    def of_code(self, oid: str) -> list[RunState]:
        """Return the runs of a commit or a snapshot."""
        return self._selected('"commit" = ?1 OR snapshot = ?1', oid)

    def _selected(self, condition: str, value: Stored) -> list[RunState]:
        with self.reading() as db:
            rows = db.execute(f"SELECT run FROM run WHERE {condition}", (value,))  # noqa: S608  # words of ours
            return self.states([row[0] for row in rows.fetchall()])

    def ids(self, prefix: str = "") -> list[str]:
        """Return the ids of all runs, or of those that begin with some hex digits."""
        return self._column("SELECT id FROM run WHERE id >= ? AND id < ? ORDER BY id", prefix, prefix + "g")

    def commits(self) -> list[str]:
        """Return the commits of the code of all runs."""
        return self._column("""SELECT DISTINCT "commit" FROM run WHERE typeof("commit") = 'text'""")

    def _column(self, sql: str, *given: Stored) -> list[Any]:
        with self.reading() as db:
            return [row[0] for row in db.execute(sql, given)]

    def keys(self, scope: str) -> dict[str, int]:
        """Return the keys of a scope, such as ``metrics``, each with the number of runs that have it."""
        with self.reading() as db:
            rows = db.execute("SELECT name, runs FROM key WHERE scope = ? AND runs > 0 ORDER BY name", (scope,))
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

    def _environment(self, number: int) -> Mapping[str, object]:
        found = self._environments.get(number)
        if found is None:
            sql = "SELECT body FROM environment WHERE environment = ?"
            row = self._db.execute(sql, (number,)).fetchone()
            found = self._environments[number] = json.loads(row[0])
        return found

    def _forget(self) -> None:
        self._environments.clear()
        self._numbers.clear()
        self._made = None


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells one file from another in its place; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
