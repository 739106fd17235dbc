"""Where sealed curves go: onto the branch whole, or as a preview there and whole into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.branch.loose import object_id
from gtrack.branch.objects import BLOB
from gtrack.format import names
from gtrack.format.names import Segment
from gtrack.ids import is_object_id
from gtrack.model.goal import usual_direction
from gtrack.model.sessions import Document
from gtrack.ops.segments import encode_segment, rows_of
from gtrack.spool.reading import Points

__all__ = [
    "MAX_OBJECT",
    "PREVIEW_BYTES",
    "CurveObject",
    "SealedCurves",
    "curve_objects",
    "leading_keys",
    "seal_curves",
    "segments_of",
    "spans_of",
]

PREVIEW_BYTES = 32 << 10
"""The most that a writer's curves take on the branch where a store is configured, when they are sealed at once."""
_LATER_BYTES = 4 << 10
"""The most that those of a later segment take: a run that is sealed every ten minutes has hundreds."""
MAX_OBJECT = 8 << 20
"""The largest object of curves that is read, in bytes: what a Parquet file of the branch may have."""


@dataclass(frozen=True, slots=True)
class CurveObject:
    """The whole values of a segment, as an object of the store.

    Attributes:
        segment: The range of journal records.
        digest: The object's SHA-256, 64 hex digits.
        size: In bytes.
        blob: Its id as a git object, where the built-in git store may have it: no store was configured any more when it
            was sent.
    """

    segment: Segment
    digest: str
    size: int
    blob: str | None = None


@dataclass(slots=True)
class SealedCurves:
    """What the curves of one writer come to.

    Attributes:
        files: Files of the branch, by name in the run's folder.
        objects: Objects of the store, by digest.
        entries: What the document says of the objects.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    entries: list[dict[str, object]] = field(default_factory=list)


def seal_curves(
    segments: Sequence[tuple[Segment, Points]],
    *,
    inline: Collection[str],
    in_store: Callable[[], bool],
    object_format: str = "sha1",
    leading: Callable[[], Sequence[str]] = tuple,
) -> SealedCurves:
    """Decide where the curves of a writer go.

    Without a store all of it goes onto the branch. With one, what is no larger than its preview would be does as well;
    anything else becomes an object for each segment, and one preview of them together on the branch.

    Args:
        segments: The writer's segments that are sealed together, in their order, and their points.
        inline: Keys whose only value stands in the summary; they need no Parquet.
        in_store: Tells whether a store is configured; asked only when it matters.
        object_format: How the repository names its objects, ``sha1`` or ``sha256``.
        leading: Returns the metrics that a preview shows in most detail; see :func:`leading_keys`.

    Example:
        >>> seal_curves([(segment, points)], inline=(), in_store=lambda: False).files.keys()
        dict_keys(['metrics-9c1d7b6e-0a1b2c3d-0-101.parquet'])
    """
    out = SealedCurves()
    rows = [(segment, rows_of(points, inline)) for segment, points in segments]
    rows = [(segment, points) for segment, points in rows if len(points)]
    whole = [(segment, encode_segment(points)) for segment, points in rows]
    # A function of the range, so that whoever seals it makes the same files of it.
    room = PREVIEW_BYTES if segments and segments[0][0].first == 0 else _LATER_BYTES
    if sum(len(data) for _, data in whole) <= room or not in_store():
        out.files = {names.segment("metrics", segment): data for segment, data in whole}
        return out
    for segment, data in whole:
        digest = hashlib.sha256(data).hexdigest()
        out.objects[digest] = data
        blob = object_id(BLOB, data, object_format)
        out.entries.append({"segment": str(segment), "sha256": digest, "size": len(data), "blob": blob})
    (together,) = spans_of(segment for segment, _ in segments)
    out.files[names.segment("preview", together)] = _preview([points for _, points in rows], room, leading())
    return out


def _preview(parts: Sequence[Points], room: int, leading: Sequence[str]) -> bytes:
    import numpy as np

    from gtrack.format.preview import encode_preview

    columns = [np.concatenate([getattr(p, name) for p in parts]) for name in ("key", "step", "time", "value", "rank")]
    key, *others = columns
    # All are parts of one journal, and share its list of keys.
    return encode_preview(key, parts[0].keys, *others, room=room, leading=leading)


def leading_keys(keys: Iterable[str], goals: Mapping[str, object]) -> list[str]:
    """Return the metrics that people look at first: those with a goal, then those whose name tells one; by name.

    Args:
        keys: The metrics.
        goals: What ``define_metric`` said, by metric.

    Example:
        >>> leading_keys(["epoch", "val_loss", "churn"], {"churn": "max"})
        ['churn', 'val_loss']
    """
    ranked = sorted((key not in goals, key.count("/"), key) for key in keys if key in goals or usual_direction(key))
    return [key for *_, key in ranked]


def segments_of(doc: Document) -> list[Segment]:
    """Return the segments that an end or summary lists, each once; what is none is passed over."""
    listed = doc.body.get("segments")
    parsed = (Segment.parse(str(text)) for text in (listed if isinstance(listed, list) else ()))
    return list(dict.fromkeys(segment for segment in parsed if segment is not None))


def spans_of(segments: Iterable[Segment]) -> dict[Segment, list[Segment]]:
    """Return the segments of each writer by the range from their first to their last, which a preview is named by."""
    by_writer: dict[tuple[str, str], list[Segment]] = {}
    for segment in segments:
        by_writer.setdefault((segment.session, segment.writer), []).append(segment)
    return {_span(mine): mine for mine in by_writer.values()}


def _span(segments: Sequence[Segment]) -> Segment:
    first, end = min(segment.first for segment in segments), max(segment.end for segment in segments)
    return Segment(segments[0].session, segments[0].writer, first, end - first)


def curve_objects(doc: Document) -> tuple[dict[Segment, CurveObject], list[str]]:
    """Return the objects that an end or summary names, by segment, and what is wrong with those it names amiss.

    Args:
        doc: The document, which anybody may have written: an object of a segment that it does not list, twice of one,
            or beyond the size of what is read does not count.
    """
    from gtrack.store.cache import is_digest

    named = doc.body.get("curves")
    known = set(segments_of(doc))
    found: dict[Segment, CurveObject] = {}
    wrong: list[str] = []
    for number, entry in enumerate(named if isinstance(named, list) else [named] if "curves" in doc.body else ()):
        body = entry if isinstance(entry, Mapping) else {}
        segment = Segment.parse(str(body.get("segment")))
        digest, size, blob = body.get("sha256"), body.get("size"), body.get("blob")
        if segment is None or segment not in known or segment in found:
            wrong.append(f"curves[{number}] names no segment of this document, or one twice")
        elif not isinstance(digest, str) or not is_digest(digest):
            wrong.append(f"curves[{number}] has no SHA-256")
        elif type(size) is not int or not 0 < size <= MAX_OBJECT:
            wrong.append(f"curves[{number}] has a size that cannot be")
        else:
            known_blob = blob if isinstance(blob, str) and is_object_id(blob) else None
            found[segment] = CurveObject(segment, digest, size, known_blob)
    return found, wrong
