"""Checking the files of one tree: paths and modes, then the content of each run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gtrack.branch.listing import Entry, read_in_batches
from gtrack.branch.members import FILE_BYTES
from gtrack.branch.repository import Repository
from gtrack.ids import SHORT
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.fsck_folders import check_folders
from gtrack.ops.fsck_runs import check_run
from gtrack.ops.fsck_tree import check_other, group_files

__all__ = ["check_contents"]

_MOST_OF_A_RUN = 1 << 30
"""Bytes that the files of one run may have together: they are held in memory."""

Known = frozenset[tuple[str, int, str]]


def check_contents(
    repo: Repository,
    files: Iterable[Entry],
    found: Findings,
    *,
    snapshots: dict[str, list[str]] | None = None,
    known: Known = frozenset(),
) -> int:
    """Check the content of files; return how many runs there are.

    Args:
        repo: The repository.
        files: In the order of their paths; what the format knows.
        found: Takes what is wrong.
        snapshots: Takes the runs that name each snapshot.
        known: Files that were checked before, as (path, mode, id): a run is checked again only with others than these.
    """
    runs = 0
    for run_id, entries, contents, bad in read_in_batches(repo, _groups(files, known, found), FILE_BYTES):
        for entry in entries:
            if entry.oid in bad:
                found.error(entry.path, bad[entry.oid], "gtrack fsck --repair")
        readable = [entry for entry in entries if entry.oid in contents]
        if not run_id:
            check_folders(entries, found)
            for entry in readable:
                check_other(entry, contents[entry.oid], found)
            continue
        runs += 1
        plain = [entry for entry in readable if not entry.path.endswith(".sig")]
        for snapshot in check_run(run_id, plain, contents, found):
            if snapshots is not None:
                snapshots.setdefault(snapshot, []).append(run_id)
    return runs


def _groups(files: Iterable[Entry], known: Known, found: Findings) -> Iterator[tuple[str, Sequence[Entry]]]:
    for run_id, entries in group_files(files):
        new = [entry for entry in entries if (entry.path, entry.mode, entry.oid) not in known]
        if not run_id:
            yield run_id, new
        elif sum(min(entry.size or 0, FILE_BYTES) for entry in entries) > _MOST_OF_A_RUN:
            found.error(entries[0].path, f"the files of run {run_id[:SHORT]} are too large together to be checked")
        elif new:
            yield run_id, entries
