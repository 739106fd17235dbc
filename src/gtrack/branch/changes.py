"""Which runs differ between two trees of the branch, without opening what is equal."""

from __future__ import annotations

from gtrack.branch.bounded import run_bounded
from gtrack.branch.objects import TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.format.names import split_path
from gtrack.ids import is_run_id

__all__ = ["changed_runs"]

Entry = tuple[int, str]
"""A mode and an object id."""


def changed_runs(repo: Repository, one: str, other: str) -> set[str]:
    """Return the ids of the runs that one of two trees has and the other has not, or has otherwise.

    Args:
        repo: The repository.
        one: A root tree of the branch.
        other: Another.

    Raises:
        KeyError: An object is missing.
        GitError: Git failed, such as on an object that is missing.
        DamageError: There are more differences than can be looked at.
    """
    if repo.git is None:
        return _walk(repo, one, other)
    args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", one, other, "--", "runs/"]
    raw = run_bounded(repo, args)
    places = (split_path(path) for path in raw.decode("utf-8", "surrogateescape").split("\0")[:-1])
    return {place[0] for place in places if place is not None}


def _walk(repo: Repository, one: str, other: str) -> set[str]:
    roots = [repo.objects.find(tree, "runs") for tree in (one, other)]
    shards = _differing(repo, *roots)
    runs = {run for pair in shards.values() for run in _differing(repo, *pair)}
    return {run.decode() for run in runs if is_run_id(run.decode("utf-8", "replace"))}


def _differing(
    repo: Repository, one: Entry | None, other: Entry | None
) -> dict[bytes, tuple[Entry | None, Entry | None]]:
    """Return what two folders have otherwise, by name."""
    first, second = (
        repo.objects.tree(entry[1]) if entry is not None and entry[0] == TREE_MODE else {} for entry in (one, other)
    )
    names = {name for name, _ in first.items() ^ second.items()}
    return {name: (first.get(name), second.get(name)) for name in names}
