"""Artifacts of a run: files and media, as manifests on the branch and ledgers in a spool name them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Artifact", "Manifest", "fold_artifacts"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a run.

    Its content is an object of its own, or a part of a pack that holds many small ones.

    Attributes:
        path: Its path among the run's artifacts; safe, as :mod:`gtrack.format.artifact_path` defines it.
        size: In bytes.
        digest: The SHA-256 of its content, 64 hex digits.
        type: Its media type, such as ``image/png``.
        time: When it was logged, microseconds since the epoch.
        media: Of media: ``kind``, ``key``, ``step``, ``caption`` and what else the kind has; else empty.
        pack: The digest of the pack that holds it, or None.
        offset: Where in the pack it begins; in a live run's file of packed content likewise.
        object_size: The size of the object that holds it, in bytes.
        blob: The git id of the object that holds it, where the built-in git store may have it; else None.
        spooled: Of a live run: the spool's file that holds it, at ``offset``; else None.
    """

    path: str
    size: int
    digest: str
    type: str
    time: int
    media: Mapping[str, object] = field(default_factory=dict)
    pack: str | None = None
    offset: int = 0
    object_size: int = -1
    blob: str | None = None
    spooled: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.object_size < 0:
            object.__setattr__(self, "object_size", self.size)

    @property
    def object(self) -> str:
        """The digest of the object that holds it: its pack's, else its own."""
        return self.pack or self.digest

    @property
    def key(self) -> str | None:
        """What it is called among media of its kind; None for a plain file."""
        value = self.media.get("key")
        return value if isinstance(value, str) else None

    @property
    def step(self) -> int | None:
        """The step it was logged at, or None."""
        value = self.media.get("step")
        return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one file of the branch, or one writer's ledger, says of artifacts.

    Attributes:
        files: The artifacts, by path.
        removed: When a path was taken away, microseconds since the epoch.
        session: The session that it says it is of, or None.
    """

    files: Mapping[str, Artifact] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)
    session: str | None = None


def fold_artifacts(manifests: Iterable[Manifest]) -> dict[str, Artifact]:
    """Return the artifacts of a run by path, in the order of their paths; the order of the manifests does not matter.

    Of one path the later time stands; at one moment a file stands over its removal, and of two files the one with the
    smaller digest.

    Args:
        manifests: Those of all its sessions and writers.
    """
    newest: dict[str, Artifact] = {}
    removed: dict[str, int] = {}
    for manifest in manifests:
        for path, artifact in manifest.files.items():
            present = newest.get(path)
            if present is None or _stands_over(artifact, present):
                newest[path] = artifact
        for path, time in manifest.removed.items():
            removed[path] = max(time, removed.get(path, time))
    return {path: newest[path] for path in sorted(newest) if path not in removed or newest[path].time >= removed[path]}


def _stands_over(artifact: Artifact, other: Artifact) -> bool:
    if artifact.time != other.time:
        return artifact.time > other.time
    return artifact is not other and _order(artifact) < _order(other)


def _order(artifact: Artifact) -> tuple[object, ...]:
    """Return what decides between two artifacts of one path and moment: all that is said of them, digest first."""
    a = artifact
    said = json.dumps(dict(a.media), sort_keys=True, default=str)
    return a.digest, a.pack or "", a.offset, a.size, a.type, a.object_size, a.blob or "", said, a.spooled is None
