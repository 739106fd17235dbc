"""What a push is to bring about: one commit that holds what is here, what is there, and what waits in inboxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.branch import keep
from gtrack.branch.author import author
from gtrack.branch.commit_objects import SKIP_CI, independent, write_commit
from gtrack.branch.repository import Repository
from gtrack.branch.union import Added, Dropped, union
from gtrack.ops.fetch import Fetched
from gtrack.ops.model_numbers import Claims, claims
from gtrack.ops.parents import sound_parents

__all__ = ["Joined", "join_tips"]

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Joined:
    """The union of some tips.

    Attributes:
        tip: The commit to push; the remote's own when it has everything; None when there is nothing at all.
        runs: The runs of which the remote gets its first file from here.
        files: How many files it gets from here.
        restored: How many files it gets back.
        dropped: What is not published of what is here or waits in inboxes, and why.
        claims: The numbers of versions that it claims.
        models: The models that it hears more of from here, each with the number of new versions and events.
    """

    tip: str | None
    runs: frozenset[str] = frozenset()
    files: int = 0
    restored: int = 0
    dropped: tuple[Dropped, ...] = field(default=())
    claims: Claims = field(default_factory=Claims)
    models: Mapping[str, int] = field(default_factory=dict)


def join_tips(repo: Repository, state: Fetched, *, claim: bool = False) -> Joined:
    """Make the commit that a push sends. No reference moves.

    Args:
        repo: The repository.
        state: What the remote has.
        claim: Claim the numbers of versions that have none: only where the remote takes the commit as it is, on top of
            its tip, or not at all.

    Raises:
        FormatError: A newer gtrack wrote one of the tips.
        DamageError: Objects of the local branch are missing.
        OSError: The disk is full or read-only.
    """
    local = keep.readable_tip(repo)
    tips = [tip for tip in (local, *state.inboxes.values(), state.overwritten) if tip is not None]
    base = repo.tree_of(state.published)
    if not tips:
        return Joined(state.published)
    repo.objects.written.clear()
    trees = [tree for tree in map(repo.tree_of, tips) if tree is not None]
    both = union(repo, trees, published=base)
    claimed = claims(repo, both.tree, state.published) if claim else Claims()
    if both.tree == base and not claimed.files:
        return Joined(state.published, dropped=both.dropped, claims=claimed)
    ours = both.added[0] if local is not None else Added()
    restored = len(both.added[-1].paths) if state.overwritten is not None else 0
    parents = sound_parents(repo, both, tips, state.published)
    tree, _ = repo.objects.add_files(both.tree, claimed.files) if claimed.files else (both.tree, [])
    subject = _subject(len(ours.runs), claimed)
    commit = _commit(repo, tree, state.published, parents, subject)
    return Joined(commit, ours.runs, len(ours.paths), restored, both.dropped, claimed, ours.models)


def _commit(repo: Repository, tree: str, published: str | None, tips: Sequence[str], subject: str) -> str:
    """Return a commit with a tree that descends from the remote's tip; one of the tips where that serves."""
    parents = independent(repo, [*([published] if published else []), *tips])
    if len(parents) == 1 and repo.tree_of(parents[0]) == tree:
        return parents[0]
    by = author(repo.config, repo.env)
    commit = write_commit(repo, tree, parents, by=by, subject=subject, body=SKIP_CI)
    keep.keep_objects(repo, commit)
    return commit


def _subject(runs: int, claimed: Claims) -> str:
    """Return what the commit brings: ``sync 3 runs, churn v4``."""
    said = f"sync {runs} run{'' if runs == 1 else 's'}" if runs else "sync"
    new = [f"{name} v{number}" for name, number, _ in claimed.numbered]
    more = f" and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
    line = ", ".join([said, *new[:_MOST_NAMED]]) + more
    return "".join(c if c.isprintable() else " " for c in line)[:120]
