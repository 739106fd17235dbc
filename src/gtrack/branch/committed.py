"""A commit that was just made: how it came about, what it changed, what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from gtrack.branch.listing import Entry
from gtrack.branch.objects import COMMIT
from gtrack.branch.repository import Repository

__all__ = ["Committed", "amended", "changed_files", "files_below", "head_branch", "is_replayed", "read_commit"]

# gitrepository-layout(5), and what git's sequencer keeps while it replays commits.
_UNDER_WAY = ("rebase-merge", "rebase-apply", "sequencer", "CHERRY_PICK_HEAD", "REVERT_HEAD", "MERGE_HEAD")
_REPLAYED = ("rebase", "cherry-pick", "revert", "commit (cherry-pick)", "commit (merge)", "pull", "am:")
_AMENDED = "commit (amend)"
_LAST_LINE = 8192


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit.

    Attributes:
        oid: Its id.
        tree: The id of its tree.
        parents: The ids of its parents.
        subject: The first line of its message.
    """

    oid: str
    tree: str
    parents: tuple[str, ...]
    subject: str


def read_commit(repo: Repository, oid: str) -> Committed:
    """Return what a commit says.

    Args:
        repo: The repository.
        oid: The commit's id.

    Raises:
        MissingObjectError: It is not here.
        DamageError: It is not a commit.
    """
    head, _, message = repo.objects.read(oid, COMMIT).decode("utf-8", "replace").partition("\n\n")
    fields = [line.partition(" ") for line in head.splitlines()]
    return Committed(
        oid=oid,
        tree=next(value for key, _, value in fields if key == "tree"),
        parents=tuple(value for key, _, value in fields if key == "parent"),
        subject=message.strip().partition("\n")[0].strip(),
    )


def is_replayed(repo: Repository, head: str) -> bool:
    """Tell whether the newest commit repeats older work: a rebase, cherry-pick, revert or merge made it.

    The files that tell so are gone by the time git calls ``post-commit`` at the end of one; the reflog then says it.

    Args:
        repo: The repository.
        head: The newest commit.
    """
    if any(os.path.lexists(os.path.join(repo.paths.git_dir, name)) for name in _UNDER_WAY):
        return True
    return _last_action(repo, head)[1].startswith(_REPLAYED)


def amended(repo: Repository, head: str) -> str | None:
    """Return the id of the commit that the newest one amends; None where it amends none or the reflog is off.

    Args:
        repo: The repository.
        head: The newest commit.
    """
    before, action = _last_action(repo, head)
    return before if action.startswith(_AMENDED) else None


def head_branch(repo: Repository) -> str | None:
    """Return the full name of the branch that is checked out, or None where HEAD is detached."""
    try:
        with open(os.path.join(repo.paths.git_dir, "HEAD"), encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline(4096).strip()
    except OSError:
        return None
    return line.removeprefix("ref:").strip() if line.startswith("ref:") else None


def changed_files(repo: Repository, commit: str) -> set[str]:
    """Return the paths that a commit added or changed, against its first parent.

    Args:
        repo: The repository; it has the git executable.
        commit: The commit's id.

    Raises:
        GitError: Git failed.
    """
    assert repo.git is not None
    # --root: the first commit adds all it has. --no-renames: a renamed file is a new one here.
    args = ["diff-tree", "--root", "--no-commit-id", "--no-renames", "--diff-filter=d", "--name-only", "-r", "-z"]
    raw = repo.git.run([*args, "--end-of-options", commit], git_dir=repo.paths.git_dir)
    return set(raw.decode("utf-8", "surrogateescape").split("\0")) - {""}


def files_below(repo: Repository, commit: str, paths: Iterable[str]) -> list[Entry]:
    """Return the files of a commit at or below some paths, in the order of names.

    Args:
        repo: The repository; it has the git executable.
        commit: The commit's id.
        paths: Files and folders from the top of the tree, taken literally; ``""`` is the top. What is not there is
            passed over.

    Raises:
        GitError: Git failed.
    """
    assert repo.git is not None
    wanted = sorted(set(paths))
    if not wanted:
        return []
    args = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit, *(["--", *wanted] if "" not in wanted else [])]
    raw = repo.git.run(args, git_dir=repo.paths.git_dir, env_extra={"GIT_LITERAL_PATHSPECS": "1"})
    found = []
    for line in raw.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, _, oid, size = head.split()
        found.append(Entry(path, int(mode, 8), oid, int(size) if size.isdigit() else None))
    return found


def _last_action(repo: Repository, head: str) -> tuple[str, str]:
    """Return where HEAD was before it came to ``head``, and what moved it there, as its reflog says."""
    try:
        with open(os.path.join(repo.paths.git_dir, "logs", "HEAD"), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_LINE))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return "", ""
    moved, _, action = (lines[-1] if lines else "").partition("\t")
    ids = moved.split(" ")[:2]
    return (ids[0], action) if len(ids) == 2 and ids[1] == head else ("", "")
