"""Where whole curves are that the branch has a preview of: in the cache, or in the store, where it is to be asked."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from enum import Enum

from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GtrackError, NotFoundError
from gtrack.ops.keep_objects import cache_of
from gtrack.ops.load import RunFiles
from gtrack.ops.seal_curves import CurveObject, curve_objects

__all__ = ["CurveSource", "Detail", "stored_curves"]


class Detail(Enum):
    """How much of curves is read where the branch has a preview."""

    PREVIEW = "preview"
    """The preview, even where more is at hand: the same in every clone."""
    AT_HAND = "at hand"
    """What this clone has, and no store is asked: the least waiting."""
    BEST = "best"
    """What this clone or the store has, else the preview."""
    WHOLE = "whole"
    """All of it, or an error."""

    @property
    def asks_store(self) -> bool:
        """Whether a store is asked for what is not here."""
        return self in (Detail.BEST, Detail.WHOLE)


class CurveSource:
    """Returns objects of curves, verified.

    Args:
        repo: The repository.
        detail: Where to look.
    """

    def __init__(self, repo: Repository, detail: Detail) -> None:
        self.detail = detail
        self._repo = repo
        self._cache = cache_of(repo)
        self._asked: set[str] = set()
        self._why: dict[str, str] = {}

    def absent(self, objects: Iterable[CurveObject]) -> list[CurveObject]:
        """Return the objects that a store is to be asked for."""
        if not self.detail.asks_store:
            return []
        return [
            found
            for found in objects
            if found.digest not in self._asked and not self._cache.has(found.digest, found.size)
        ]

    def bring(self, objects: Iterable[CurveObject]) -> None:
        """Fetch what is not here, several objects at a time. What cannot be had is no error until it is asked for."""
        wanted = {found.digest: found for found in self.absent(objects)}
        if not wanted:
            return
        self._asked.update(wanted)  # a store that cannot be reached is waited for once
        from gtrack.ops.objects import Wanted, bring

        try:
            done = bring(self._repo, [Wanted(found.digest, found.size, found.blob) for found in wanted.values()])
        except (GtrackError, OSError) as error:
            self._why.update(dict.fromkeys(wanted, str(error)))
        else:
            self._why.update(done.missing)

    def __call__(self, found: CurveObject) -> bytes | None:
        """Return an object's content; None where it is not to be had, and the preview has to do.

        Raises:
            DamageError: It is not of the size that the document says.
            NotFoundError: It is not to be had, and nothing else will do.
        """
        if self.detail is Detail.PREVIEW:
            return None
        data = self._cached(found)
        if data is None and self.detail.asks_store:
            self.bring([found])
            data = self._cached(found)
        if data is None and self.detail is Detail.WHOLE:
            why = self._why.get(found.digest, "it is not in the cache")
            raise NotFoundError(
                f"the whole curves are not to be had: object {found.digest[:12]}: {why}",
                hint="gtrack store status; without full=True the preview is read",
            )
        if data is not None and len(data) != found.size:
            raise DamageError(f"object {found.digest[:12]} is not of the {found.size:,} bytes that were recorded")
        return data

    def _cached(self, found: CurveObject) -> bytes | None:
        try:
            with self._cache.open(found.digest) as file:
                return file.read(found.size + 1)  # no more, whatever has that digest: the document may be anybody's
        except DamageError as error:
            # It is removed from the cache, so that the store can be asked for a sound copy.
            self._asked.discard(found.digest)
            warnings.warn(error.message, stacklevel=2)
        except (NotFoundError, OSError):
            pass
        return None


def stored_curves(files: RunFiles) -> list[CurveObject]:
    """Return the objects of a run's curves that the branch does not hold whole."""
    here = {file.segment for file in files.files if file.kind == "metrics"}
    found = (curve_objects(doc)[0] for doc in files.documents if "curves" in doc.body)
    return [one for objects in found for segment, one in objects.items() if segment not in here]
