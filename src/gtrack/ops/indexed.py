"""The index of a repository, opened, and brought up to date where a reference moved since."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from gtrack import __version__
from gtrack.branch.repository import Repository
from gtrack.clock import now_ns
from gtrack.index.store import Store, index_name, open_store, remove
from gtrack.ops.trees import Tip, visible_tips
from gtrack.paths import cache_home

__all__ = ["open_index", "refresh"]


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
    places = _places(repo)
    store = _attached(repo, places)
    try:
        refresh(repo, store)
    except sqlite3.DatabaseError:
        # Damaged, gone, or another process was at it for too long: a new one, or for this once one of our own.
        repo.attached.pop("index").close()
        if store.path in places and not _is_busy(store.path):
            remove(store.path)
        else:
            places = []
        store = _attached(repo, places)
        refresh(repo, store)
    return store


def _attached(repo: Repository, places: Sequence[str]) -> Store:
    """Return the repository's open index, opened where it is not."""
    store = repo.attached.get("index")
    if not isinstance(store, Store):
        store = repo.attached["index"] = open_store(places, __version__)
    return store


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
            reindex(repo, store, tips, now)


def _tips(repo: Repository, store: Store) -> list[Tip]:
    return visible_tips(repo, {tip.oid: tip.tree for tip in store.tips().values()})


def _is_fresh(store: Store, tips: Sequence[Tip], now: int) -> bool:
    known = [(tip.ref, tip.oid) for tip in store.tips().values()]
    return known == [(tip.ref, tip.oid) for tip in tips] and not store.due(now)


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
