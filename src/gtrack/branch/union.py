"""Union: what clones recorded apart, as one tree. It needs no merge base, no history, no order, and cannot conflict.

The algebra, and why it holds, is told in :mod:`gtrack.branch.tree_union`; what belongs to the set at all in
:mod:`gtrack.branch.members`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gtrack.branch.bulk_objects import tree_data
from gtrack.branch.members import Source
from gtrack.branch.objects import TREE, TREE_MODE, Tree
from gtrack.branch.offers import Dropped, Folder
from gtrack.branch.repository import Repository
from gtrack.branch.tree_union import TreeUnion, epoch_of_tree
from gtrack.format.names import MODELS, model_of_dir, run_dir, split_path
from gtrack.ids import is_run_id

__all__ = ["Added", "Dropped", "Union", "added", "adds_nothing", "epoch_of_tree", "take_runs", "union"]


@dataclass(frozen=True, slots=True)
class Added:
    """What a tree has and another has not.

    Attributes:
        paths: The files.
        runs: The ids of the runs of which the other has nothing.
    """

    paths: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()

    @property
    def models(self) -> dict[str, int]:
        """The registered models that it says more of, each with the number of new versions and events."""
        parts = (path.split("/", 2) for path in self.paths if path.endswith(".yaml"))
        names = (model_of_dir(part[1]) for part in parts if part[0] == MODELS and len(part) == 3)
        return dict(sorted(Counter(name for name in names if name is not None).items()))


@dataclass(frozen=True, slots=True)
class Union:
    """The union of some trees.

    Attributes:
        tree: Its tree.
        dropped: What the trees offered and it does not hold; at most a hundred are named.
        dropped_count: How many there are.
        standing: Published files that a redaction, or the mark of a dropped run, says should not be there: they stay.
        tainted: The numbers of the trees that hold what nobody may publish: a commit of such a tree must not become a
            parent of one that is pushed.
        epoch: Its epoch.
        added: What each of the trees has that the published one has not, in their order, faulty files included.
    """

    tree: str
    dropped: tuple[Dropped, ...] = ()
    dropped_count: int = 0
    standing: tuple[Dropped, ...] = ()
    tainted: frozenset[int] = frozenset()
    epoch: int = 0
    added: tuple[Added, ...] = ()


def union(repo: Repository, trees: Sequence[str], *, published: str | None = None) -> Union:
    """Return the union of trees of the branch, written to the repository.

    The new trees are noted in ``repo.objects.written``, for :func:`gtrack.branch.keep.keep_objects`.

    Args:
        repo: The repository.
        trees: Root trees, of this clone or of inboxes; what is no member is left out, and named.
        published: The root tree of the tracking remote's tip, carried as it is: files are only added, and none that
            clashes with one that is there. Without one every file of every tree is checked.

    Raises:
        FormatError: A newer gtrack wrote one of the trees.
        DamageError: A folder is missing, damaged, or a bomb.
        OSError: The disk is full or read-only.
        GitError: Git failed.

    Example:
        >>> union(repo, [local_tree], published=remote_tree).tree
        'f925a871c673edcc852509fd34d092ce866c46c6'
    """
    work = TreeUnion(repo, trees, published).walk()
    found = tuple(_added(work, number) for number in range(len(trees)))
    return replace(_finish(work), added=found)


def _finish(work: TreeUnion) -> Union:
    tree = work.tree()
    work.write()
    drops = work.drops
    return Union(tree, tuple(sorted(drops.items)), drops.count, work.standing, frozenset(drops.tainted), work.epoch)


def adds_nothing(repo: Repository, tree: str, published: str) -> bool:
    """Tell whether the published tree holds every member of another: there is nothing to push. Writes nothing.

    Args:
        repo: The repository.
        tree: The other root tree.
        published: The root tree of the tracking remote's tip.

    Raises:
        FormatError: A newer gtrack wrote one of the trees.
        DamageError: A folder is missing, damaged, or a bomb.
    """
    if tree == published:
        return True
    work = TreeUnion(repo, [tree], published).walk()
    return work.tree() == published


def added(repo: Repository, tree: str, base: str | None) -> Added:
    """Return what a tree has and another has not: what a push of it would add, by path and mode.

    Args:
        repo: The repository.
        tree: A root tree.
        base: The other one, or None for an empty one.

    Raises:
        FormatError: A newer gtrack wrote one of the trees.
        DamageError: A folder is missing, damaged, or a bomb.
    """
    return _added(TreeUnion(repo, [tree], base).walk(), 0)


def _added(work: TreeUnion, number: int) -> Added:
    paths = frozenset(offer.path for offer in work.offers if number in offer.sources)
    runs = work.root.children.get(b"runs")
    places = (split_path(path) for path in paths)
    ids = {place[0] for place in places if place is not None}
    return Added(paths, frozenset(run_id for run_id in ids if runs and _run_folder(runs, run_id).published is None))


def _run_folder(runs: Folder, run_id: str) -> Folder:
    return runs.children[run_id[:2].encode()].children[run_id.encode()]


def take_runs(repo: Repository, tree: str, run_ids: Iterable[str], *, horizon: str | None = None) -> Union:
    """Return a tree of some runs alone, for a union: all that is ever taken from a remote that is not the tracking one.

    Every file is checked and must be one that the format knows; documents must be readable, none stamped far ahead.

    Args:
        repo: The repository.
        tree: The root tree of the other remote's branch.
        run_ids: The runs that were chosen; those that are not there are passed over.
        horizon: The latest stamp to take, or None for any.

    Raises:
        FormatError: A newer gtrack wrote the tree.
        DamageError: A folder is missing, damaged, or a bomb.
        OSError: The disk is full or read-only.
        GitError: Git failed.
    """
    epoch_of_tree(repo, tree)
    shards: dict[bytes, Tree] = {}
    for run_id in run_ids:
        found = repo.objects.find(tree, run_dir(run_id)) if is_run_id(run_id) else None
        if found is not None and found[0] == TREE_MODE:
            shards.setdefault(run_id[:2].encode(), {})[run_id.encode()] = found
    runs = {name: (TREE_MODE, repo.objects.write(TREE, tree_data(members))) for name, members in shards.items()}
    top: Tree = {b"runs": (TREE_MODE, repo.objects.write(TREE, tree_data(runs)))} if runs else {}
    chosen = repo.objects.write(TREE, tree_data(top))
    return _finish(TreeUnion(repo, [chosen], source=Source.OTHER, horizon=horizon).walk())
