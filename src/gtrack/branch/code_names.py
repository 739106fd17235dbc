"""The branches and tags of the code: what names a commit in this clone."""

from __future__ import annotations

from dataclasses import dataclass

from gtrack.branch.bounded import run_bounded
from gtrack.branch.repository import Repository
from gtrack.errors import GitError

__all__ = ["CodeNames", "code_names"]

_FORMAT = "--format=%(HEAD)%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)"
_MOST = 5000


@dataclass(frozen=True, slots=True)
class CodeNames:
    """What names commits of the code, as of the last fetch.

    Attributes:
        branches: The commit of each branch, by its name: the clone's own, then the tracking remote's that are not at
            the same commit as one's own of the same name. Those that hold runs are left out.
        tags: The commit of each tag, by its name.
        current: The branch that is checked out; None for none, or one without a commit.
    """

    branches: dict[str, str]
    tags: dict[str, str]
    current: str | None = None


def code_names(repo: Repository) -> CodeNames:
    """Return the branches and tags of the code; 5,000 of each at most.

    Raises:
        GitError: Git failed, or is not installed.

    Example:
        >>> code_names(repository).tags
        {'v1.2': '15f61e33bf1661ce39993257ecb61b83070001e9'}
    """
    if repo.git is None:
        raise GitError("branches and tags are read by git, which is not on the PATH", hint="install git")
    remote = f"refs/remotes/{repo.remote}/" if repo.remote else ""
    raw = run_bounded(repo, ["for-each-ref", _FORMAT, "refs/heads/", *([remote] if remote else []), "refs/tags/"])
    own: dict[str, str] = {}
    theirs: dict[str, str] = {}
    tags: dict[str, str] = {}
    runs, current = repo.branch.removeprefix("refs/heads/"), None
    for line in filter(None, raw.decode("utf-8", "replace").split("\n")):  # a name may hold other line ends
        mark, (kind, oid, peeled_kind, peeled, name) = line[0], line[1:].split(" ", 4)  # a star: checked out
        current = name.removeprefix("refs/heads/") if mark == "*" else current
        commit = oid if kind == "commit" else peeled if peeled_kind == "commit" else ""
        if not commit:
            continue
        if name.startswith("refs/tags/"):
            tags[name.removeprefix("refs/tags/")] = commit
        elif name.startswith("refs/heads/"):
            own[name.removeprefix("refs/heads/")] = commit
        else:
            theirs[name.removeprefix(remote)] = commit
    own.pop(runs, None)
    more = {f"{repo.remote}/{name}": oid for name, oid in theirs.items() if name not in (runs, "HEAD")}
    branches = own | {name: oid for name, oid in more.items() if own.get(name.partition("/")[2]) != oid}
    return CodeNames(dict(list(branches.items())[:_MOST]), dict(list(tags.items())[-_MOST:]), current)
