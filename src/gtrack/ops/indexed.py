"""The index of a repository, opened, and brought up to date where a reference moved since."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from weakref import WeakKeyDictionary

from gtrack import __version__
from gtrack.branch.repository import Repository
from gtrack.clock import now_ns
from gtrack.index.opening import MEMORY, index_name, is_damage, open_store, remove
from gtrack.index.store import Store
from gtrack.ops.trees import Tip, visible_tips
from gtrack.paths import cache_home

__all__ = ["open_index", "refresh", "reopen_index"]

_AHEAD_US = 10 * 60 * 1_000_000
_TURNS: WeakKeyDictionary[Repository, threading.RLock] = WeakKeyDictionary()
_TURNS_LOCK = threading.Lock()


def open_index(repo: Repository) -> Store:
    """Open a repository's index and bring it up to date.

    It is kept in the repository; in the user's cache where that cannot be written; else in memory, for this once.

    Args:
        repo: The repository.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
        GitError: Git failed.
    """
    with _turn(repo):
        places: Sequence[str] = _places(repo)
        tried: set[str] = set()
        while True:
            store = _attached(repo, places)
            try:
                refresh(repo, store)
            except sqlite3.DatabaseError as error:
                if store.path == MEMORY:
                    raise
                _put_away(repo, store, error)
                if store.path in tried or not (store.moved or is_damage(error)):
                    places = _elsewhere(store, places)
                tried.add(store.path)
            else:
                return store


def reopen_index(repo: Repository, store: Store, error: sqlite3.DatabaseError) -> Store:
    """Open the index after trouble in asking it, made anew if that is what it takes.

    Args:
        repo: The repository.
        store: The index that was asked.
        error: The trouble.

    Raises:
        sqlite3.DatabaseError: It is not the index's: the same would happen again.
    """
    with _turn(repo):
        if store.usable:
            if not is_damage(error):
                raise error
            _put_away(repo, store, error)
        return open_index(repo)


def _put_away(repo: Repository, store: Store, error: sqlite3.DatabaseError) -> None:
    """Close an index that made trouble, and remove it where it is damaged."""
    if repo.attached.get("index") is store:
        del repo.attached["index"]
    moved = store.moved
    store.close()
    if is_damage(error) and not moved and store.path != MEMORY:
        with contextlib.suppress(OSError):
            remove(store.path)


def _elsewhere(store: Store, places: Sequence[str]) -> Sequence[str]:
    """Return the places to try after one; none, but memory, where another process is busy with it just now."""
    return [] if _is_busy(store.path) else places[places.index(store.path) + 1 :]


def _attached(repo: Repository, places: Sequence[str]) -> Store:
    """Return the repository's open index, opened where it is not."""
    store = repo.attached.get("index")
    if isinstance(store, Store) and store.usable:
        return store
    if isinstance(store, Store):
        store.close()
    opened = repo.attached["index"] = open_store(places, __version__)
    return opened


@contextlib.contextmanager
def _turn(repo: Repository) -> Iterator[None]:
    """Let one thread at a time bring a repository's index up to date."""
    with _TURNS_LOCK:
        turn = _TURNS.setdefault(repo, threading.RLock())
    with turn:
        yield


def _forget_turns() -> None:
    """In a forked child: the threads that had their turn are not here."""
    global _TURNS, _TURNS_LOCK  # the old ones may be locked for ever
    _TURNS, _TURNS_LOCK = WeakKeyDictionary(), threading.Lock()


os.register_at_fork(after_in_child=_forget_turns)


def refresh(repo: Repository, store: Store) -> None:
    """Bring an index up to date.

    Args:
        repo: The repository.
        store: Its index.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
        GitError: Git failed.
        sqlite3.DatabaseError: The index is damaged, or another process was at it for too long.
    """
    now = now_ns() // 1000
    if _is_fresh(store, _tips(repo, store), now):
        return
    # Most commands find nothing to do, and need none of this.
    from gtrack.ops.reindex import reindex

    with store.transaction():
        tips = _tips(repo, store)  # another process may have been first
        if not _is_fresh(store, tips, now):
            if _is_ahead(store, now):
                store.clear()  # what of it only seemed to have come is not known: all runs are folded again
            reindex(repo, store, tips, now)
            store.set_updated(now)


def _tips(repo: Repository, store: Store) -> list[Tip]:
    return visible_tips(repo, {tip.oid: tip.tree for tip in store.tips().values()})


def _is_fresh(store: Store, tips: Sequence[Tip], now: int) -> bool:
    known = [(tip.ref, tip.oid) for tip in store.tips().values()]
    return known == [(tip.ref, tip.oid) for tip in tips] and not store.due(now) and not _is_ahead(store, now)


def _is_ahead(store: Store, now: int) -> bool:
    """Tell whether the index was brought up to date under a clock that ran far ahead.

    By a few minutes does not matter: what was taken to have come has come in as many.
    """
    return store.updated > now + _AHEAD_US


def _places(repo: Repository) -> list[str]:
    """Return where the index may be kept."""
    name = index_name()
    digest = hashlib.sha256(os.fsencode(repo.paths.common_dir)).hexdigest()[:16]
    return [os.path.join(repo.paths.home, name), os.path.join(cache_home(repo.env), "index", digest, name)]


def _is_busy(path: str) -> bool:
    """Tell whether another process writes an index just now."""
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=0)) as db:
        db.execute("BEGIN IMMEDIATE")
        return False
    return True
