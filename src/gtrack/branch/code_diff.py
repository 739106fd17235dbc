"""What differs between two trees of code, as git tells it.

Git's plumbing is asked, which leaves the user's ways of showing a diff alone: no external diff program, no textconv,
no pager, no colours, whatever is configured.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from gtrack.branch.bounded import run_bounded
from gtrack.branch.git import Git
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError
from gtrack.ids import is_object_id

__all__ = ["FileChange", "changed_files", "diff_lines"]

_TREES = ("diff-tree", "-r", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative")
# diff-tree opens the index, and would start the program that watches the working tree for git status.
_CONFIG = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_RENAMES = ("-M", "-l2000")
_PREFIXES = ("--src-prefix=a/", "--dst-prefix=b/")
_MOST_FILES = 100_000
_PIECE = 1 << 16
_ENV = {"GIT_NO_REPLACE_OBJECTS": "1"}


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is not the same in two trees.

    Attributes:
        path: The file, in the second tree where it is there.
        added: How many lines are new; None for a binary file.
        removed: How many lines are gone; None likewise.
        was: Its path in the first tree, where it was renamed.
    """

    path: str
    added: int | None
    removed: int | None
    was: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the change as a map."""
        return {"path": self.path, "added": self.added, "removed": self.removed, "was": self.was}


def changed_files(repo: Repository, a: str, b: str) -> list[FileChange]:
    """Return the files that two trees do not have in common.

    Args:
        repo: The repository; it has the git executable.
        a: The id of a tree, or of a commit, which stands for its tree.
        b: Another one.

    Raises:
        GitError: Git failed, such as on an object that is missing.
        DamageError: There are more than can be listed: a few small trees that name each other make any number of files.

    Example:
        >>> changed_files(repository, before, after)
        [FileChange(path='train.py', added=1, removed=1, was=None)]
    """
    ids = _checked(a, b)
    # Trees alone first, bounded in time, memory and output: what comes after it opens files.
    paths = run_bounded(repo, [*_CONFIG, *_TREES, "-z", "--name-only", "--no-renames", *ids, "--"]).count(b"\0")
    if paths > _MOST_FILES:
        raise DamageError(f"the code differs in {paths:,} files, which is more than can be compared")
    assert repo.git is not None
    args = ["-C", repo.paths.root, *_TREES, *_RENAMES, "-z", "--numstat", *ids, "--"]
    raw = repo.git.run(args, git_dir=repo.paths.git_dir, env_extra=_ENV)
    return list(_parse(raw.decode("utf-8", "surrogateescape")))


def diff_lines(repo: Repository, a: str, b: str, *, binary: bool = False) -> Generator[bytes, None, None]:
    """Yield the diff of two trees line by line; git is stopped when nobody wants more.

    Args:
        repo: The repository; it has the git executable, and :func:`changed_files` has looked at the trees.
        a: The id of a tree or a commit.
        b: Another one.
        binary: Give binary files whole, as ``git apply`` needs them.

    Yields:
        Lines with their ends; one of more than 64 KiB in pieces, all but the last without an end.

    Raises:
        GitError: Git failed, such as on an object that is missing.
    """
    whole = ["--full-index", "--binary"] if binary else []
    args = [*_TREES, *_RENAMES, *_PREFIXES, "-p", *whole, *_checked(a, b), "--"]
    assert repo.git is not None
    git = repo.git
    argv = [git.executable, "--no-pager", "-C", repo.paths.root, *_CONFIG, *args]
    env = {**git.env, **_ENV, "GIT_DIR": repo.paths.git_dir}
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
            )
        except OSError as error:
            raise GitError(f"git diff-tree could not be started: {error}") from error
        with process:
            assert process.stdout is not None
            try:
                while piece := process.stdout.readline(_PIECE):
                    yield piece
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            complaints.seek(0)
            done = subprocess.CompletedProcess(argv, process.returncode, b"", complaints.read(64 << 10))
            raise Git.failure(args, done)


def _checked(a: str, b: str) -> tuple[str, str]:
    """Return the ids, which are arguments of git's and come from records that anybody may have written."""
    if not (is_object_id(a) and is_object_id(b)):
        raise DamageError("a run's code is not named by an object id")
    return a, b


def _parse(raw: str) -> Iterator[FileChange]:
    """Read ``<added> <removed> <path>``; of a rename the path is empty, and two fields follow.

    See "--numstat" in https://git-scm.com/docs/git-diff-tree.
    """
    fields = iter(raw.split("\0"))
    for text in fields:
        if not text:
            continue
        added, removed, path = text.split("\t", 2)
        was = None
        if not path:
            was, path = next(fields), next(fields)
        yield FileChange(path, _count(added), _count(removed), was)


def _count(text: str) -> int | None:
    return None if text == "-" else int(text)
