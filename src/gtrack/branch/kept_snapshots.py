"""Which snapshots the local chain keeps, and what their code started from."""

from __future__ import annotations

from gtrack.branch.chain import CODE_REF
from gtrack.branch.repository import Repository

__all__ = ["local_snapshots"]

_ENV = {"GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
_SUBJECT = "snapshot "


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
    lines = repo.git.run(args, git_dir=repo.paths.git_dir, env_extra=_ENV).decode("utf-8", "replace").splitlines()
    found: dict[str, str | None] = {}
    for line in lines:
        parents, tab, subject = line.partition("\t")
        snapshot = subject.removeprefix(_SUBJECT)
        if tab and subject.startswith(_SUBJECT) and snapshot in parents.split():
            # A link's parents are the link before, the snapshot, and where its code started.
            after = parents.split()[parents.split().index(snapshot) + 1 :]
            found[snapshot] = after[0] if after else None
    return found
