"""The files of a run's code and what is in them, and the edits that its commit does not have; all of it bounded."""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass

from gtrack.branch.bounded import run_bounded
from gtrack.branch.code_diff import diff_lines
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError, NotFoundError
from gtrack.ids import is_object_id
from gtrack.model.state import RunState
from gtrack.ops.run_code import CodeChange, code_of, compare_code

__all__ = ["LARGEST", "CodeFile", "code_files", "diff_text", "read_code_file", "uncommitted"]

LARGEST = 4 << 20
"""The largest file whose content is read, in bytes."""

_MOST_FILES = 100_000
_LONGEST_LINE = 2_000
_PIECES = 50
"""Pieces of long lines that are passed over, for each line that is wanted."""


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of a run's code.

    Attributes:
        path: From the top of the tree; any bytes that are no UTF-8 are surrogates.
        object: The id of its content.
        size: In bytes; None where that is not here, and for what is no file.
        kind: ``file``, ``link`` or ``submodule``.
    """

    path: str
    object: str
    size: int | None
    kind: str = "file"


def code_files(repo: Repository, tree: str) -> list[CodeFile]:
    """Return the files of a run's code, in git's order.

    Args:
        repo: The repository.
        tree: A tree or a commit that is here, as :func:`gtrack.ops.run_code.code_of` names it.

    Raises:
        NotFoundError: Git is not installed.
        GitError: Git failed.
        DamageError: It is no object's id, or has more files than can be listed.
    """
    if not is_object_id(tree):
        raise DamageError("a run's code is not named by an object id")
    if repo.git is None:
        raise NotFoundError("git is not installed, so the code's files cannot be listed")
    raw = run_bounded(repo, ["ls-tree", "-r", "-l", "-z", "--full-tree", tree])
    if raw.count(b"\0") > _MOST_FILES:
        raise DamageError(f"the code has more than {_MOST_FILES:,} files")
    return [_file(line) for line in raw.decode("utf-8", "surrogateescape").split("\0")[:-1]]


def read_code_file(repo: Repository, file: CodeFile) -> bytes:
    """Return what is in a file of the code.

    Raises:
        NotFoundError: It is no file, too large to be shown, or not here.
        DamageError: It is damaged.
    """
    if file.kind == "submodule":
        raise NotFoundError("a submodule: its files are in a repository of their own")
    if file.size is None:
        raise NotFoundError("its content is not in this clone", hint="git fetch --refetch --no-filter")
    if file.size > LARGEST:
        raise NotFoundError(f"it has {file.size:,} bytes, which is more than is shown")
    return repo.read_blob(file.object)


def uncommitted(repo: Repository, run: RunState) -> CodeChange:
    """Return in which files a run's code differs from its commit; nothing is fetched, and nothing raised."""
    commit = run.code.get("commit")
    if run.code.get("snapshot") is None or not isinstance(commit, str):
        return CodeChange(remarks=(code_of(repo, run).remark,))
    clean = RunState(run.id, run.name, run.experiment, run.status, code={"commit": commit, "dirty": False})
    return compare_code(repo, clean, run)


def diff_text(repo: Repository, change: CodeChange, most: int) -> tuple[list[str], bool]:
    """Return the first lines of what differs, long ones cut, and whether there are more.

    Args:
        repo: The repository.
        change: What was compared; nothing is returned where git could not.
        most: The most lines.

    Raises:
        GitError: Git failed.
    """
    if change.a is None or change.b is None or not change.files:
        return [], False
    lines: list[str] = []
    fresh = True
    with contextlib.closing(diff_lines(repo, change.a, change.b)) as pieces:
        for count, piece in enumerate(pieces):
            begins, fresh = fresh, piece.endswith(b"\n")
            if (begins and len(lines) == most) or count > _PIECES * most:
                return lines, True
            if not begins:
                continue
            text = piece.decode("utf-8", "backslashreplace").removesuffix("\n")
            lines.append(text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]} …")
    return lines, False


def _file(line: str) -> CodeFile:
    """Read ``<mode> SP <type> SP <object> SP+ <size> TAB <path>``; see https://git-scm.com/docs/git-ls-tree."""
    head, _, path = line.partition("\t")
    try:
        mode, kind, oid, size = head.split()
        bits = int(mode, 8)
    except ValueError as error:
        raise GitError(f"git ls-tree said {head!r:.80}") from error
    named = "submodule" if kind == "commit" else "link" if stat.S_ISLNK(bits) else "file"
    return CodeFile(path, oid, int(size) if size.isdigit() else None, named)
