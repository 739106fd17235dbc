"""Which snapshots are kept from git's garbage collection: by the local chain, and by what was fetched."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.branch.chain import CODE_REF
from gtrack.branch.repository import Repository

__all__ = ["fetched_snapshots", "kept_snapshots", "local_snapshots"]

_ENV = {"GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
_FETCHED = "refs/gtrack/remotes/"
_SUBJECT = "snapshot "
_TIMEOUT = 3600.0


def local_snapshots(repo: Repository) -> dict[str, str | None]:
    """Return the snapshots made in this clone, oldest first, with the commit that their code started from.

    That commit is the newest that the tracking remote had when the run began; None where there was none.

    Args:
        repo: The repository.

    Raises:
        GitError: The chain cannot be read.
    """
    if repo.git is None or repo.refs.read(CODE_REF) is None:
        return {}
    args = ["rev-list", "--first-parent", "--reverse", "--format=%P%x09%s", CODE_REF, "--"]
    found: dict[str, str | None] = {}
    for line in _git(repo, args).splitlines():
        parents, tab, subject = line.partition("\t")
        snapshot = subject.removeprefix(_SUBJECT)
        if tab and subject.startswith(_SUBJECT) and snapshot in parents.split():
            # A link's parents are the link before, the snapshot, and where its code started.
            after = parents.split()[parents.split().index(snapshot) + 1 :]
            found[snapshot] = after[0] if after else None
    return found


def kept_snapshots(repo: Repository) -> set[str] | None:
    """Return the commits that the links of the local chain have as parents; None when there is no chain.

    Raises:
        GitError: The chain cannot be read to its end.
    """
    if repo.refs.read(CODE_REF) is None:
        return None
    lines = _git(repo, ["rev-list", "--first-parent", "--parents", CODE_REF, "--"]).splitlines()
    return {parent for line in lines for parent in line.split()[1:]}


def fetched_snapshots(repo: Repository) -> set[str]:
    """Return the parentless commits that the chains fetched from remotes lead to: snapshots, and roots of code.

    Raises:
        GitError: One of the chains cannot be read to its end.
    """
    if not repo.refs.names(_FETCHED):
        return set()
    return set(_git(repo, ["rev-list", "--max-parents=0", f"--glob={_FETCHED}*", "--"]).split())


def _git(repo: Repository, args: Sequence[str]) -> str:
    assert repo.git is not None
    return repo.git.run(args, git_dir=repo.paths.git_dir, env_extra=_ENV, timeout=_TIMEOUT).decode("utf-8", "replace")
