"""An event of a registered model on a branch of its own, so that a team can review it as a pull request.

The branch descends from the published branch of runs and adds the event's files to it and nothing else. However it is
merged - by a merge commit, squashed, rebased - the files arrive on the branch of runs, and what they say counts from
then on; until then it counts for nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gtrack.branch.author import author
from gtrack.branch.commit_objects import write_commit
from gtrack.branch.repository import Repository
from gtrack.branch.union import added
from gtrack.errors import ConflictError, NotFoundError
from gtrack.format import names
from gtrack.ids import slug

__all__ = ["PREFIX", "ReviewBranch"]

PREFIX = "gtrack-promote/"
"""What the names of such branches begin with."""

_MOST = 100
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9%._-]+|\.\.+|\.lock$|\.$|^[.-]+")


class ReviewBranch:
    """Commits the files of one event to a new branch instead of the branch of runs. To be called once.

    Args:
        repo: The repository.
        model: The model's name.
        about: What the event does, in a few words for the branch's name: ``v3-production``.

    Attributes:
        branch: The branch's short name, when the files were committed; else empty.
        commit: The commit.

    Raises:
        ConflictError: What is known of the model here is not all at the remote yet: a review would show it as well.
        NotFoundError: There is nothing to descend from.

    Example:
        >>> review = ReviewBranch(repository, "churn", "v3-production")
        >>> promote(repository, "churn/3", "production", write=review)
        >>> review.branch
        'gtrack-promote/churn-v3-production'
    """

    def __init__(self, repo: Repository, model: str, about: str) -> None:
        self._repo = repo
        self._model = model
        self._name = PREFIX + _NOT_IN_A_NAME.sub("-", f"{slug(model)}-{about.lower()}")
        self.branch = ""
        self.commit = ""

    def __call__(self, files: Mapping[str, bytes], subject: str, body: str) -> None:
        """Commit files; the lock is held."""
        repo = self._repo
        base = self._base()
        tree, _ = repo.objects.add_files(repo.tree_of(base), dict(files))
        by = author(repo.config, repo.env)
        # No "[skip ci]" as on the branch of runs: the checks of a pull request are to run.
        commit = write_commit(repo, tree, [base], by=by, subject=subject, body=body)
        for number in range(1, _MOST):
            name = self._name if number == 1 else f"{self._name}-{number}"
            if repo.refs.compare_and_set(f"refs/heads/{name}", None, commit):
                self.branch, self.commit = name, commit
                return
        raise ConflictError(f"there are {_MOST} branches like {self._name} already", hint="git branch -D the old ones")

    def _base(self) -> str:
        """Return the commit that the branch descends from: the remote's tip, as of the last fetch."""
        repo = self._repo
        there = repo.remote_tip
        if there is None:
            raise NotFoundError(f"{repo.remote or 'the remote'} has no branch of runs yet", hint="gtrack push")
        if self._has_more_than(there):
            raise ConflictError(
                f"not all that is known of {self._model} is at {repo.remote}: a review would be of that as well",
                hint="gtrack push, then again",
            )
        return there

    def _has_more_than(self, commit: str) -> bool:
        """Tell whether the local branch has a file of the model that a commit lacks."""
        repo, folder = self._repo, names.model_dir(self._model)
        tree = repo.tree_of(repo.tip)
        if tree is None:
            return False
        return any(path.startswith(f"{folder}/") for path in added(repo, tree, repo.tree_of(commit)).paths)
