"""What a partial clone left at its remote: asked for many at once, by those who read.

A clone made with ``git clone --filter`` has not all of its objects. Git fetches what it comes upon and has not, a
process and a connection each; here what is going to be read is asked for together, with the request that git makes
(https://git-scm.com/docs/partial-clone). The rule: who reads what was recorded brings it; git's own processes never
fetch by themselves, so that a check of what is pushed, or a training, waits for no network.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from gtrack.branch.bounded import run_bounded
from gtrack.branch.objects import UnfetchedObjectError
from gtrack.branch.repository import Repository
from gtrack.branch.transport_git import GitTransport
from gtrack.branch.transport_process import Limits
from gtrack.errors import GtrackError

__all__ = ["FETCH_ALONE", "bring", "bring_trees"]

_CHUNK = 4000
"""Objects that are asked for at once: their ids are arguments of one process."""
_LIMITS = Limits(stall=60.0, total=3600.0)
_REFUSALS = 8
"""Objects that a remote may say it has not before the rest of a request is given up: they are damage, and rare."""
_REFUSED = re.compile(r"not our ref ([0-9a-f]{40,64})")
_ROUNDS = 4
FETCH_ALONE = (
    "--quiet",
    "--progress",
    "--no-write-fetch-head",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
    "--no-prune",
    "--no-prune-tags",
    "--refmap=",
)
"""Options of a fetch that brings objects and changes nothing else, whatever the user's settings say."""
# Of what is asked for nothing is left out; of what a folder leads to, its files.
_FETCH = (*FETCH_ALONE, "--filter=blob:none")


def bring(repo: Repository, oids: Iterable[str]) -> bool:
    """Fetch those of some files and folders that are not here. A folder comes with all the folders below it.

    No reference, setting or file of the user's changes. What the remotes have not either stays missing, without a word.

    Args:
        repo: A partial clone; it has the git executable.
        oids: Object ids; others than those of this repository's kind are passed over.

    Returns:
        Whether anything came.

    Raises:
        UnfetchedObjectError: A remote could not be reached, or did not do as it was asked.
    """
    absent = first = repo.objects.absent(oids)
    trouble: UnfetchedObjectError | None = None
    for remote in repo.promisors if absent else ():
        try:
            _Promisor(repo, remote).fetch_objects(absent)
        except GtrackError as error:
            trouble = trouble or _unfetched(remote, absent, error)
        absent = repo.objects.absent(absent)
        if not absent:
            return True
    if trouble is not None:
        raise trouble
    return len(absent) < len(first)


def bring_trees(repo: Repository, trees: Collection[str]) -> bool:
    """Fetch what is not here of some folders and of all the folders below them.

    Args:
        repo: The repository.
        trees: Object ids of trees.

    Returns:
        Whether anything came; False in a clone that is not partial.

    Raises:
        UnfetchedObjectError: A remote could not be reached, or did not do as it was asked.
        GitError: A tree is nowhere.
        DamageError: The trees name more folders than can be looked at.
    """
    if not repo.promisors:
        return False
    came = bring(repo, trees)
    args = ["rev-list", "--objects", "--no-object-names", "--filter=blob:none", "--missing=print", "--stdin"]
    for _ in range(_ROUNDS):
        listed = run_bounded(repo, args, trees).decode("ascii", "replace").splitlines()
        if not bring(repo, [line[1:] for line in listed if line.startswith("?")]):
            break
        came = True
    return came


class _Promisor(GitTransport):
    """A remote that has promised objects.

    Args:
        repo: The repository.
        remote: The remote's name.
    """

    def __init__(self, repo: Repository, remote: str) -> None:
        assert repo.git is not None
        super().__init__(repo, repo.git, remote, interactive=False, limits=_LIMITS)
        self._fetch_pins = (
            # With nothing to negotiate the remote sends what is asked for, whatever else it leads to is here.
            "fetch.negotiationAlgorithm=noop",
            # Without it, git would note the filter of this request in the user's settings.
            f"remote.{remote}.partialCloneFilter=blob:none",
        )

    def fetch_objects(self, oids: Sequence[str]) -> None:
        """Fetch objects by id.

        Raises:
            NetworkError: The remote cannot be reached, or broke off; the message says why.
            GitError: It does not give out objects by their ids.
        """
        for at in range(0, len(oids), _CHUNK):
            self._fetch_some(oids[at : at + _CHUNK])

    def _fetch_some(self, oids: Sequence[str]) -> None:
        wanted = dict.fromkeys(oids)
        for _ in range(_REFUSALS):
            if not wanted:
                return
            done, address = self._run("fetch", _FETCH, list(wanted), pins=self._fetch_pins)
            if done.returncode == 0:
                return
            refused = _REFUSED.search(done.stderr.decode("utf-8", "replace"))
            if refused is None or refused[1] not in wanted:
                raise self._failure("fetch", done, address)
            del wanted[refused[1]]


def _unfetched(remote: str, absent: Sequence[str], error: GtrackError) -> UnfetchedObjectError:
    what = f"{len(absent):,} files or folders are" if len(absent) > 1 else f"git object {absent[0]} is"
    them = "them" if len(absent) > 1 else "it"
    return UnfetchedObjectError(
        f"{what} not here, as this partial clone left {them} at {remote}: {error.message}", hint=error.hint
    )
