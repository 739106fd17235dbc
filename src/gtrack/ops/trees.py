"""Whose files count in this clone: those of the local branch, the tracking remote's inboxes, its branch."""

from __future__ import annotations

from collections.abc import Iterator

from gtrack.branch import keep
from gtrack.branch.commit import FORMAT_FILE, read_format
from gtrack.branch.objects import MissingObjectError
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import Tracking, tracking
from gtrack.errors import DamageError, FormatError, NotFoundError
from gtrack.ops.load import RunFiles, load_run_files
from gtrack.spool.directory import SpoolRun

__all__ = ["recorded_files", "tree_of_remote", "visible_trees"]


def visible_trees(repo: Repository) -> list[str]:
    """Return the root trees whose files count, each once; at a clash the last one stands: what is published.

    Args:
        repo: The repository.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    tips = [_checked(repo, repo.tip), *_inboxes(repo), _checked(repo, repo.remote_tip)]
    return list(dict.fromkeys(tree for tree in reversed(tips) if tree is not None))[::-1]


def recorded_files(repo: Repository, run: SpoolRun, tree: str | None, known: RunFiles | None = None) -> RunFiles:
    """Return what is recorded of the run that a spool belongs to.

    A run that was started elsewhere may be on the remote's branch alone: a resume goes on from there.

    Args:
        repo: The repository.
        run: The run's spool.
        tree: The local branch's tree, or None.
        known: What was loaded of the run before.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """

    def load() -> RunFiles:
        trees = [tree] if run.start is not None else visible_trees(repo)
        return load_run_files(repo, trees, run.id, known)

    try:
        return load()
    except KeyError:
        # A ``git gc --prune=now`` at the worst moment took objects of an earlier commit.
        keep.restore_objects(repo)
        return load()


def tree_of_remote(repo: Repository, remote: str) -> str:
    """Return the root tree of another remote's branch as of the last fetch.

    Raises:
        UsageError: There is no such remote.
        NotFoundError: It has no runs, or was never fetched.
        FormatError: A newer gtrack wrote its branch.
        DamageError: Its branch leads to objects that are missing.
    """
    names = tracking(repo, remote)
    tree = _checked(repo, repo.refs.read(names.tip_ref))
    if tree is None:
        short = names.branch.removeprefix("refs/heads/")
        raise NotFoundError(f"nothing is known of a branch {short} at {remote}", hint=f"git fetch {remote} {short}")
    return tree


def _inboxes(repo: Repository) -> Iterator[str | None]:
    """Yield the trees of inboxes; one that cannot be read must not hide the others' runs."""
    if repo.remote is None:
        return
    for tip in Tracking(repo.remote, repo.branch).inboxes(repo, "runs").values():
        try:
            yield _checked(repo, tip)
        except (DamageError, FormatError):
            continue


def _checked(repo: Repository, commit: str | None) -> str | None:
    """Return the tree of a tip of the branch, after a look at its format."""
    try:
        tree = repo.tree_of(commit)
    except MissingObjectError:
        if commit == repo.tip:
            tree = repo.tree_of(keep.readable_tip(repo))
        else:
            raise DamageError(
                f"the remote's branch is at {commit!s:.12}, which is not here", hint=f"git fetch {repo.remote}"
            ) from None
    found = repo.objects.find(tree, FORMAT_FILE)
    if found is not None:
        read_format(repo.read_blob(found[1]))
    return tree
