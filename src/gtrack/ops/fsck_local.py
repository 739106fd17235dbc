"""Checking what lies beside the branch: spools, locks, and the chain that keeps the runs' code."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence

from gtrack.branch.chain import CODE_REF, keep_snapshot
from gtrack.branch.chain_repair import is_whole, rebuild_chain
from gtrack.branch.history import present_commits
from gtrack.branch.kept_snapshots import fetched_snapshots, kept_snapshots
from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError
from gtrack.format.plain import decode_line
from gtrack.ids import SHORT
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import RunFiles
from gtrack.ops.recover import is_of_another, spools_of
from gtrack.ops.seal import seal
from gtrack.ops.sealing import SEALED
from gtrack.ops.trees import recorded_files
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.reading import read_journal

__all__ = ["check_code", "check_locks", "check_sealed", "check_spools", "lacking"]

_STALE = 600.0
"""Seconds after which a lock of git's is taken to be left over."""
_REPAIR = "gtrack fsck --repair"
# What reading and sealing raise on files that are not what gtrack wrote.
_UNREADABLE = (GtrackError, OSError, ValueError, LookupError, TypeError, ArithmeticError)


def check_locks(repo: Repository, found: Findings) -> None:
    """Name the locks that git, or a gtrack that was killed, left on references."""
    for name in (repo.branch, CODE_REF, "packed-refs"):
        path = os.path.join(repo.paths.common_dir, *name.split("/")) + ".lock"
        with contextlib.suppress(OSError):
            age = time.time() - os.stat(path).st_mtime
            if age > _STALE:
                found.warning(path, f"it was left {age / 60:,.0f} minutes ago", f"if no git is running: rm {path}")


def check_spools(repo: Repository, spools: Sequence[str], found: Findings) -> None:
    """Check that every spool that is not recorded yet can be read.

    Args:
        repo: The repository.
        spools: Further spools that may hold runs of this repository.
        found: Takes what is wrong.
    """
    for run in spools_of(repo, spools):
        damaged = [_check_document(run, name, found) for name in _documents(run)]
        damaged += [_check_writer(writer, found) for writer in run.writers()]
        if any(damaged):
            continue
        try:
            seal(run, RunFiles(run.id), live=True, curves=False)
        except _UNREADABLE as error:
            found.error(run.path, f"it cannot be recorded: {error or type(error).__name__}")


def _documents(run: SpoolRun) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(name for name in os.listdir(run.path) if name.endswith(".yaml"))
    return []


def _check_document(run: SpoolRun, name: str, found: Findings) -> bool:
    from gtrack.format import yaml

    path = os.path.join(run.path, name)
    try:
        with open(path, "rb") as file:
            yaml.load(file.read(yaml.MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        found.error(path, f"it cannot be read: {error}")
        return True
    return False


def _check_writer(writer: Writer, found: Findings) -> bool:
    damaged = False
    try:
        read_journal(writer.journal)
    except (OSError, ValueError) as error:
        found.error(writer.journal, f"its values cannot be read: {error}", f"keep a copy of {writer.folder}")
        damaged = True
    try:
        with open(writer.ledger, "rb") as file:
            lines = file.read(256 << 20).split(b"\n")[:-1]  # a torn last line is what a killed process leaves
    except FileNotFoundError:
        lines = []
    except OSError as error:
        found.error(writer.ledger, f"it cannot be read: {error}")
        return True
    foreign = sum(decode_line(line) is None for line in lines)
    if foreign:
        found.warning(writer.ledger, f"{foreign} of its {len(lines)} lines cannot be read and are passed over")
    return damaged


def check_sealed(repo: Repository, spools: Sequence[str], tree: str | None, found: Findings) -> None:
    """Check that the branch has what the spools hold that were sealed in the last day."""
    for path in lacking(repo, spools, tree):
        found.error(path, "it was recorded, and the branch lacks some of it", _REPAIR)


def lacking(repo: Repository, spools: Sequence[str], tree: str | None) -> list[str]:
    """Return the sealed spools that hold something the branch's tree does not.

    Args:
        repo: The repository.
        spools: The spools to look into.
        tree: The branch's tree, or None.
    """
    out = []
    for folder in dict.fromkeys(os.path.join(os.path.realpath(spool), SEALED) for spool in spools):
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(folder)):
                run = SpoolRun(os.path.join(folder, name))
                with contextlib.suppress(*_UNREADABLE):
                    if is_of_another(run, repo):  # several repositories may share a spool
                        continue
                    if seal(run, recorded_files(repo, run, tree), curves=False).files:
                        out.append(run.path)
    return out


def check_code(repo: Repository, snapshots: Mapping[str, Sequence[str]], found: Findings, *, repair: bool) -> int:
    """Check that the runs' snapshots are here, and kept from git's garbage collection.

    Args:
        repo: The repository.
        snapshots: The runs that name each snapshot.
        found: Takes what is wrong.
        repair: Keep those that are here and not kept.

    Returns:
        How many were kept anew.
    """
    if not snapshots or repo.git is None:
        return 0
    whole = repo.refs.read(CODE_REF) is None or is_whole(repo)
    mended = 0
    if repair and not whole:
        rebuild_chain(repo, snapshots)
        whole, mended = True, 1
    try:
        kept = (kept_snapshots(repo) or set()) | fetched_snapshots(repo)
    except GtrackError as error:
        found.error(CODE_REF, f"the chain of snapshots cannot be read: {error}", _REPAIR)
        kept = set()
    else:
        if not whole:
            found.error(CODE_REF, "it leads to objects that are missing: git cannot collect garbage", _REPAIR)
    missing = sorted(snapshots.keys() - kept)
    trees = present_commits(repo, snapshots)
    loose = [snapshot for snapshot in missing if snapshot in trees and is_whole(repo, snapshot)]
    if repair:
        for snapshot in loose:
            keep_snapshot(
                repo.git, repo.paths.git_dir, snapshot, trees[snapshot], head=None, remote_ref_prefix=None, ref=CODE_REF
            )
    elif loose:
        found.warning(CODE_REF, f"git may collect the code of {_runs(loose, snapshots)}", _REPAIR)
    absent = [s for s in snapshots if s not in trees or (s in missing and s not in loose)]
    if absent:
        found.warning(CODE_REF, f"the code of {_runs(absent, snapshots)} is not here", _fetch(repo))
    return mended + len(loose) if repair else 0


def _runs(some: Sequence[str], snapshots: Mapping[str, Sequence[str]]) -> str:
    runs = [run_id[:SHORT] for snapshot in some for run_id in snapshots[snapshot]]
    shown = ", ".join(runs[:5]) + (", ..." if len(runs) > 5 else "")
    return f"{len(runs)} run{'s' if len(runs) != 1 else ''} ({shown})"


def _fetch(repo: Repository) -> str | None:
    return "gtrack pull" if repo.remote else None
