"""Mending ``refs/gtrack/code`` after git lost objects of it.

``git gc --prune=now`` beside the start of a run can delete a snapshot's objects in the moment before the chain refers
to them. From then on git refuses to collect garbage or to push the reference: it leads to what is missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from gtrack.branch.chain import CODE_REF, keep_snapshot
from gtrack.branch.history import present_commits
from gtrack.branch.kept_snapshots import kept_snapshots
from gtrack.branch.repository import Repository
from gtrack.errors import GitError

__all__ = ["is_whole", "rebuild_chain"]

_TIMEOUT = 3600.0
_ENV = {"GIT_NO_LAZY_FETCH": "1"}


def is_whole(repo: Repository, revision: str = CODE_REF) -> bool:
    """Tell whether every object that a commit leads to is here; what a partial clone left at its remote counts.

    Args:
        repo: The repository; it has the git executable.
        revision: The commit, or a reference.
    """
    assert repo.git is not None
    args = ["rev-list", "--objects", "--quiet", "--exclude-promisor-objects", revision, "--"]
    return repo.git.call(args, git_dir=repo.paths.git_dir, env_extra=_ENV, timeout=_TIMEOUT).returncode == 0


def rebuild_chain(repo: Repository, snapshots: Iterable[str]) -> set[str]:
    """Make the chain anew of the snapshots that are whole, and return these.

    Killed in between it leaves a shorter chain, which ``gtrack fsck --repair`` completes.

    Args:
        repo: The repository; it has the git executable.
        snapshots: The snapshots of the runs; those that the old chain still names are taken in by themselves.

    Raises:
        GitError: Git failed.
        LockedError: The reference stayed locked.
    """
    assert repo.git is not None
    wanted = set(snapshots)
    with contextlib.suppress(GitError):
        # The parents of links are links too, and commits of the user's: only parentless ones are snapshots.
        wanted |= _parentless(repo, kept_snapshots(repo) or set())
    trees = {oid: tree for oid, tree in present_commits(repo, wanted).items() if is_whole(repo, oid)}
    repo.git.run(["update-ref", "-d", CODE_REF], git_dir=repo.paths.git_dir, env_extra=_ENV)
    for oid, tree in sorted(trees.items()):
        keep_snapshot(repo.git, repo.paths.git_dir, oid, tree, head=None, remote_ref_prefix=None, ref=CODE_REF)
    return set(trees)


def _parentless(repo: Repository, commits: set[str]) -> set[str]:
    assert repo.git is not None
    args = ["rev-list", "--no-walk", "--ignore-missing", "--max-parents=0", "--stdin"]
    listed = "".join(f"{oid}\n" for oid in sorted(commits)).encode()
    return set(repo.git.run(args, git_dir=repo.paths.git_dir, env_extra=_ENV, input=listed).decode().split())
