"""Manifests: the files of the branch that say which artifacts a run has, and which objects hold their content.

::

    format: 1
    session: "9c1d7b6e"
    files:
      "model.pkl": {"size": 123456, "sha256": "...", "type": "application/octet-stream", "time": "...", "blob": "..."}
      "media/samples/10.png": {..., "media": {"kind": "image", ...}, "pack": "<sha256 of the pack>", "offset": 4096}
      "old.ckpt": {"removed": true, "time": "..."}
    packs:
      "<sha256>": {"size": 1040000, "blob": "..."}

A manifest may come from anybody. What of it cannot be is named and left out, entry by entry; nothing in it is followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gtrack.clock import iso, iso_to_us
from gtrack.errors import ParseError
from gtrack.format import yaml
from gtrack.format.artifact_path import fault
from gtrack.format.media_type import sound_type
from gtrack.format.names import Segment
from gtrack.ids import is_object_id
from gtrack.model.artifact import Artifact, Manifest
from gtrack.text import clean

__all__ = ["PACK_BYTES", "Line", "build_manifests", "captured", "is_digest", "parse_manifest"]

FORMAT = 1
PACK_BYTES = 1 << 20
"""The largest pack that is written."""
_LARGEST_PACK = 8 << 20
"""The largest that is read: a pack is read whole."""
_ROOM = 880_000
"""Bytes that the entries of one manifest take at most."""
_PACK_ENTRY = 220
"""Bytes that a pack takes in a manifest at most."""
_LARGEST = 1 << 62
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_MAX_NAMED = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a writer's ledger says of artifacts.

    Attributes:
        number: Which of its lines about artifacts it is, from 0 on.
        path: The artifact's path.
        time: When, microseconds since the epoch.
        artifact: What was logged; None when it was taken away.
        packed: Its content is in the writer's file of packed content, at the artifact's offset.
    """

    number: int
    path: str
    time: int
    artifact: Artifact | None
    packed: bool = False


def is_digest(text: object) -> bool:
    """Tell whether something is a SHA-256 in 64 lower-case hex digits."""
    return isinstance(text, str) and _DIGEST.match(text) is not None


# -- writing


def build_manifests(segment: Segment, lines: Sequence[Line]) -> dict[Segment, bytes]:
    """Return the manifests of a range of a writer's lines: one, or as many as it takes to keep each below 900 KB.

    Args:
        segment: The range.
        lines: Of its lines those that count, in their order; of one path only one.

    Returns:
        The bytes by the range that each stands for; the ranges follow one another.
    """
    out: dict[Segment, bytes] = {}
    first, drafts = segment.first, list(_drafts(segment.session, lines))
    for at, draft in enumerate(drafts):
        end = drafts[at + 1].first if at + 1 < len(drafts) else segment.end
        out[Segment(segment.session, segment.writer, first, end - first)] = yaml.dump(draft.body())
        first = end
    return out


@dataclass(slots=True)
class _Draft:
    """A manifest in the making."""

    session: str
    first: int
    files: dict[str, dict[str, object]] = field(default_factory=dict)
    packs: dict[str, dict[str, object]] = field(default_factory=dict)
    bytes: int = 0

    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"format": FORMAT, "session": self.session, "files": self.files}
        return {**body, "packs": dict(sorted(self.packs.items()))} if self.packs else body


def _drafts(session: str, lines: Sequence[Line]) -> Iterator[_Draft]:
    draft: _Draft | None = None
    for line in lines:
        entry, pack = _entry(line), _pack(line.artifact)
        size = len(yaml.dump({"files": {line.path: entry}}))
        if draft is not None and not pack.keys() <= draft.packs.keys():
            size += _PACK_ENTRY
        if draft is not None and draft.bytes + size > _ROOM:
            yield draft
            draft = None
        if draft is None:
            draft = _Draft(session, line.number)
        draft.files[line.path] = entry
        draft.packs |= pack
        draft.bytes += size
    if draft is not None:
        yield draft


def _entry(line: Line) -> dict[str, object]:
    artifact, time = line.artifact, iso(line.time)
    if artifact is None:
        return {"removed": True, "time": time}
    entry: dict[str, object] = {"size": artifact.size, "sha256": artifact.digest, "type": artifact.type, "time": time}
    if artifact.media:
        entry["media"] = dict(artifact.media)
    if artifact.pack is not None:
        return {**entry, "pack": artifact.pack, "offset": artifact.offset}
    return {**entry, "blob": artifact.blob} if artifact.blob is not None else entry


def _pack(artifact: Artifact | None) -> dict[str, dict[str, object]]:
    if artifact is None or artifact.pack is None:
        return {}
    size: dict[str, object] = {"size": artifact.object_size}
    return {artifact.pack: {**size, "blob": artifact.blob} if artifact.blob is not None else size}


# -- reading


