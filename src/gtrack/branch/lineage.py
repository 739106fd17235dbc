"""Which commits descend from a revision. The git executable knows: it walks a history fastest."""

from __future__ import annotations

from collections.abc import Iterable

from gtrack.branch.bounded import run_bounded
from gtrack.branch.repository import Repository
from gtrack.errors import GitError, UsageError
from gtrack.ids import is_object_id
from gtrack.text import clean

__all__ = ["descendants"]

_TIMEOUT = 60.0


def descendants(repo: Repository, revision: str, commits: Iterable[str]) -> frozenset[str]:
    """Return those of some commits that are a revision or descend from it.

    Args:
        repo: The repository.
        revision: A tag, a branch, an id, or what else git takes for a commit.
        commits: Object ids, from anywhere; those of commits that are not in this clone do not descend from anything.

    Raises:
        UsageError: There is no such revision here.
        GitError: Git failed, took too long, or is not installed.

    Example:
        >>> descendants(repo, "v1.2", ["15f61e33bf1661ce39993257ecb61b83070001e9"])
        frozenset({'15f61e33bf1661ce39993257ecb61b83070001e9'})
    """
    if repo.git is None:
        raise GitError(f"descends_from('{clean(revision[:60])}') is a question to git, which is not on the PATH")
    root = _commit(repo, revision)
    asked = _present(repo, commits)
    # Lists what lies on a way from the root to one of the commits: these too, but not the root.
    found = _git(repo, ["rev-list", "--ancestry-path", "--stdin"], [*asked, f"^{root}"]) if asked else ""
    return frozenset(asked) & {root, *found.split()}


def _present(repo: Repository, oids: Iterable[str]) -> list[str]:
    """Return those that are commits in this clone: git refuses the whole question for one that is not."""
    wanted = sorted(set(filter(is_object_id, oids)))
    lines = _git(repo, ["cat-file", "--batch-check=%(objectname) %(objecttype)"], wanted).splitlines() if wanted else []
    return [oid for oid, _, kind in (line.partition(" ") for line in lines) if kind == "commit"]


def _commit(repo: Repository, revision: str) -> str:
    found = ""
    if revision.isprintable():
        try:
            args = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
            found = _git(repo, args).strip()
        except GitError:
            found = ""  # what git says of it is no help: "Needed a single revision"
    if not is_object_id(found):
        raise UsageError(f"descends_from: no revision '{clean(revision[:60])}' here", hint="git fetch --tags")
    return found


def _git(repo: Repository, args: list[str], lines: Iterable[str] = ()) -> str:
    return run_bounded(repo, args, lines, timeout=_TIMEOUT).decode("ascii", "replace")
