"""Questions in SQL: the index as four plain tables, read-only whatever the text says.

``runs``, ``params``, ``tags`` and ``metrics`` are views; live runs are in them too. What a statement may do is decided
by SQLite's authorizer (https://www.sqlite.org/c3ref/set_authorizer.html), statement by statement, before it runs:
reading, functions, recursion, and nothing else. The file is opened read-only besides.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from gtrack.errors import UsageError
from gtrack.index.opening import MEMORY
from gtrack.index.rows import Rows, Stored
from gtrack.index.schema import COLUMNS, SUMMARY
from gtrack.index.store import Store
from gtrack.text import clean

__all__ = ["TABLES", "Answer", "ask", "tables"]

TABLES = {
    "runs": COLUMNS,
    "params": ("run_id", "key", "value"),
    "tags": ("run_id", "key", "value"),
    "metrics": ("run_id", "key", *SUMMARY),
}
"""The tables that there are, and their columns. ``runs.id`` is what ``run_id`` names."""

_MOST_BYTES = 64 << 20
_MOST_TEXT = 1_000_000
_STEPS = 10_000
_ALLOWED = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE))
_REFUSED = frozenset(("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"))
_TIMES = ("started", "ended", "time")
_TRUTHS = ("dirty", "deleted")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement yields.

    Attributes:
        columns: The names of the columns.
        rows: The rows.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Stored, ...]]


@contextmanager
def tables(store: Store, live: Sequence[tuple[Rows, str]]) -> Iterator[sqlite3.Connection]:
    """Open the tables for reading.

    Args:
        store: The index.
        live: Runs that are not in it, or otherwise.
    """
    db = _open(store)
    try:
        db.execute("PRAGMA temp_store = MEMORY")
        _add_live(db, live)
        for name, sql in _views():
            db.execute(f"CREATE TEMP VIEW {name} AS {sql}")
        db.execute("SELECT 1 FROM json_each('0'), json_tree('0')")  # the guard would not let them be made
        db.execute("PRAGMA query_only = ON")
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        db.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _MOST_TEXT)
        db.set_authorizer(_authorize)
        # Python sees a signal between two calls of this: a statement that takes for ever can be interrupted.
        db.set_progress_handler(lambda: 0, _STEPS)
        yield db
    finally:
        db.close()


def ask(db: sqlite3.Connection, text: str, given: Sequence[Stored] = ()) -> Answer:
    """Answer one statement.

    Args:
        db: What :func:`tables` opened.
        text: The statement.
        given: What stands for its question marks.

    Raises:
        UsageError: It is not SQL, or would do more than read.
    """
    try:
        cursor = db.execute(text, given)
        columns = tuple(column[0] for column in cursor.description or ())
        rows = cursor.fetchall()
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        if str(error) == "interrupted":  # by Ctrl-C
            raise KeyboardInterrupt from None
        raise UsageError(f"sql: {clean(_said(error))}", hint="gtrack sql lists the tables") from None
    if not columns:
        raise UsageError("sql: the statement yields nothing", hint="gtrack sql 'SELECT name, status FROM runs'")
    return Answer(columns, rows)


def _said(error: Exception) -> str:
    text = str(error)
    if any(
        words in text for words in ("not authorized", "authorization denied", "prohibited", "readonly", "is a view")
    ):
        return f"only reading is allowed ({text})"
    return text


def _open(store: Store) -> sqlite3.Connection:
    if store.path == MEMORY:
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.deserialize(store.copy())
        return db
    return sqlite3.connect(f"file:{quote(os.fsencode(store.path))}?mode=ro", uri=True, timeout=60, isolation_level=None)


def _authorize(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:  # noqa: ARG001
    if action not in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _REFUSED):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _add_live(db: sqlite3.Connection, live: Iterable[tuple[Rows, str]]) -> None:
    """Put live runs into tables of their own, whose rows the views add."""
    db.execute(f"CREATE TEMP TABLE live_run ({', '.join(map(_quoted, COLUMNS))}, sorted)")
    db.execute("CREATE TEMP TABLE live_value (run_id, scope, key, value)")
    db.execute(f"CREATE TEMP TABLE live_metric (run_id, key, {', '.join(map(_quoted, SUMMARY))})")
    for rows, run_id in live:
        columns = rows.run[: len(COLUMNS) + 1]
        db.execute(f"INSERT INTO live_run VALUES ({_marks(columns)})", columns)  # noqa: S608  # question marks
        values = [(run_id, *value) for value in rows.values]
        db.executemany("INSERT INTO live_value VALUES (?, ?, ?, ?)", values)
        metrics = [(run_id, *metric) for metric in rows.metrics]
        db.executemany(f"INSERT INTO live_metric VALUES ({_marks((0, 0, *SUMMARY))})", metrics)  # noqa: S608


def _views() -> Iterator[tuple[str, str]]:
    """Yield the name of each table, and the SELECT that makes it. All words are ours."""
    stored = "main.run WHERE id NOT IN (SELECT id FROM live_run)"
    columns = ", ".join(f"{_shown(name)} AS {_quoted(name)}" for name in COLUMNS)
    names = ", ".join(map(_quoted, COLUMNS))
    both = f"SELECT {names}, sorted FROM {stored} UNION ALL SELECT {names}, sorted FROM live_run"  # noqa: S608
    yield "runs", f"SELECT {columns} FROM ({both}) ORDER BY sorted DESC"  # noqa: S608
    for scope in ("params", "tags"):
        indexed = (
            f"SELECT run.id AS run_id, key.name AS key, value.value FROM main.key JOIN main.value USING (key) "  # noqa: S608
            f"JOIN main.run USING (run) WHERE key.scope = '{scope}' AND run.id NOT IN (SELECT id FROM live_run)"
        )
        live = f"SELECT run_id, key, value FROM live_value WHERE scope = '{scope}'"  # noqa: S608
        yield scope, f"SELECT run_id, key, {_shown('value')} AS value FROM ({indexed} UNION ALL {live})"  # noqa: S608
    summary = ", ".join(f"{_shown(name)} AS {_quoted(name)}" for name in SUMMARY)
    names = ", ".join(f"metric.{_quoted(name)}" for name in SUMMARY)
    indexed = (
        f"SELECT run.id AS run_id, key.name AS key, {names} FROM main.key JOIN main.metric USING (key) "  # noqa: S608
        "JOIN main.run USING (run) WHERE run.id NOT IN (SELECT id FROM live_run)"
    )
    live = f"SELECT run_id, key, {', '.join(map(_quoted, SUMMARY))} FROM live_metric"  # noqa: S608
    yield "metrics", f"SELECT run_id, key, {summary} FROM ({indexed} UNION ALL {live})"  # noqa: S608


def _shown(name: str) -> str:
    """Return the SQL that shows a column as SQL knows things: times as text, truth values as 1 and 0, NaN as null."""
    column = _quoted(name)
    if name in _TIMES:
        seconds = f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000, 'unixepoch')"
        return f"{seconds} || printf('.%06dZ', {column} % 1000000)"
    if name in _TRUTHS or name == "value":
        large = f"CAST(substr({column}, 2) AS TEXT)"
        return (
            f"CASE WHEN typeof({column}) != 'blob' THEN {column} WHEN {column} = x'01' THEN 1 WHEN {column} = x'00' "
            f"THEN 0 WHEN {column} = x'6E' THEN NULL ELSE {large} END"
        )
    return column


def _quoted(name: str) -> str:
    return f'"{name}"'


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
