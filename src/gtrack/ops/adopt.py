"""Moving the local branch to what the remote has, or to the union of both."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.branch import keep
from gtrack.branch.author import author
from gtrack.branch.commit_objects import SKIP_CI, is_ancestor, write_commit
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import Tracking
from gtrack.branch.union import adds_nothing, union
from gtrack.errors import ConflictError
from gtrack.ops.parents import sound_parents

__all__ = ["adopt"]

_ATTEMPTS = 20


def adopt(
    repo: Repository, names: Tracking, published: str, *, merge: bool = False, also: Sequence[str] = ()
) -> str | None:
    """Bring the local branch to the remote's tip.

    It moves there when the remote holds all its files; otherwise it stays where it is or, with ``merge``, gets a commit
    that holds both. A branch that some worktree has checked out is left alone: it would look changed there.

    Args:
        repo: The repository.
        names: The remote's references; the copy of its tip here is set as well.
        published: The remote's tip.
        merge: Make a commit of both where they differ.
        also: Tips whose files go into that commit as well.

    Returns:
        The local tip afterwards, or None when it is checked out somewhere and was left alone.

    Raises:
        ConflictError: The branch kept moving.
        LockedError: Another process held the repository's lock for too long.
        OSError: The disk is full or read-only.
    """
    with repo.lock():
        known = repo.refs.read(names.tip_ref)
        if known != published:
            repo.refs.compare_and_set(names.tip_ref, known, published)
        if repo.checked_out_in() is not None:
            return None
        for _ in range(_ATTEMPTS):
            local = keep.readable_tip(repo)
            tip = _joined(repo, local, published, also) if merge else _moved(repo, local, published)
            if tip == local or repo.refs.compare_and_set(repo.branch, local, tip):
                return tip
    raise ConflictError("the branch kept moving while gtrack wrote to it", hint="try again")


def _moved(repo: Repository, local: str | None, published: str) -> str:
    """Return where the local branch belongs when it gets no commit."""
    if local is None or is_ancestor(repo, local, published):
        return published
    return published if adds_nothing(repo, _tree(repo, local), _tree(repo, published)) else local


def _joined(repo: Repository, local: str | None, published: str, also: Sequence[str]) -> str:
    """Return a commit that holds everything; one of those there are where that serves."""
    tips = [tip for tip in (local, *also) if tip is not None and not is_ancestor(repo, tip, published)]
    repo.objects.written.clear()
    both = union(repo, [_tree(repo, tip) for tip in tips], published=_tree(repo, published))
    if both.tree == _tree(repo, published):
        return published
    if local is not None and both.tree == _tree(repo, local) and is_ancestor(repo, published, local):
        return local
    by = author(repo.config, repo.env)
    ours = [local] if local in tips and local in sound_parents(repo, both, tips, published) else []
    parents = [published, *ours]
    commit = write_commit(repo, both.tree, parents, by=by, subject="merge the team's runs", body=SKIP_CI)
    keep.keep_objects(repo, commit)
    return commit


def _tree(repo: Repository, commit: str) -> str:
    tree = repo.tree_of(commit)
    assert tree is not None
    return tree
