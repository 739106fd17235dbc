"""Which tips may be parents of a commit that is pushed: their history is published with it."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.branch.history import read_history
from gtrack.branch.repository import Repository
from gtrack.branch.union import Union, epoch_of_tree
from gtrack.errors import DamageError, GitError

__all__ = ["sound_parents"]


def sound_parents(repo: Repository, both: Union, tips: Sequence[str], published: str | None) -> list[str]:
    """Return those of the tips of a union whose history may be published. The others give their files alone.

    Not that of a tip that holds what nobody may publish or is of a lower epoch, nor one in which a commit altered or
    removed a file: what was taken back would come out, and a server that checks would refuse the push of everybody.

    Args:
        repo: The repository.
        both: The union.
        tips: The tips that went into it, in the order of its trees.
        published: The remote's tip, whose history is out already; or None.

    Raises:
        FormatError: A newer gtrack wrote one of the tips.
        DamageError: One of them is missing or damaged.
    """
    sound = (tip for number, tip in enumerate(tips) if number not in both.tainted)
    return [tip for tip in sound if _epoch(repo, tip) == both.epoch and _is_written_once(repo, tip, published)]


def _epoch(repo: Repository, tip: str) -> int:
    tree = repo.tree_of(tip)
    assert tree is not None
    return epoch_of_tree(repo, tree)


def _is_written_once(repo: Repository, tip: str, published: str | None) -> bool:
    """Tell whether no commit that is not published yet altered or removed a file."""
    if repo.git is None or tip == published:
        return True
    try:
        return not read_history(repo, tip, known=published).rewrites
    except (DamageError, GitError):
        return False
