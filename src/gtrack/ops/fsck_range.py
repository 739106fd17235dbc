"""Checking what a push brings, before it is let in: for continuous integration and for a server's hook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gtrack.branch.bulk import read_blobs
from gtrack.branch.commit import FORMAT_FILE, read_format
from gtrack.branch.commit_objects import is_ancestor
from gtrack.branch.incoming import (
    Change,
    Incoming,
    altered_between,
    find_commit,
    find_file,
    names_in,
    odd_members,
    read_incoming,
    sizes_of,
)
from gtrack.branch.listing import Entry, read_in_batches
from gtrack.branch.members import FILE_BYTES, fault, place, size_fault
from gtrack.branch.objects import BLOB_MODE
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, FormatError, GitError, NotFoundError, RepositoryError, UsageError
from gtrack.format.footer import check_pages, read_footer
from gtrack.ops.fsck_findings import Finding, Findings
from gtrack.ops.fsck_runs import check_files
from gtrack.ops.fsck_tree import check_other, group_files

__all__ = ["RangeReport", "check_range"]

_ZEROS = re.compile(r"(?:0{40}|0{64})\Z")
_MOST_FORMAT = 4096
_PART_BYTES = 16 << 20
_PART_FILES = 1000
_CHANGES = {"M": "changes it", "T": "changes its type", "D": "removes it"}
_FIXED = (FORMAT_FILE, "README.md")
"""Files whose bytes follow from format and epoch."""


@dataclass(frozen=True, slots=True)
class RangeReport:
    """What a check of a range came to.

    Attributes:
        findings: What is not as it should be, errors first; each names its commit.
        commits: How many commits were checked.
        files: How many files they add.
        newer: A newer gtrack wrote the branch.
    """

    findings: tuple[Finding, ...]
    commits: int
    files: int
    newer: bool = False

    @property
    def ok(self) -> bool:
        """True when nothing speaks against the push; there may be warnings."""
        return all(finding.level != "error" for finding in self.findings)


def check_range(repo: Repository, text: str, *, allow_epoch: bool = False) -> RangeReport:
    """Check the commits by which a push moves the branch.

    They only add files, and each file is one that belongs there: its path, its mode, its digest and its content are
    right. A merge may take any parent's version of a file and holds every file of every parent; what stood at the old
    end stands at the new one. Only what the range adds is read.

    Args:
        repo: The repository; in a server's hook opened with ``incoming=True``.
        text: ``OLD..NEW``, two revisions. OLD may be empty or zeros: the branch is new, and all of it is checked. NEW
            may be zeros: the branch is removed, which is refused.
        allow_epoch: Let through a rewritten branch of a higher epoch, as ``compact`` and ``redact`` write them.

    Raises:
        UsageError: The text is no range.
        NotFoundError: An end of the range is not here.
        RepositoryError: The clone is too shallow to tell.
        GitError: Git failed, or is not installed.
        DamageError: There is more of it than can be read.

    Example:
        >>> check_range(Repository(".", env), "origin/gtrack..gtrack").ok
        True
    """
    if repo.git is None:
        raise GitError("git is not installed", hint="install git")
    found = Findings()
    old, new = _ends(repo, text)
    if new is None:
        found.error(repo.branch, "the push removes it")
        return RangeReport(found.all(), 0, 0)
    incoming = read_incoming(repo, new, old)
    if incoming.shallow:
        found.warning(repo.branch, "the clone is shallow: only a part of the history is checked")
    epochs, newer = _read_epochs(repo, incoming, [find_file(repo, end, FORMAT_FILE) for end in (old, new) if end])
    told = _check_changes(incoming, epochs, found)
    if old is None:
        if find_file(repo, new, FORMAT_FILE) is None:
            found.of(new).error(FORMAT_FILE, "it is missing: nothing says of which format the branch is")
    elif is_ancestor(repo, old, new):
        _check_published(repo, old, new, told, found)
    else:
        _check_rewritten(repo, (old, new), epochs, incoming, allow_epoch=allow_epoch, found=found)
    files = _check_added(repo, new, incoming.changes, found)
    return RangeReport(found.all(), len(incoming.parents), files, newer)


def _ends(repo: Repository, text: str) -> tuple[str | None, str | None]:
    before, dots, after = text.partition("..")
    if not dots or not after or after.startswith("."):
        raise UsageError(f"{text!r:.100} is not a range", hint="write it OLD..NEW, such as origin/gtrack..gtrack")
    ends: list[str | None] = []
    for name in (before, after):
        if not name or _ZEROS.match(name):
            ends.append(None)
            continue
        commit = find_commit(repo, name)
        if commit is None:
            raise NotFoundError(
                f"there is no commit {name!r:.100} here", hint="git fetch; in a shallow clone --unshallow"
            )
        ends.append(commit)
    return ends[0], ends[1]


def _read_epochs(repo: Repository, incoming: Incoming, ends: Iterable[str | None]) -> tuple[dict[str, int], bool]:
    """Return the epoch of every FORMAT file by its object id, and whether a newer gtrack wrote one."""
    oids = {oid for oid in ends if oid is not None}
    for change in incoming.changes:
        if change.path == FORMAT_FILE:
            oids |= {oid for oid in (change.oid, change.before) if oid.strip("0")}
    small = [oid for oid, size in sizes_of(repo, oids).items() if size <= _MOST_FORMAT]
    epochs, newer = {}, False
    for oid, data in (read_blobs(repo, small) if small else {}).items():
        try:
            epochs[oid] = read_format(data)[1]
        except FormatError:
            newer = True  # the check of added files says it
    return epochs, newer


def _check_changes(incoming: Incoming, epochs: dict[str, int], found: Findings) -> set[str]:
    """Check that no commit alters or removes a file; return the files of which one does."""
    told = set()
    for change in incoming.changes:
        if change.kind == "A":
            continue
        if change.path == FORMAT_FILE and change.kind == "M":
            what = _wrong_epoch(change, epochs, merge=len(incoming.parents[change.commit]) > 1)
        else:
            what = None if change.taken else f"the commit {_CHANGES[change.kind]}: files are written once"
        if what is not None:
            found.of(change.commit).error(change.path, what)
            told.add(change.path)
    return told


def _wrong_epoch(change: Change, epochs: dict[str, int], *, merge: bool) -> str | None:
    before, after = epochs.get(change.before, -1), epochs.get(change.oid, -1)
    if after < before:
        return f"the commit lowers the epoch from {before} to {after}"
    if after > before and merge:
        return f"the commit joins the history of epoch {before} to that of epoch {after}: files may, commits must not"
    if after > before:
        return f"the commit raises the epoch from {before} to {after}, which only a new root does"
    return None if change.taken else "the commit changes it: files are written once"


def _check_published(repo: Repository, old: str, new: str, told: set[str], found: Findings) -> None:
    """Check that what stood at the old end stands at the new one, also where a merge had the choice."""
    for change in altered_between(repo, old, new):
        if change.path not in told:
            what = "is not there any more" if change.kind == "D" else "has another content"
            found.of(new).error(change.path, f"what is published {what}: files are written once")


def _check_rewritten(
    repo: Repository,
    ends: tuple[str, str],
    epochs: dict[str, int],
    incoming: Incoming,
    *,
    allow_epoch: bool,
    found: Findings,
) -> None:
    """Check a push that is not a fast-forward: only a new epoch may be one, where that is let through."""
    old, new = ends
    if incoming.shallow:
        raise RepositoryError("the clone is too shallow to tell what the push changes", hint="git fetch --unshallow")
    before, after = (epochs.get(find_file(repo, end, FORMAT_FILE) or "", -1) for end in ends)
    if after <= before:
        found.of(new).error(repo.branch, f"the push is not a fast-forward: it drops {old[:12]}")
    elif not allow_epoch:
        found.of(new).error(repo.branch, f"the push begins epoch {after} anew", "--allow-epoch lets it through")
    for change in altered_between(repo, old, new):
        if change.kind != "D" and change.path not in _FIXED:
            found.of(new).error(change.path, "what is published has another content: files are written once")


def _check_added(repo: Repository, new: str, changes: Sequence[Change], found: Findings) -> int:
    """Check every file that the range adds, once; return how many there are."""
    added = {(c.path, c.mode, c.oid): c for c in reversed(changes) if c.kind == "A"}
    plain = [change for change in added.values() if _check_name(change, found.of(change.commit))]
    sizes = sizes_of(repo, {change.oid for change in plain})
    by_commit: dict[str, list[Entry]] = {}
    for change in sorted(plain, key=lambda change: change.path):
        known = place(change.path)
        wrong = size_fault(change.path, known, sizes.get(change.oid, 0))
        if wrong is not None:
            found.of(change.commit).error(change.path, wrong)
        elif known is not None:
            entry = Entry(change.path, change.mode, change.oid, sizes.get(change.oid))
            by_commit.setdefault(change.commit, []).append(entry)
    _check_redacted(repo, new, plain, found)
    for name, entries, contents, bad in read_in_batches(repo, _parts(by_commit), FILE_BYTES):
        commit, _, run_id = name.partition(" ")
        _check_content(run_id, entries, contents, bad, found.of(commit))
    for path, what in odd_members(repo, new, sorted(_folders(change.path for change in plain))):
        if all(change.path != path or (change.kind, change.mode) == ("A", BLOB_MODE) for change in changes):
            found.of(new).error(path, what)
    return len(added)


def _check_name(change: Change, found: Findings) -> bool:
    """Tell whether a file may be there by its path and mode; name one that the format does not know."""
    wrong = fault(change.path, change.mode)
    if wrong is not None:
        found.error(change.path, wrong)
    elif place(change.path) is None:
        found.warning(change.path, "the format knows no such file; it is kept and has no effect")
    return wrong is None


def _check_redacted(repo: Repository, new: str, added: Iterable[Change], found: Findings) -> None:
    redacted = set(names_in(repo, new, "redacted"))
    for change in added if redacted else ():
        if change.oid in redacted:
            found.of(change.commit).error(change.path, "its content was redacted and may not come back")


def _parts(by_commit: Mapping[str, Sequence[Entry]]) -> Iterator[tuple[str, Sequence[Entry]]]:
    """Yield ``<commit> <run>`` and files of that run, in parts that fit into memory."""
    for commit, entries in by_commit.items():
        for run_id, files in group_files(entries):
            part: list[Entry] = []
            size = 0
            for entry in files:
                part.append(entry)
                size += entry.size or 0
                if size >= _PART_BYTES or len(part) >= _PART_FILES:
                    yield f"{commit} {run_id}", part
                    part, size = [], 0
            if part:
                yield f"{commit} {run_id}", part


def _check_content(
    run_id: str, entries: Sequence[Entry], contents: dict[str, bytes], bad: dict[str, str], found: Findings
) -> None:
    for entry in entries:
        if entry.oid in bad:
            found.error(entry.path, bad[entry.oid])
    readable = [entry for entry in entries if entry.oid in contents]
    if not run_id:
        for entry in readable:
            check_other(entry, contents[entry.oid], found)
        return
    plain = {entry.path: entry.oid for entry in readable if not entry.path.endswith(".sig")}
    check_files(run_id, [entry for entry in readable if entry.path in plain], contents, found)
    for path, oid in plain.items():
        if path.endswith(".parquet"):
            try:
                check_pages(contents[oid], read_footer(contents[oid]))
            except DamageError as error:
                found.error(path, error.message)


def _folders(paths: Iterable[str]) -> set[str]:
    """Return every folder on the way to some files, the root as an empty text."""
    out = {""}
    for path in paths:
        while path := path.rpartition("/")[0]:
            out.add(path)
    return out
