"""What git says of a working tree: HEAD, every tracked change, every untracked file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from gtrack.branch.git import Git

__all__ = ["ABSENT", "GITLINK", "Change", "Entry", "Status", "Where", "read_entries", "read_status"]

GITLINK = "160000"
"""The mode of a submodule."""
ABSENT = "000000"
"""The mode of a path that is not there."""


@dataclass(frozen=True, slots=True)
class Where:
    """The working tree that git is to look at.

    Args:
        git: The git executable.
        git_dir: The repository.
        work_tree: Its working tree.
        env: Variables for git alone, such as the index to use.
    """

    git: Git
    git_dir: str
    work_tree: str
    env: Mapping[str, str]

    def run(self, *args: str, input: bytes | None = None) -> bytes:  # noqa: A002  as in Git.run
        """Run git there and return what it wrote to stdout."""
        return self.git.run(
            args, cwd=self.work_tree, git_dir=self.git_dir, work_tree=self.work_tree, env_extra=self.env, input=input
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A tracked path that is not as in HEAD.

    Args:
        path: From the top of the working tree.
        head_mode: Its mode in HEAD, or ``ABSENT``; of an unmerged path, in the branch that was merged into.
        head_id: Its blob in HEAD.
        work_mode: Its mode in the working tree, or ``ABSENT``.
        unstaged: The working tree differs from the index.
        submodule: ``N...``, or ``S`` and what of a submodule changed: commit, content, untracked files.
    """

    path: str
    head_mode: str
    head_id: str
    work_mode: str
    unstaged: bool
    submodule: str


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a working tree.

    Args:
        commit: The id of HEAD, or None before the first commit.
        branch: The short name of the branch that HEAD is on, or None when it is detached.
        changes: Every tracked path that is not as in HEAD.
        untracked: Every path that is neither tracked nor ignored; a repository inside ends in ``/``.
    """

    commit: str | None
    branch: str | None
    changes: tuple[Change, ...]
    untracked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the index that is not a plain file: a submodule, or a file that git does not look at.

    Args:
        tag: ``H``; ``S`` for skip-worktree; in lower case for assume-unchanged.
    """

    path: str
    mode: str
    id: str
    tag: str


def read_status(where: Where) -> Status:
    """Return the state of a working tree, in one git process that writes nothing.

    The format is porcelain version 2 of `git-status(1) <https://git-scm.com/docs/git-status>`_.

    Raises:
        GitError: Git failed.
    """
    out = where.run(
        "status",
        "--porcelain=v2",
        "-z",
        "--branch",
        "--untracked-files=all",
        "--ignore-submodules=none",
        "--no-renames",
        "--no-ahead-behind",
    )
    commit = branch = None
    changes: list[Change] = []
    untracked: list[str] = []
    for line in os.fsdecode(out).split("\0"):
        match line[:2]:
            case "1 " | "u ":
                changes.append(_change(line))
            case "? ":
                untracked.append(line[2:])
            case "# " if line.startswith("# branch.oid ") and not line.endswith("(initial)"):
                commit = line.removeprefix("# branch.oid ")
            case "# " if line.startswith("# branch.head ") and not line.endswith(" (detached)"):
                branch = line.removeprefix("# branch.head ")
    return Status(commit, branch, tuple(changes), tuple(untracked))


def _change(line: str) -> Change:
    if line.startswith("1"):
        _, xy, sub, head_mode, _, work_mode, head_id, _, path = line.split(" ", 8)
        return Change(path, head_mode, head_id, work_mode, xy[1] != ".", sub)
    # Unmerged: the stages are the common ancestor, ours and theirs; ours is what HEAD has.
    _, _, sub, _, head_mode, _, work_mode, _, head_id, _, path = line.split(" ", 10)
    return Change(path, head_mode, head_id, work_mode, True, sub)


def read_entries(where: Where) -> tuple[Entry, ...]:
    """Return the entries of the index that are submodules, or that git was told not to look at.

    Raises:
        GitError: Git failed.
    """
    entries = []
    for line in where.run("ls-files", "-s", "-v", "-z").split(b"\0"):
        # `H 100644 <id> 0<TAB><path>`
        if line and (line[:1] != b"H" or line.startswith(b"H 160000 ")):
            facts, _, path = line.partition(b"\t")
            tag, mode, object_id, _ = facts.decode().split(" ")
            entries.append(Entry(os.fsdecode(path), mode, object_id, tag))
    return tuple(entries)
