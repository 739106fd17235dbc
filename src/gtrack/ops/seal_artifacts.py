"""Sealing artifacts: from what a writer captured to a manifest, and the objects that it names.

A function of the ledger and of what it names: of one path only the last line of a range counts, small content goes
into packs in the order of the lines, each content once.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gtrack.branch.loose import object_id
from gtrack.branch.objects import BLOB
from gtrack.format import names
from gtrack.format.manifest import PACK_BYTES, Line, build_manifests, captured
from gtrack.format.names import Segment
from gtrack.model.artifact import Artifact
from gtrack.ops.load import RunFiles
from gtrack.spool.artifacts import ADDED, FILES, PACK, REMOVED
from gtrack.spool.directory import Writer
from gtrack.store.cache import Piece

__all__ = [
    "GIT_BYTES",
    "SealedArtifacts",
    "SpooledObject",
    "lines_of",
    "recorded_lines",
    "seal_artifacts",
    "wrong_lines",
]

GIT_BYTES = 1 << 20
"""Bytes of the largest object that the built-in git store takes."""
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class SpooledObject:
    """An object that a manifest names, and where in the spool its content is.

    Attributes:
        digest: Its SHA-256.
        size: In bytes.
        blob: Its id as a git object, when the built-in store may have it; else None.
        pieces: The parts of files that it is made of; a whole file, when it is one.
    """

    digest: str
    size: int
    blob: str | None
    pieces: tuple[Piece, ...]

    @property
    def file(self) -> str | None:
        """The path of the file that it is as a whole, or None."""
        path, offset, _ = self.pieces[0] if len(self.pieces) == 1 else ("", 1, 0)
        return path if offset == 0 and os.path.basename(path) == self.digest else None


@dataclass(slots=True)
class SealedArtifacts:
    """What sealing a writer's artifacts came to.

    Attributes:
        files: Manifests, by their names in the run's folder.
        objects: The objects that they name, by digest; not those whose content is lost.
        lost: The paths of artifacts whose content is not in the spool as it was captured.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, SpooledObject] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def recorded_lines(recorded: RunFiles, writer: Writer) -> int:
    """Return how many of a writer's lines about artifacts the branch has."""
    found = [file.segment for file in recorded.files if file.kind == "artifacts"]
    origin = (writer.session, writer.id)
    return max((s.end for s in found if s is not None and (s.session, s.writer) == origin), default=0)


def lines_of(entries: Iterable[Mapping[str, object]]) -> Iterator[Line]:
    """Yield what a writer's ledger says of artifacts; lines that cannot be are numbered and passed over.

    Args:
        entries: The ledger's lines.
    """
    return (line for line in _numbered(entries) if isinstance(line, Line))


