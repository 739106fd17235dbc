"""The content of many artifacts: brought together, then read one by one, verified, with packs opened once."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, NotFoundError
from gtrack.model.artifact import Artifact
from gtrack.model.state import RunState
from gtrack.ops.artifact_places import nowhere
from gtrack.ops.artifacts import read_artifact
from gtrack.ops.keep_objects import cache_of
from gtrack.ops.objects import NOBODY, Wanted, bring
from gtrack.store.meter import Meter

__all__ = ["Contents", "wanted_by"]

_CHUNK = 1 << 20


def wanted_by(artifacts: Iterable[Artifact]) -> list[Wanted]:
    """Return the objects that hold some artifacts, each once; those of live runs are in their spools."""
    found: dict[str, Wanted] = {}
    for artifact in artifacts:
        if artifact.spooled is None:
            found.setdefault(artifact.object, Wanted(artifact.object, artifact.object_size, artifact.blob))
    return list(found.values())


class Contents:
    """What reads artifacts.

    A copy in the cache that turns out to be damaged is taken away, and looked for in the next place.

    Args:
        repo: The repository.
        interactive: Let git ask for credentials.
    """

    def __init__(self, repo: Repository, *, interactive: bool = False) -> None:
        self._repo = repo
        self._cache = cache_of(repo)
        self._interactive = interactive
        self._why: dict[str, str] = {}
        self._damaged: set[str] = set()
        self._pack: tuple[str, bytes] | None = None

    def bring(self, artifacts: Iterable[Artifact], progress: Meter | None = None) -> None:
        """Have the objects of artifacts here, as far as they are to be had; asked for together, which is quicker."""
        done = bring(self._repo, wanted_by(artifacts), progress, interactive=self._interactive)
        self._why.update(done.missing)
        self._damaged |= done.damaged

    def chunks(self, artifact: Artifact, run: RunState) -> Iterator[bytes]:
        """Yield the content of an artifact.

        Args:
            artifact: The artifact.
            run: Its run, for what is said when it is not to be had.

        Raises:
            NotFoundError: Its content is nowhere to be had.
            NetworkError: It is not here, and a place that may have it cannot be asked.
            DamageError: What is there under its name is another content.
            OSError: It cannot be read, or the disk is full.
        """
        if artifact.spooled is not None:
            yield read_artifact(self._repo, artifact)
        elif artifact.pack is not None:
            part = self._whole(artifact, run)[artifact.offset : artifact.offset + artifact.size]
            if hashlib.sha256(part).hexdigest() != artifact.digest:
                raise DamageError(f"{artifact.path} is not what its manifest says: its pack has something else there")
            yield part
        else:
            with contextlib.ExitStack() as stack:
                file = self._opened(artifact, run, stack)
                while chunk := file.read(_CHUNK):
                    yield chunk

    def _whole(self, artifact: Artifact, run: RunState) -> bytes:
        if self._pack is None or self._pack[0] != artifact.object:
            with contextlib.ExitStack() as stack:
                # No more than a pack may have: what has that digest may be anything, for a manifest is anybody's.
                self._pack = artifact.object, self._opened(artifact, run, stack).read(artifact.object_size)
        return self._pack[1]

    def _opened(self, artifact: Artifact, run: RunState, stack: contextlib.ExitStack) -> BinaryIO:
        """Open an artifact's object in the cache, sound, or say why it cannot be had."""
        digest = artifact.object
        with contextlib.suppress(NotFoundError, DamageError):
            return stack.enter_context(self._cache.open(digest))
        if digest not in self._why:
            self.bring([artifact])
        with contextlib.suppress(NotFoundError, DamageError):
            return stack.enter_context(self._cache.open(digest))
        why = self._why.get(digest, NOBODY)
        if digest in self._damaged:
            raise DamageError(f"{artifact.path} is damaged wherever it is: {why}", hint="gtrack artifact verify --deep")
        raise nowhere(self._repo, artifact, run, None if why == NOBODY else why)
