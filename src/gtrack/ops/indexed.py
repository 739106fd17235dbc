"""The index brought up to date: what moved since is looked for, and only the runs that it touches are folded again.

The index remembers the tree of every reference whose files count. A run's state follows from its folders in these
trees; so it is touched when its folder differs between what a reference was and is, between a reference that came or
went and one that stayed, or, when another tree's files begin to stand, between that tree and any other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from gtrack import __version__
from gtrack.branch.changes import Changes, changes
from gtrack.branch.repository import Repository
from gtrack.clock import now_ns
from gtrack.errors import DamageError, GitError
from gtrack.index.store import IndexTip, Store, index_name, open_store, remove
from gtrack.ops.collecting import without_collection
from gtrack.ops.experiment_files import load_said, names_said
from gtrack.ops.index_build import HelperError, all_rows, rows_of_runs
from gtrack.ops.trees import Tip, trees_of, visible_tips
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
    with store.transaction(), without_collection():
        tips = _tips(repo, store)  # another process may have been first
        if _is_fresh(store, tips, now):
            return
        trees = trees_of(tips)
        touched = _touched(repo, list(store.tips().values()), tips)
        if touched is None:
            _build(repo, store, trees, now)
        else:
            runs = touched.runs | set(store.due(now))
            store.discard(runs)
            store.put(rows_of_runs(repo, trees, runs, now))
        if touched is None or touched.experiments:
            names = {name for tree in trees for name in names_said(repo, tree)}
            store.set_said({name: load_said(repo, trees, name) for name in sorted(names)})
        store.set_tips(IndexTip(tip.ref, tip.oid, tip.tree) for tip in tips)


def _tips(repo: Repository, store: Store) -> list[Tip]:
    return visible_tips(repo, {tip.oid: tip.tree for tip in store.tips().values()})


def _is_fresh(store: Store, tips: Sequence[Tip], now: int) -> bool:
    known = [(tip.ref, tip.oid) for tip in store.tips().values()]
    return known == [(tip.ref, tip.oid) for tip in tips] and not store.due(now)


def _touched(repo: Repository, old: Sequence[IndexTip], new: Sequence[Tip]) -> Changes | None:
    """Return what is to be read again; None for all."""
    before, after = ({tip.ref: tip.tree for tip in tips} for tips in (old, new))
    stayed = [ref for ref in after if ref in before]
    if not stayed:
        return None
    pairs = {(before[ref], after[ref]) for ref in stayed}
    anchor = after[stayed[-1]]
    pairs |= {(anchor, after[ref]) for ref in after if ref not in before}
    pairs |= {(anchor, before[ref]) for ref in before if ref not in after}
    if old[-1].ref != new[-1].ref:  # another's files stand now, where paths clash
        pairs |= {(old[-1].tree, tip.tree) for tip in old} | {(new[-1].tree, tip.tree) for tip in new}
    try:
        found = [changes(repo, one, other) for one, other in pairs if one != other]
    except (KeyError, GitError, DamageError):
        return None  # a tree that was indexed is gone
    return Changes(frozenset().union(*(each.runs for each in found)), any(each.experiments for each in found))


def _build(repo: Repository, store: Store, trees: Sequence[str], now: int) -> None:
    store.clear()
    if not trees:
        return
    try:
        store.put(all_rows(repo, trees, now))
    except (HelperError, OSError):
        store.clear()
        store.put(all_rows(repo, trees, now, alone=True))


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
