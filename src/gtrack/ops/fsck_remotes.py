"""Checking what was fetched: the tracking remote's branch and inboxes, and the branches of other remotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gtrack.branch.commit import FORMAT_FILE
from gtrack.branch.history import Rewrite, read_history
from gtrack.branch.incoming import count_members
from gtrack.branch.listing import Entry, list_tree
from gtrack.branch.members import Source, counts
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import Tracking
from gtrack.errors import DamageError, GitError
from gtrack.ids import SHORT
from gtrack.ops.fsck_contents import check_contents
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.fsck_tree import check_shape

__all__ = ["check_remotes", "say_rewrites"]

_CHANGES = {"M": "changes it", "T": "changes its type", "D": "removes it"}


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A branch of a remote, as of the last fetch: its reference here, the commit, whose word it is."""

    ref: str
    tip: str
    source: Source

    @property
    def other(self) -> bool:
        return self.source is Source.OTHER


def check_remotes(repo: Repository, checked: str | None, files: Sequence[Entry], found: Findings) -> None:
    """Check every fetched branch, and compare it with the one that was checked before.

    What other remotes have counts for nothing, so what is wrong with it is a warning.

    Args:
        repo: The repository.
        checked: The tip that was checked before, or None.
        files: The files of its tree.
        found: Takes what is wrong, by reference.
    """
    here = {entry.path: entry for entry in files}
    known = frozenset((entry.path, entry.mode, entry.oid) for entry in files)
    for fetched in _fetched(repo, found):
        if fetched.tip == checked:
            continue
        mine = found.of(fetched.ref, harmless=fetched.other)
        try:
            tree = repo.tree_of(fetched.tip)
        except (KeyError, DamageError, ValueError, OSError):
            mine.error(fetched.ref, f"its commit {fetched.tip[:12]} is missing or damaged", "git fetch")
            continue
        assert tree is not None
        try:
            if repo.git is not None:
                count_members(repo, tree)
        except (DamageError, GitError) as error:
            mine.error(fetched.ref, f"its files cannot be listed: {error.message}")
            continue
        listing = list_tree(repo, tree)
        _compare(fetched, listing.files, here, repo.remote, mine)
        heard = [entry for entry in check_shape(listing, mine) if counts(entry.path, fetched.source)]
        check_contents(repo, heard, mine, known=known)
        _check_history(repo, fetched, checked, mine)


def say_rewrites(rewrites: Sequence[Rewrite], found: Findings) -> None:
    """Name the files that commits changed or removed."""
    for rewrite in rewrites:
        what = _CHANGES.get(rewrite.change, "changes it")
        found.error(rewrite.path, f"commit {rewrite.commit[:SHORT]} {what}: files are written once")


def _fetched(repo: Repository, found: Findings) -> Iterator[_Fetched]:
    refs = {Tracking(remote, repo.branch).tip_ref: Source.OTHER for remote in repo.config.subsections("remote")}
    if repo.remote is not None:
        names = Tracking(repo.remote, repo.branch)
        refs[names.tip_ref] = Source.TRACKING
        inboxes = (ref for ref in repo.refs.names(names.inbox_prefix) if ref.endswith("/runs"))
        refs |= dict.fromkeys(inboxes, Source.LOCAL)  # what clones sent and nobody has checked
    for ref, source in refs.items():
        try:
            tip = repo.refs.read(ref)
        except (DamageError, OSError) as error:
            found.of(ref).error(ref, f"the reference cannot be read: {error}", "git fetch")
            continue
        if tip is not None:
            yield _Fetched(ref, tip, source)


def _compare(
    fetched: _Fetched, theirs: Sequence[Entry], here: dict[str, Entry], remote: str | None, found: Findings
) -> None:
    """Name what they have otherwise than it is here, and what of theirs is not heard at all."""
    unheard: Counter[str] = Counter()
    for entry in theirs:
        mine = here.get(entry.path)
        if not counts(entry.path, fetched.source) and entry.path not in (FORMAT_FILE, "README.md"):
            unheard[entry.path.partition("/")[0]] += 1
        elif mine is not None and (mine.mode, mine.oid) != (entry.mode, entry.oid) and entry.path != FORMAT_FILE:
            if fetched.source is Source.TRACKING:
                found.error(entry.path, f"{remote} has published other content", f"git diff {fetched.tip}")
            else:
                found.error(entry.path, "it has other content than here, which is what counts")
    for top, count in unheard.items():
        what = f"{count:,} file{'s' if count != 1 else ''} below it: of another remote only runs are heard"
        found.warning(top, what)


def _check_history(repo: Repository, fetched: _Fetched, checked: str | None, found: Findings) -> None:
    if repo.git is None:
        return
    try:
        history = read_history(repo, fetched.tip, known=checked)
    except (DamageError, GitError) as error:
        found.error(fetched.ref, f"its history cannot be read: {error.message}", "git fetch")
        return
    say_rewrites(history.rewrites, found)
