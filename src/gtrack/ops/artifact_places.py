"""Where the content of artifacts is, as far as this clone knows without asking anybody."""

from __future__ import annotations

from collections.abc import Iterable

from gtrack.branch.object_fetch import listed
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import tracking
from gtrack.errors import GtrackError, NetworkError, NotFoundError
from gtrack.ids import SHORT
from gtrack.model.artifact import Artifact
from gtrack.model.state import RunState
from gtrack.ops.keep_objects import cache_of
from gtrack.text import clean

__all__ = ["GIT", "HERE", "PENDING", "STORE", "Places", "host_of", "nowhere"]

HERE, GIT, STORE, PENDING = "here", "git", "store", "pending"


class Places:
    """Where objects are: looked up once for all of some artifacts.

    ``here``: in this clone. ``git``: in the built-in store at the remote, where small objects go with a push.
    ``store``: in the configured store, where nothing says that it is elsewhere. ``pending``: on the machine that
    logged it, for it is too large for the built-in store and no other is configured.

    Args:
        repo: The repository.
        artifacts: Those that are going to be asked about.
    """

    def __init__(self, repo: Repository, artifacts: Iterable[Artifact]) -> None:
        self._cache = cache_of(repo)
        blobs = {artifact.blob for artifact in artifacts if artifact.blob is not None}
        ours = {blob for blob in blobs if len(blob) == (40 if repo.object_format == "sha1" else 64)}
        self._in_clone = ours - set(repo.objects.absent(ours))
        self._at_remote = _listed(repo)
        self._has_store = _has_store(repo)
        self._has_remote = repo.remote is not None

    def of(self, artifact: Artifact) -> str:
        """Return :data:`HERE`, :data:`GIT`, :data:`STORE` or :data:`PENDING`."""
        if artifact.spooled is not None or self._cache.has(artifact.object, artifact.object_size):
            return HERE
        if artifact.blob in self._in_clone:
            return HERE
        if artifact.blob in self._at_remote:
            return GIT
        if self._has_store:
            return STORE
        return GIT if artifact.blob is not None and self._has_remote else PENDING


def host_of(run: RunState) -> str | None:
    """Return the machine that a run was recorded on, safe to print; None where it does not say."""
    host = run.environment.get("host")
    return clean(host)[:100] if isinstance(host, str) and host else None


def nowhere(repo: Repository, artifact: Artifact, run: RunState, why: str | None = None) -> GtrackError:
    """Return the error that says where an artifact may be that is not to be had.

    Args:
        repo: The repository.
        artifact: The artifact.
        run: Its run.
        why: Why a place could not be asked; None where all were, and none has it.

    Returns:
        A :class:`NotFoundError`, or a :class:`NetworkError` while it is not known whether it is to be had.
    """
    name = f"{clean(artifact.path)} of run {run.id[:SHORT]}"
    if why is not None:
        hint = "gtrack store status" if _has_store(repo) else None
        return NetworkError(f"{name} is not here and cannot be fetched: {clean(why)}", hint=hint)
    places = [remote for remote in (repo.remote,) if remote is not None]
    if _has_store(repo):
        places.append("the store")
    nor = f", nor at {' or '.join(places)}" if places else ""
    message = f"{name} is not here{nor}"
    host = host_of(run)
    where = f"it waits on {host}, where it was recorded" if host else "it waits where it was recorded"
    if artifact.blob is None and not _has_store(repo):
        return NotFoundError(
            f"{message}: {where}, and is too large to travel without a store",
            hint="gtrack store set s3://BUCKET/PREFIX, or any other place; then gtrack push, there, sends it",
        )
    return NotFoundError(f"{message}: {where}", hint="gtrack push, there, sends it")


def _listed(repo: Repository) -> frozenset[str]:
    try:
        return frozenset().union(*listed(repo, tracking(repo)).values())
    except GtrackError:
        return frozenset()  # there is no remote


def _has_store(repo: Repository) -> bool:
    from gtrack.ops.store_settings import store_choice

    try:
        return store_choice(repo) is not None
    except GtrackError:
        return True  # settings that cannot be: told by those who use the store