def wrong_lines(entries: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Say which lines of a writer's ledger about artifacts cannot be, and why."""
    return (line for line in _numbered(entries) if isinstance(line, str))


def _numbered(entries: Iterable[Mapping[str, object]]) -> Iterator[Line | str]:
    about = (entry for entry in entries if entry["kind"] in (ADDED, REMOVED))
    for number, entry in enumerate(about):
        line = captured(entry, number)
        yield line if isinstance(line, Line) else f"the artifact {entry.get('path')!r:.80} cannot be: {line}"


def seal_artifacts(
    writer: Writer, entries: Sequence[dict[str, object]], first: int, *, object_format: str = "sha1"
) -> SealedArtifacts:
    """Make the manifests of what a writer captured.

    Args:
        writer: The process.
        entries: The lines of its ledger.
        first: How many of those about artifacts are on the branch already.
        object_format: How the repository names its objects.

    Returns:
        The new files; none when the branch has everything.
    """
    for _ in range(_ATTEMPTS):
        done = _seal(writer, entries, first, object_format)
        # Who frees content writes so first: what is missing now has given way meanwhile, which the ledger tells.
        again = writer.entries() if done.lost else []
        if len(again) <= len(entries):
            break
        entries = again
    return done


def _seal(writer: Writer, entries: Sequence[dict[str, object]], first: int, object_format: str) -> SealedArtifacts:
    out = SealedArtifacts()
    total = sum(entry["kind"] in (ADDED, REMOVED) for entry in entries)
    if total <= first:
        return out
    latest = {line.path: line for line in lines_of(entries) if line.number >= first}
    kept = sorted(latest.values(), key=lambda line: line.number)
    placed = _Places(writer, object_format, out)
    placed.place([line for line in kept if line.artifact is not None])
    lines = [placed.line(line) for line in kept]
    segment = Segment(writer.session, writer.id, first, total - first)
    for part, data in build_manifests(segment, lines).items():
        out.files[names.segment("artifacts", part)] = data
    return out


class _Places:
    """Where the content of lines goes: into packs, or to objects of their own."""

    def __init__(self, writer: Writer, object_format: str, out: SealedArtifacts) -> None:
        self.writer = writer
        self.object_format = object_format
        self.out = out
        self.places: dict[str, tuple[str | None, int, int, str | None]] = {}
        """By digest: the pack or None, the offset in it, the size of the object, its git id."""

    def line(self, line: Line) -> Line:
        """Return a line whose artifact names the object that holds it."""
        artifact = line.artifact
        if artifact is None:
            return line
        pack, offset, size, blob = self.places.get(artifact.digest) or (None, 0, artifact.size, None)
        return replace(line, artifact=replace(artifact, pack=pack, offset=offset, object_size=size, blob=blob))

    def place(self, lines: Iterable[Line]) -> None:
        """Find a place for the content of each line, the same content once."""
        group: list[tuple[Artifact, bytes]] = []
        room = PACK_BYTES
        seen: set[str] = set()
        for line in lines:
            artifact = line.artifact
            if artifact is None or artifact.digest in seen:
                continue
            if not line.packed:
                seen.add(artifact.digest)
                self.own(artifact)
                continue
            data = self.read(self.writer.stem + PACK, artifact.offset, artifact)
            if data is None:
                self.out.lost.append(artifact.path)
                continue
            seen.add(artifact.digest)
            if group and len(data) > room:
                self.pack(group)
                group, room = [], PACK_BYTES
            group.append((artifact, data))
            room -= len(data)
        self.pack(group)

    def own(self, artifact: Artifact) -> None:
        """Make a file an object of its own."""
        path = os.path.join(self.writer.stem + FILES, artifact.digest)
        blob = None
        try:
            found = os.lstat(path)
            present = stat.S_ISREG(found.st_mode) and found.st_size == artifact.size
        except OSError:
            present = False
        if present and artifact.size <= GIT_BYTES:
            data = self.read(path, 0, artifact)
            present = data is not None
            blob = None if data is None else object_id(BLOB, data, self.object_format)
        if not present:
            self.out.lost.append(artifact.path)
            return
        self.add(SpooledObject(artifact.digest, artifact.size, blob, ((path, 0, artifact.size),)))
        self.places[artifact.digest] = (None, 0, artifact.size, blob)

    def pack(self, group: Sequence[tuple[Artifact, bytes]]) -> None:
        """Put content together; what is alone is an object of its own."""
        if not group:
            return
        path = self.writer.stem + PACK
        data = b"".join(part for _, part in group)
        digest = hashlib.sha256(data).hexdigest()
        blob = object_id(BLOB, data, self.object_format)
        pieces = tuple((path, artifact.offset, artifact.size) for artifact, _ in group)
        self.add(SpooledObject(digest, len(data), blob, pieces))
        alone, offset = len(group) == 1, 0
        for artifact, part in group:
            self.places[artifact.digest] = (None if alone else digest, offset, len(data), blob)
            offset += len(part)

    def add(self, found: SpooledObject) -> None:
        self.out.objects[found.digest] = found

    def read(self, path: str, offset: int, artifact: Artifact) -> bytes | None:
        """Return an artifact's content, when it is there as it was captured."""
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read(min(artifact.size, GIT_BYTES + 1))
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == artifact.digest else None
