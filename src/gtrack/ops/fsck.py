"""Checking everything gtrack keeps in a repository, and putting back what copies of it remain."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.branch.history import read_history
from gtrack.branch.keep import restore_objects
from gtrack.branch.listing import Listing, list_tree
from gtrack.branch.repository import Repository
from gtrack.config import Settings
from gtrack.errors import DamageError, GitError
from gtrack.ops.fsck_contents import check_contents
from gtrack.ops.fsck_experiments import check_protocols
from gtrack.ops.fsck_findings import Finding, Findings
from gtrack.ops.fsck_local import check_code, check_locks, check_sealed, check_spools, lacking
from gtrack.ops.fsck_models import check_models
from gtrack.ops.fsck_remotes import check_remotes, say_rewrites
from gtrack.ops.fsck_tree import check_shape
from gtrack.ops.fsck_views import check_view_folders
from gtrack.ops.recover import recover

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Finding", "Report", "check"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a check came to.

    Attributes:
        findings: What is not as it should be, errors first.
        runs: How many runs were checked.
        files: How many files.
        commits: How many commits of the branch's history.
        repaired: How many objects, spools and snapshots were put back.
    """

    findings: tuple[Finding, ...]
    runs: int
    files: int
    commits: int
    repaired: int = 0

    @property
    def ok(self) -> bool:
        """True when there is no damage; there may be warnings."""
        return all(finding.level != "error" for finding in self.findings)


def check(repo: Repo, *, repair: bool = False) -> Report:
    """Check the branch, its history, what was fetched of remotes, the spools and the code of the runs.

    Without a branch of its own the repository's tracking remote is checked, as of the last fetch.

    Args:
        repo: The repository.
        repair: First put back what copies remain of: lost objects, files of sealed spools, snapshots.

    Raises:
        LockedError: Another process holds the repository's lock, and ``repair`` is set.
        OSError: The disk is full or read-only, and ``repair`` is set.

    Example:
        >>> report = check(gtrack.Repo("."))
        >>> report.ok, report.runs
        (True, 12)
    """
    repository, found = repo.repository, Findings()
    spools = [repository.paths.spool, *Settings.from_env(repo.env).extra_spools]
    repaired = _repair(repository, spools) if repair else 0
    runs = commits = 0
    snapshots: dict[str, list[str]] = {}
    tip = repository.tip or repository.remote_tip
    tree = _tree(repository, tip, found)
    listing = Listing()
    if tree is not None:
        listing = list_tree(repository, tree)
        runs = check_contents(repository, check_shape(listing, found), found, snapshots=snapshots)
    if tip is not None:
        commits = _check_history(repository, tip, found)
    check_remotes(repository, tip, listing.files, found)
    check_protocols(repository, found)
    check_view_folders(repository, found)
    check_models(repository, found)
    check_locks(repository, found)
    check_spools(repository, spools, found)
    if not repair:
        check_sealed(repository, spools, tree, found)
    repaired += check_code(repository, snapshots, found, repair=repair)
    return Report(found.all(), runs, len(listing.files), commits, repaired)


def _tree(repo: Repository, tip: str | None, found: Findings) -> str | None:
    """Return the tree of the branch's tip, or say why there is none."""
    where = repo.checked_out_in()
    if where is not None:
        found.warning(repo.branch, f"it is checked out in {where}: nothing can be recorded", "git switch to another")
    if tip is None:
        lost = os.path.join(repo.paths.common_dir, *repo.branch.split("/"))
        if os.path.lexists(lost) and not os.path.isdir(lost):
            found.error(repo.branch, "the reference cannot be read", f"git reflog {repo.branch}")
        return None
    try:
        return repo.tree_of(tip)
    except KeyError:
        found.error(repo.branch, f"its commit {tip[:12]} is missing", "gtrack fsck --repair, or fetch it again")
    except (DamageError, ValueError, OSError) as error:
        found.error(repo.branch, f"its commit {tip[:12]} is damaged: {error}", "git fsck --full")
    return None


def _check_history(repo: Repository, tip: str, found: Findings) -> int:
    """Check that no commit changed or removed what was there; return how many commits were looked at."""
    if repo.git is None:
        found.warning(repo.branch, "git is not installed: only the tip is checked, not the history")
        return 1
    try:
        history = read_history(repo, tip)
    except (DamageError, GitError) as error:
        found.error(repo.branch, f"its history cannot be read: {error.message}", "gtrack fsck --repair")
        return 0
    say_rewrites(history.rewrites, found)
    if history.shallow:
        found.warning(repo.branch, "the clone is shallow: only a part of the history is checked")
    return history.commits


def _repair(repo: Repository, spools: list[str]) -> int:
    """Put back lost objects, and what the branch lacks of sealed spools; return how many."""
    with repo.lock():
        restored = restore_objects(repo)
        put_back = 0
        for path in lacking(repo, spools, _readable_tree(repo)):
            spool = os.path.dirname(os.path.dirname(path))
            target = os.path.join(spool, os.path.basename(path)[:32])
            if not os.path.lexists(target):
                os.rename(path, target)
                put_back += 1
    if put_back:
        recover(repo, spools)
    return restored + put_back


def _readable_tree(repo: Repository) -> str | None:
    with contextlib.suppress(KeyError, DamageError):
        return repo.tree_of(repo.tip)
    return None
