"""The commits of ``A..B`` and ``A...B``: what one line of development has and another does not."""

from __future__ import annotations

from gtrack.branch.bounded import run_bounded
from gtrack.branch.code_history import Revision
from gtrack.branch.repository import Repository
from gtrack.errors import NotFoundError

__all__ = ["commits_between", "history_of", "merge_base"]

_MOST = 10_000


def commits_between(repo: Repository, left: Revision, right: Revision) -> list[str]:
    """Return the commits that the right one has and the left one has not, the newest first; at most 10,000.

    Raises:
        GitError: Git failed, or is not installed.

    Example:
        >>> commits_between(repository, resolve_revision(repository, "main"), resolve_revision(repository, "feature"))
        ['15f61e33bf1661ce39993257ecb61b83070001e9']
    """
    return _list(repo, right.commit, f"^{left.commit}")


def history_of(repo: Repository, revision: Revision) -> list[str]:
    """Return a commit and its ancestors: those by first parents first, then the others; the newest first in each.

    A branch's own commits are what it stood for; those that were merged into it stand in where none of these has runs.

    Raises:
        GitError: Git failed, or is not installed.
    """
    own = _list(repo, "--first-parent", revision.commit)
    return list(dict.fromkeys([*own, *_list(repo, revision.commit)]))


def merge_base(repo: Repository, left: Revision, right: Revision) -> Revision:
    """Return the commit at which two lines of development parted.

    Raises:
        NotFoundError: They have nothing in common.
        GitError: Git failed, or is not installed.
    """
    assert repo.git is not None
    args = ["merge-base", "--end-of-options", left.commit, right.commit]
    found = repo.git.run(args, git_dir=repo.paths.git_dir, check=False).decode("ascii", "replace").split()
    if not found:
        raise NotFoundError(
            f"{left.name} and {right.name} have no commit in common here",
            hint="in a shallow clone: git fetch --unshallow",
        )
    return Revision(left.name, found[0])


def _list(repo: Repository, *args: str) -> list[str]:
    raw = run_bounded(repo, ["rev-list", f"--max-count={_MOST}", *args, "--"])
    return raw.decode("ascii", "replace").split()
