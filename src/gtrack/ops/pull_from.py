"""Copying chosen runs from a remote that is not the team's: a fork, a colleague's laptop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gtrack.branch import keep
from gtrack.branch.author import author
from gtrack.branch.commit import FORMAT_FILE, README, format_file
from gtrack.branch.commit_objects import SKIP_CI, write_commit
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import tracking
from gtrack.branch.transport import Transport
from gtrack.branch.union import Dropped, take_runs, union
from gtrack.clock import now_ns, stamp
from gtrack.errors import ConflictError, RepositoryError
from gtrack.ops.adopt import adopt
from gtrack.ops.view import DAY_US, View

__all__ = ["Copied", "copy_runs", "look_at"]


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied.

    Attributes:
        runs: The runs that are new here.
        files: How many files are.
        dropped: Files that were not taken, and why.
    """

    runs: frozenset[str]
    files: int
    dropped: tuple[Dropped, ...]


def look_at(repo: Repository, remote: str, *, interactive: bool = False) -> View:
    """Fetch the branch of a remote that is not the team's, and return what is on it.

    Args:
        repo: The repository.
        remote: The remote's name.
        interactive: Let git ask for credentials.

    Raises:
        UsageError: There is no such remote.
        NotFoundError: It has no runs.
        NetworkError: It could not be reached, or did not let us in.
    """
    names = tracking(repo, remote)
    Transport(repo, remote, interactive=interactive).fetch({names.branch: names.tip_ref})
    repo.objects.refresh()
    return View(repo, remote=remote)


def copy_runs(repo: Repository, view: View, run_ids: Collection[str]) -> Copied:
    """Add runs of another remote to the local branch, in one commit. What is here or published already stands.

    Args:
        repo: The repository.
        view: What is on the other remote's branch.
        run_ids: The runs.

    Raises:
        RepositoryError: The branch is checked out somewhere.
        ConflictError: The branch kept moving.
    """
    where = repo.checked_out_in()
    if where is not None:
        raise RepositoryError(f"the branch is checked out in {where}", hint="git switch to another branch there")
    if repo.remote is not None and repo.remote_tip is not None:
        # So that nothing that the team has published can be taken from elsewhere with another content.
        adopt(repo, tracking(repo), repo.remote_tip, merge=True)
    with repo.lock():
        for _ in range(20):
            local = keep.readable_tip(repo)
            here = repo.tree_of(local)
            repo.objects.written.clear()
            taken = take_runs(repo, view.trees[0], run_ids, horizon=stamp(now_ns() // 1000 + DAY_US))
            base = here or repo.objects.add_files(None, {FORMAT_FILE: format_file(), "README.md": README.encode()})[0]
            both = union(repo, [taken.tree], published=base)
            dropped = (*taken.dropped, *both.dropped)
            if both.tree == base:
                return Copied(frozenset(), 0, dropped)
            count = f"{len(run_ids)} run{'' if len(run_ids) == 1 else 's'}"
            commit = write_commit(
                repo,
                both.tree,
                [local] if local is not None else [],
                by=author(repo.config, repo.env),
                subject=f"copy {count} from {view.remote}",
                body="\n".join([*sorted(run_ids), "", SKIP_CI]),
            )
            keep.keep_objects(repo, commit)
            if repo.refs.compare_and_set(repo.branch, local, commit):
                return Copied(both.added[0].runs, len(both.added[0].paths), dropped)
    raise ConflictError("the branch kept moving while gtrack wrote to it", hint="try again")