def parse_manifest(data: bytes) -> tuple[Manifest, tuple[str, ...]]:
    r"""Return what a manifest says, and what of it was left out, as sentences that name the entry.

    Args:
        data: The bytes of the file, from anywhere.

    Example:
        >>> parse_manifest(b'format: 1\nfiles:\n  "../x": {"removed": true}\n')[1]
        ('"../x" is left out: a part of it is ..',)
    """
    try:
        body = yaml.load(data)
    except ParseError as error:
        return Manifest(), (error.message,)
    version, entries, packs = body.get("format"), body.get("files"), body.get("packs", {})
    if version != FORMAT or isinstance(version, bool):
        newer = isinstance(version, int) and version > FORMAT
        return Manifest(), (f"it is of format {version}, which a newer gtrack wrote" if newer else "it has no format",)
    if not isinstance(entries, Mapping) or not isinstance(packs, Mapping):
        return Manifest(), ("its files, or its packs, are no map",)
    files: dict[str, Artifact] = {}
    removed: dict[str, int] = {}
    problems: list[str] = []
    for path, entry in entries.items():
        found = _read_entry(path, entry, packs)
        if isinstance(found, Artifact):
            files[path] = found
        elif isinstance(found, int):
            removed[path] = found
        else:
            problems.append(f'"{clean(path):.120}" is left out: {found}')
    if len(problems) > _MAX_NAMED:
        problems[_MAX_NAMED:] = [f"{len(problems) - _MAX_NAMED:,} more entries are left out"]
    session = body.get("session")
    return Manifest(files, removed, session if isinstance(session, str) else None), tuple(problems)


def captured(entry: Mapping[str, object], number: int) -> Line | str:
    """Return what a ledger line says of an artifact, or why it cannot be.

    Args:
        entry: The line, of the kind ``artifact`` or ``artifact_removed``.
        number: Which of its writer's lines about artifacts it is.
    """
    path, time = entry.get("path"), entry.get("at")
    if not isinstance(path, str):
        return "it has no path"
    wrong = fault(path)
    if wrong is not None or not _is_size(time) or not _is_moment(time):
        return wrong or "it has no time"
    assert isinstance(time, int)
    if entry["kind"] == "artifact_removed":
        return Line(number, path, time, None)
    artifact = _artifact(path, entry, time)
    if not isinstance(artifact, Artifact) or "offset" not in entry:
        return artifact if isinstance(artifact, str) else Line(number, path, time, artifact)
    offset = entry["offset"]
    if not isinstance(offset, int) or not _is_size(offset):
        return "its offset is no number of bytes"
    return Line(number, path, time, replace(artifact, offset=offset), packed=True)


def _read_entry(path: str, entry: object, packs: Mapping[str, object]) -> Artifact | int | str:
    """Return the artifact, or when it was removed, or what is wrong."""
    wrong = fault(path)
    if wrong is not None:
        return wrong
    if not isinstance(entry, Mapping):
        return "it is no map"
    time = _time(entry.get("time"))
    if time is None:
        return "its time is none"
    if entry.get("removed") is True:
        return time
    plain = _artifact(path, entry, time)
    if not isinstance(plain, Artifact) or "pack" not in entry:
        return plain
    return _packed(plain, entry, packs)


def _artifact(path: str, entry: Mapping[str, object], time: int) -> Artifact | str:
    size, digest, type_, blob = (entry.get(name) for name in ("size", "sha256", "type", "blob"))
    media = entry.get("media", {})
    if not _is_size(size):
        return "its size is no number of bytes"
    if not is_digest(digest):
        return "its digest is not a SHA-256 in hex"
    if not sound_type(type_):
        return "its type is no media type"
    if not isinstance(media, Mapping):
        return "its media is no map"
    if blob is not None and not (isinstance(blob, str) and is_object_id(blob)):
        return "its blob is not a git object's id"
    assert isinstance(size, int)
    return Artifact(path, size, str(digest), str(type_), time, media, blob=blob)


def _packed(plain: Artifact, entry: Mapping[str, object], packs: Mapping[str, object]) -> Artifact | str:
    """Return an artifact with the pack that holds it."""
    name, offset = entry.get("pack"), entry.get("offset")
    pack = packs.get(name) if isinstance(name, str) else None
    if not is_digest(name) or not isinstance(pack, Mapping):
        return "its pack is not among those that the manifest names"
    size, blob = pack.get("size"), pack.get("blob")
    if not _is_size(size) or not _is_size(offset):
        return "its offset, or its pack's size, is no number of bytes"
    assert isinstance(size, int)
    assert isinstance(offset, int)
    if size > _LARGEST_PACK:
        return f"its pack has {size:,} bytes; at most {_LARGEST_PACK:,} are read"
    if offset + plain.size > size:
        return "it lies beyond the end of its pack"
    if blob is not None and not (isinstance(blob, str) and is_object_id(blob)):
        return "its pack's blob is not a git object's id"
    return Artifact(
        plain.path, plain.size, plain.digest, plain.type, plain.time, plain.media, str(name), offset, size, blob
    )


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_moment(us: object) -> bool:
    try:
        return isinstance(us, int) and iso(us) != ""
    except (ValueError, OverflowError, OSError):
        return False


def _time(text: object) -> int | None:
    try:
        return iso_to_us(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None
