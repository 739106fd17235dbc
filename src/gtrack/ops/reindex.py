"""Bringing an index up to date: what moved is diffed, and only the runs that it touches are folded again.

The index remembers the tree of every reference whose files count. A run's state follows from its folders in these
trees; so it is touched when its folder differs between what a reference was and is, between a reference that came or
went and one that stayed, or, when another tree's files begin to stand, between that tree and any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.branch.changes import Changes, changes
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError
from gtrack.index.store import IndexTip, Store
from gtrack.ops.collecting import without_collection
from gtrack.ops.experiment_files import load_said, names_said
from gtrack.ops.index_build import HelperError, all_rows, rows_of_runs
from gtrack.ops.trees import Tip, trees_of

__all__ = ["reindex"]


def reindex(repo: Repository, store: Store, tips: Sequence[Tip], now: int) -> None:
    """Bring an index up to date, within a transaction.

    Args:
        repo: The repository.
        store: Its index.
        tips: The references whose files count.
        now: The present, in microseconds since the epoch.

    Raises:
        DamageError: The references lead to objects that are missing.
        GitError: Git failed.
    """
    trees = trees_of(tips)
    with without_collection():
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
