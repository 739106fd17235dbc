"""Whose files count in this clone: those of the local branch, the tracking remote's inboxes, its branch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gtrack.branch import keep
from gtrack.branch.commit import FORMAT_FILE, read_format
from gtrack.branch.objects import MissingObjectError
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import INBOX, Tracking, tracking
from gtrack.errors import DamageError, FormatError, NotFoundError
from gtrack.ops.load import RunFiles, load_run_files
from gtrack.spool.directory import SpoolRun

__all__ = ["Tip", "recorded_files", "tree_of_remote", "trees_of", "visible_tips", "visible_trees"]


@dataclass(frozen=True, slots=True)
class Tip:
    """A reference of the branch, and what it leads to.

    Attributes:
        ref: Its full name.
        oid: The commit.
        tree: The commit's tree.
    """

    ref: str
    oid: str
    tree: str


def visible_tips(repo: Repository, known: Mapping[str, str] = MappingProxyType({})) -> list[Tip]:
    """Return the references whose files count: the local branch, the tracking remote's inboxes, its branch.

    Args:
        repo: The repository.
        known: Trees of commits that were looked at before, by commit.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    remote = repo.remote
    out = [_tip(repo, repo.branch, repo.tip, known)]
    if remote is not None:
        names = Tracking(remote, repo.branch)
        for name, oid in names.inboxes(repo, "runs").items():
            # One that cannot be read must not hide the others' runs.
            with contextlib.suppress(DamageError, FormatError):
                out.append(_tip(repo, names.inbox_prefix + name.removeprefix(INBOX), oid, known))
        out.append(_tip(repo, names.tip_ref, repo.remote_tip, known))
    return [tip for tip in out if tip is not None]


def trees_of(tips: Iterable[Tip]) -> list[str]:
    """Return the trees of tips, each once; at a clash the last one stands: what is published."""
    return list(dict.fromkeys(tip.tree for tip in reversed(list(tips))))[::-1]


def visible_trees(repo: Repository) -> list[str]:
    """Return the root trees whose files count, each once; at a clash the last one stands: what is published.

    Args:
        repo: The repository.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    return trees_of(visible_tips(repo))


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
    oid = repo.refs.read(names.tip_ref)
    if oid is None:
        short = names.branch.removeprefix("refs/heads/")
        raise NotFoundError(f"nothing is known of a branch {short} at {remote}", hint=f"git fetch {remote} {short}")
    return _checked(repo, oid)


def _tip(repo: Repository, ref: str, oid: str | None, known: Mapping[str, str]) -> Tip | None:
    if oid is None:
        return None
    return Tip(ref, oid, known.get(oid) or _checked(repo, oid))


def _checked(repo: Repository, commit: str) -> str:
    """Return the tree of a tip of the branch, after a look at its format."""
    try:
        tree = repo.tree_of(commit)
    except MissingObjectError:
        if commit != repo.tip:
            raise DamageError(
                f"the remote's branch is at {commit!s:.12}, which is not here", hint=f"git fetch {repo.remote}"
            ) from None
        tree = repo.tree_of(keep.readable_tip(repo))
    assert tree is not None
    found = repo.objects.find(tree, FORMAT_FILE)
    if found is not None:
        read_format(repo.read_blob(found[1]))
    return tree
