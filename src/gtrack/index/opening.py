"""The index's file: where it can be, opened, and made anew when in doubt."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence

from gtrack.index.schema import FINGERPRINT, VERSION
from gtrack.index.store import Store

__all__ = ["MEMORY", "index_name", "is_damage", "open_store", "remove"]

MEMORY = ":memory:"
"""The place of an index that nobody keeps."""

_PATIENCE = 60.0
"""Seconds to wait for another process that brings the index up to date: of 100,000 new runs it takes half of that."""
_CACHE_KIB = 128 << 10
_PAGE = 16 << 10
"""Bytes of a page: of a smaller one a run's document fills little more than half."""
_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT))


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
            if _is_writable(path):
                return _open(path, version)
    return _open(MEMORY, version)


def index_name() -> str:
    """Return the name of the index's file."""
    return f"index-v{VERSION}.sqlite"


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error means that what the file holds cannot be trusted, rather than that it cannot be had now."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # not SQLite's own: what was read made no sense
        return not isinstance(error, sqlite3.ProgrammingError)
    return code & 0xFF in _DAMAGE or str(error).startswith(("no such table", "no such column"))


def remove(path: str) -> None:
    """Remove an index; whoever has it open goes on with what it has."""
    for name in (path, path + "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _is_writable(path: str) -> bool:
    """Tell whether this user may write a file and what lies beside it; an index may be another's, and up to date."""
    return os.access(os.path.dirname(path), os.W_OK) and (not os.path.lexists(path) or os.access(path, os.W_OK))


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
