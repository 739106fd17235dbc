"""The history of the code: a branch's commits, one after another, as the git executable lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gtrack.branch.bounded import run_bounded
from gtrack.branch.objects import COMMIT
from gtrack.branch.repository import Repository
from gtrack.branch.snapshot import snapshot_object
from gtrack.errors import GitError, UsageError
from gtrack.ids import SHORT, is_object_id
from gtrack.text import clean

__all__ = [
    "CodeCommit",
    "Revision",
    "find_revision",
    "first_parent",
    "parents_of",
    "resolve_revision",
    "snapshots_of",
]

_FORMAT = "--format=%P%x00%ct%x00%an%x00%s"


@dataclass(frozen=True, slots=True)
class CodeCommit:
    """A commit of the code.

    Attributes:
        id: Its id.
        parents: Its parents' ids, the first parent first.
        time: When it was committed, in seconds since the epoch.
        author: The author's name; as everything of a commit, not to be trusted.
        subject: The first line of its message, likewise.
    """

    id: str
    parents: tuple[str, ...]
    time: int
    author: str
    subject: str

    def to_dict(self) -> dict[str, object]:
        """Return the commit as a map."""
        return {
            "id": self.id,
            "parents": list(self.parents),
            "time": self.time,
            "author": self.author,
            "subject": self.subject,
        }


@dataclass(frozen=True, slots=True)
class Revision:
    """What a revision turned out to be.

    Attributes:
        name: As it was found: ``main``, or ``origin/main`` where there is no main of one's own.
        commit: The commit's id.
    """

    name: str
    commit: str

    def __str__(self) -> str:
        return self.name if self.commit.startswith(self.name) else f"{self.name}@{self.commit[:SHORT]}"


def find_revision(repo: Repository, text: str) -> Revision | None:
    """Return the commit that a branch, a tag, an id or anything else that git takes for a commit names, or None.

    A branch that is only at the tracking remote is found as well, since continuous integration has none of its own.

    Raises:
        GitError: The git executable is not there.
    """
    if repo.git is None:
        raise GitError("the history of the code is read by git, which is not on the PATH", hint="install git")
    if not text or not text.isprintable():
        return None
    for name in (text, *([f"{repo.remote}/{text}"] if repo.remote else ())):
        args = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        done = repo.git.call(args, git_dir=repo.paths.git_dir)
        found = done.stdout.decode("ascii", "replace").strip()
        if done.returncode == 0 and is_object_id(found):
            return Revision(name, found)
    return None


def resolve_revision(repo: Repository, text: str) -> Revision:
    """Return the commit that a revision names, as :func:`find_revision` does.

    Raises:
        UsageError: There is none.
        GitError: The git executable is not there.

    Example:
        >>> resolve_revision(repository, "main")
        Revision(name='main', commit='15f61e33bf1661ce39993257ecb61b83070001e9')
    """
    found = find_revision(repo, text)
    if found is not None:
        return found
    if text == "HEAD":
        raise UsageError("there is no commit yet", hint="git commit")
    shallow = "git fetch --unshallow" if _is_shallow(repo) else "git fetch --all --tags"
    raise UsageError(f"no revision '{clean(text[:80])}' here", hint=shallow)


def first_parent(repo: Repository, revision: str, limit: int) -> list[CodeCommit]:
    """Return a revision's commit and what it was made upon, each time by the first parent: the branch's own history.

    Args:
        repo: The repository.
        revision: A branch, a tag, an id.
        limit: The most commits to return.

    Returns:
        The commits, the newest first. A shallow clone's history ends where the clone does.

    Raises:
        UsageError: There is no such revision.
        GitError: Git failed, or is not installed.

    Example:
        >>> [commit.subject for commit in first_parent(repository, "main", 2)]
        ['drop feature scaling', 'more trees']
    """
    commit = resolve_revision(repo, revision).commit
    args = [
        "rev-list",
        "--first-parent",
        f"--max-count={limit}",
        "--encoding=UTF-8",
        _FORMAT,
        "--end-of-options",
        commit,
    ]
    lines = run_bounded(repo, args).decode("utf-8", "replace").split("\n")
    # Of each commit a line "commit <id>" and one in the format above: neither names nor subjects have line ends.
    return [_commit(head, facts) for head, facts in zip(lines[::2], lines[1::2], strict=False)]


def snapshots_of(repo: Repository, commits: Sequence[str]) -> dict[str, str]:
    """Return the snapshot that runs of each commit have: equal trees have the equal one, whatever their history.

    Commits whose trees are not in this clone are left out.

    Args:
        repo: The repository.
        commits: Ids of commits.

    Raises:
        GitError: Git failed.
    """
    asked = [f"{commit}^{{tree}}" for commit in commits]
    lines = run_bounded(repo, ["cat-file", "--batch-check=%(objectname)"], asked).decode("ascii", "replace").split("\n")
    trees = ((commit, line) for commit, line in zip(commits, lines, strict=False) if is_object_id(line))
    return {commit: repo.objects.id_of(COMMIT, snapshot_object(tree)) for commit, tree in trees}


def parents_of(repo: Repository, commit: str) -> list[str]:
    """Return the parents that a commit names, the first parent first, also those that a shallow clone does not have.

    Raises:
        GitError: The commit is not here.
    """
    head, _, _ = run_bounded(repo, ["cat-file", "commit", commit]).partition(b"\n\n")
    named = (line.decode("ascii", "replace").partition(" ") for line in head.splitlines())
    return [oid for word, _, oid in named if word == "parent" and is_object_id(oid)]


def _commit(head: str, facts: str) -> CodeCommit:
    parents, time, author, subject = facts.split("\0", 3)
    return CodeCommit(head.removeprefix("commit "), tuple(parents.split()), int(time), author, subject)


def _is_shallow(repo: Repository) -> bool:
    return run_bounded(repo, ["rev-parse", "--is-shallow-repository"]).strip() == b"true"
