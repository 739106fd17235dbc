"""Images of runs by their step, side by side: which there are, and which of them is shown."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.media.image_files import inspect_image
from gtrack.model.artifact import Artifact

__all__ = ["LARGEST", "Gallery", "Shelf", "at_step", "gallery_of", "shown_image"]

LARGEST = 8 << 20
"""The largest image that is shown, in bytes."""
_MOST_PIXELS = 25_000_000
_KINDS = ("image", "figure")
_TYPES = frozenset(("image/png", "image/jpeg", "image/webp", "image/gif"))
_MOST_AT_ONCE = 6

Shelf = Mapping[int | None, tuple[Artifact, ...]]
"""The images of one run under one key, by their step."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """The images of some runs.

    Attributes:
        shelves: By key, then by run.
        runs: How many runs there are.
    """

    shelves: Mapping[str, Mapping[str, Shelf]] = field(default_factory=dict)
    runs: int = 0

    @property
    def keys(self) -> list[str]:
        """The keys, those that most runs share first."""
        return sorted(self.shelves, key=lambda key: (-len(self.shelves[key]), key))

    def steps(self, key: str) -> list[int]:
        """Return every step at which some run has an image under a key, in order."""
        found = {step for shelf in self.shelves.get(key, {}).values() for step in shelf if step is not None}
        return sorted(found)


def gallery_of(artifacts: Iterable[tuple[str, Iterable[Artifact]]]) -> Gallery:
    """Return the images among the artifacts of runs.

    Args:
        artifacts: The id of each run, and its artifacts; manifests are anybody's, and not trusted.
    """
    found: dict[str, dict[str, dict[int | None, list[Artifact]]]] = {}
    count = 0
    for run_id, each in artifacts:
        count += 1
        for artifact in each:
            if artifact.media.get("kind") in _KINDS and artifact.type in _TYPES:
                shelf = found.setdefault(artifact.key or artifact.path, {}).setdefault(run_id, {})
                shelf.setdefault(artifact.step, []).append(artifact)
    shelves = {
        key: {run: {step: tuple(some[:_MOST_AT_ONCE]) for step, some in shelf.items()} for run, shelf in runs.items()}
        for key, runs in found.items()
    }
    return Gallery(shelves, count)


def at_step(shelf: Shelf, step: int | None) -> tuple[int | None, tuple[Artifact, ...]]:
    """Return what a run has at a step: at that or the one before it that it has, for runs log at steps of their own.

    Args:
        shelf: The images of the run.
        step: The step; None for the last.

    Returns:
        The step that was found, None for images without one, and the images; none where the run has nothing so early.
    """
    steps: Sequence[int] = sorted(one for one in shelf if one is not None)
    if not steps:
        return None, shelf.get(None, ())
    at = len(steps) if step is None else bisect_right(steps, step)
    return (steps[at - 1], shelf[steps[at - 1]]) if at else (None, shelf.get(None, ()))


def shown_image(data: bytes) -> str:
    """Return why an image is not shown; nothing where it may be: what browsers show, and no larger than is sensible."""
    if len(data) > LARGEST:
        return "too large to be shown"
    found = inspect_image(data)
    if found is None:
        return "not an image that is shown here: PNG, JPEG, WebP and GIF are"
    if found.width * found.height > _MOST_PIXELS:
        return f"{found.width:,} x {found.height:,} pixels are too many to be shown"
    return ""
