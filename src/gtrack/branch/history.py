"""The branch's history: what its commits did to files that were there before. Read by git's plumbing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gtrack.branch.bounded import run_bounded
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError

__all__ = ["History", "Rewrite", "present_commits", "read_history"]

_TIMEOUT = 3600.0
_DIFF = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", "--diff-filter=MDT")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A commit that changed or removed a file that one of its parents has.

    Attributes:
        commit: The commit.
        path: The file.
        change: ``M`` for another content or mode, ``T`` for another type, ``D`` for removed.
    """

    commit: str
    path: str
    change: str


@dataclass(frozen=True, slots=True)
class History:
    """What was read.

    Attributes:
        commits: How many commits there are.
        rewrites: What they did that they must not.
        shallow: Some commits lack their parents here: the clone is shallow.
    """

    commits: int
    rewrites: tuple[Rewrite, ...]
    shallow: bool


def read_history(repo: Repository, tip: str, *, known: str | None = None) -> History:
    """Find every commit that changed or removed a file.

    A merge may take either parent's version of a file, and must have every file that a parent has. A root may hold
    anything: a new epoch is one.

    Args:
        repo: The repository; it has the git executable.
        tip: The newest commit.
        known: A commit whose history was read before, and is left out.

    Raises:
        GitError: Git failed, such as on a commit that is missing.
        DamageError: There is more of it than can be read.
    """
    range_ = [tip, *([f"^{known}"] if known is not None else [])]
    listed = _git(repo, ["rev-list", "--parents", *range_, "--"]).decode().splitlines()
    family = {commit: parents for commit, *parents in (line.split() for line in listed)}
    pairs = (f"{commit} {parent}" for commit, parents in family.items() for parent in parents)
    raw = _git(repo, [*_DIFF, "--stdin"], pairs)
    rewrites = []
    for rewrite in dict.fromkeys(_parse(raw, tip)):
        parents = family[rewrite.commit]
        if len(parents) == 1 or not _is_union(repo, rewrite, parents):
            rewrites.append(rewrite)
    shallow = _git(repo, ["rev-parse", "--is-shallow-repository"]).strip() == b"true"
    return History(len(family), tuple(rewrites), shallow)


def present_commits(repo: Repository, oids: Iterable[str]) -> dict[str, str]:
    """Return the tree of each of some commits; those that are missing, or are no commits, are left out.

    Args:
        repo: The repository; it has the git executable.
        oids: Object ids.

    Raises:
        GitError: Git failed.
    """
    wanted = sorted(set(oids))
    asked = (f"{oid}^{{tree}}" for oid in wanted)
    answers = _git(repo, ["cat-file", "--batch-check"], asked).decode().splitlines() if wanted else []
    return {oid: line.split()[0] for oid, line in zip(wanted, answers, strict=True) if line.split()[1:2] == ["tree"]}


def _git(repo: Repository, args: Sequence[str], lines: Iterable[str] = ()) -> bytes:
    return run_bounded(repo, args, lines, timeout=_TIMEOUT)


def _parse(raw: bytes, commit: str) -> Iterator[Rewrite]:
    """Read git's raw diff: ``:100644 100644 <id> <id> M`` and a path; a bare id begins the next commit."""
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for text in fields:
        if text.startswith(":"):
            yield Rewrite(commit, next(fields), text.rpartition(" ")[2][:1])
        elif text:
            commit = text.strip()


def _is_union(repo: Repository, rewrite: Rewrite, parents: Sequence[str]) -> bool:
    """Tell whether a merge has a file as one of its parents has it."""
    try:
        present = repo.objects.find(repo.tree_of(rewrite.commit), rewrite.path)
        before = [repo.objects.find(repo.tree_of(parent), rewrite.path) for parent in parents]
    except (KeyError, DamageError, UnicodeEncodeError):
        return False
    return present is not None and present in before
