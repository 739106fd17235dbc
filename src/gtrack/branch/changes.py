"""What differs between two trees of the branch, without opening what is equal."""

from __future__ import annotations

from dataclasses import dataclass

from gtrack.branch.bounded import run_on_trees
from gtrack.branch.objects import TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.format.names import split_path
from gtrack.ids import is_run_id

__all__ = ["Changes", "changes"]

Entry = tuple[int, str]
"""A mode and an object id."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What one of two trees has and the other has not, or has otherwise.

    Attributes:
        runs: The ids of runs.
        experiments: Whether anything said of experiments.
    """

    runs: frozenset[str] = frozenset()
    experiments: bool = False


def changes(repo: Repository, one: str, other: str) -> Changes:
    """Compare two trees.

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
    args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", one, other, "--"]
    raw = run_on_trees(repo, [*args, "runs/", "experiments/"], [one, other])
    paths = raw.decode("utf-8", "surrogateescape").split("\0")[:-1]
    places = (split_path(path) for path in paths)
    runs = frozenset(place[0] for place in places if place is not None)
    return Changes(runs, any(path.startswith("experiments/") for path in paths))


def _walk(repo: Repository, one: str, other: str) -> Changes:
    shards = _differing(repo, *(repo.objects.find(tree, "runs") for tree in (one, other)))
    names = {name.decode("utf-8", "replace") for pair in shards.values() for name in _differing(repo, *pair)}
    first, second = (repo.objects.find(tree, "experiments") for tree in (one, other))
    return Changes(frozenset(filter(is_run_id, names)), first != second)


def _differing(
    repo: Repository, one: Entry | None, other: Entry | None
) -> dict[bytes, tuple[Entry | None, Entry | None]]:
    """Return what two folders have otherwise, by name."""
    first, second = (
        repo.objects.tree(entry[1]) if entry is not None and entry[0] == TREE_MODE else {} for entry in (one, other)
    )
    names = {name for name, _ in first.items() ^ second.items()}
    return {name: (first.get(name), second.get(name)) for name in names}
