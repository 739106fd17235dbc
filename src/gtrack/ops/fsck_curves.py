"""Checking a run's curves: each Parquet file by itself, and against the summaries that speak of it.

Of a preview every summary is that of the whole curve, but for the number of values: a preview that does not fit is
found without the store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gtrack.errors import DamageError
from gtrack.format.names import Segment
from gtrack.format.preview import Mark, read_mark
from gtrack.model.fold import sessions_of
from gtrack.model.sessions import Document
from gtrack.model.summary import MetricSummary
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import RunFiles
from gtrack.ops.seal_curves import PREVIEW_BYTES, CurveObject, curve_objects, segments_of, spans_of
from gtrack.spool.reading import Points, summarise

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_curves"]

_COMPARED = ("last", "step", "time", "min", "argmin", "max", "argmax")
_COUNTED = ("count", "nan")
_MOST_NAMED = 5


@dataclass(slots=True)
class _Curves:
    """What the Parquet files of a run hold: whole segments, previews with their marks, and what is damaged."""

    whole: dict[Segment, Any] = field(default_factory=dict)
    previews: dict[Segment, tuple[Any, Mark]] = field(default_factory=dict)
    broken: set[Segment] = field(default_factory=set)


@dataclass(slots=True)
class _Own:
    """What the files of a document's segments come to.

    Attributes:
        summaries: The summaries of the values that are there.
        thinned: Some of it is a preview: counts are less than those of the whole.
        short: Some metrics have no place in a preview.
        points: How many values there are in truth.
    """

    summaries: dict[str, MetricSummary]
    thinned: bool
    short: bool
    points: int


def check_curves(folder: str, files: RunFiles, contents: Mapping[str, bytes], found: Findings) -> None:
    """Check the Parquet files of a run.

    Args:
        folder: The run's folder, to name files.
        files: The run's files.
        contents: What is in them, by object id.
        found: Takes what is wrong.
    """
    curves = _read(folder, files, contents, found)
    listed: set[Segment] = set()
    sizes: dict[str, int] = {}
    for number, session in enumerate(sessions_of(files.documents)):
        for doc in session.documents:
            path, segments = f"{folder}/{doc.name}", segments_of(doc)
            listed.update(segments)
            stored = _stored(path, doc, sizes, found)
            spans = spans_of(segments)
            listed.update(spans)
            if not curves.broken.intersection([*segments, *spans]):
                own = _own(path, spans, stored, curves, found)
                _compare(path, doc, own, resumed=number > 0, found=found)
    for kind, there in (("metrics", curves.whole), ("preview", curves.previews)):
        for segment in sorted(there.keys() - listed):
            found.warning(f"{folder}/{kind}-{segment}.parquet", "no end or summary lists it")


def _read(folder: str, files: RunFiles, contents: Mapping[str, bytes], found: Findings) -> _Curves:
    out = _Curves()
    for kind in ("metrics", "preview", "system"):
        for file, oid in files.of_kind(kind):
            try:
                _read_one(kind, file.segment, contents[oid], out)
            except DamageError as error:
                found.error(f"{folder}/{file.name}", error.message)
                if file.segment is not None and kind != "system":
                    out.broken.add(file.segment)
                continue
            if kind == "preview" and len(contents[oid]) > PREVIEW_BYTES:
                what = f"it has {len(contents[oid]):,} bytes; a preview has at most {PREVIEW_BYTES:,}"
                found.warning(f"{folder}/{file.name}", what)
    return out


def _read_one(kind: str, segment: Segment | None, data: bytes, out: _Curves) -> None:
    """Read a Parquet file; whether it can be, and fits its name and what it says of itself."""
    from gtrack.format.parquet import decode_metrics, metrics_metadata

    table = decode_metrics(data)
    if segment is None:
        return
    points = len(table)
    if kind == "preview":
        mark = read_mark(metrics_metadata(data))
        if points > mark.points:
            raise DamageError(f"it has {points:,} values, more than the {mark.points:,} that it is a preview of")
        points = mark.points
        out.previews[segment] = table, mark
    elif kind == "metrics":
        out.whole[segment] = table
    # Records are also definitions of keys and refused values.
    if points > segment.count:
        raise DamageError(f"it has {points:,} values, more than the range in its name")


def _stored(path: str, doc: Document, sizes: dict[str, int], found: Findings) -> Mapping[Segment, CurveObject]:
    """Return the objects that a document names, and name those that cannot be."""
    stored, wrong = curve_objects(doc)
    for problem in wrong[:_MOST_NAMED]:
        found.error(path, problem)
    if len(wrong) > _MOST_NAMED:
        found.error(path, f"{len(wrong) - _MOST_NAMED} more of its curves cannot be used")
    for one in stored.values():
        if sizes.setdefault(one.digest, one.size) != one.size:
            other = sizes[one.digest]
            found.error(path, f"object {one.digest[:12]} has {one.size:,} bytes here and {other:,} elsewhere")
    return stored


def _own(
    path: str,
    spans: Mapping[Segment, Sequence[Segment]],
    stored: Mapping[Segment, CurveObject],
    curves: _Curves,
    found: Findings,
) -> _Own:
    """Put together what is there of a document's segments: the whole where it is, else the preview."""
    tables: list[Any] = []
    thinned = short = False
    points = 0
    for span, segments in spans.items():
        away = [segment for segment in segments if segment in stored and segment not in curves.whole]
        preview = curves.previews.get(span) if away else None
        if away and preview is None:
            found.error(path, f"the curves of {span} are in the store, and there is no preview of them")
            short = thinned = True
        if preview is not None:
            tables.append(preview[0])
            points += preview[1].points
            thinned = True
            short |= len(preview[0]["key"].unique()) < preview[1].keys
        else:
            whole = [curves.whole[segment] for segment in segments if segment in curves.whole]
            tables += whole
            points += sum(map(len, whole))
    return _Own(_summaries(tables), thinned, short, points)


def _summaries(tables: list[pa.Table]) -> dict[str, MetricSummary]:
    from gtrack.ops.series import concatenate

    return summarise(_points(concatenate(tables))) if tables else {}


def _points(table: pa.Table) -> Points:
    import numpy as np

    column = table["key"].combine_chunks().dictionary_encode()
    step, value, rank = (table[name].to_numpy() for name in ("step", "value", "rank"))
    key = column.indices.to_numpy().astype(np.int64)
    return Points(column.dictionary.to_pylist(), key, step, table["time"].cast("int64").to_numpy(), value, rank)


def _compare(path: str, doc: Document, own: _Own, *, resumed: bool, found: Findings) -> None:
    """Compare what a document says of its segments with what is in them.

    Args:
        path: The document's path.
        doc: The document.
        own: What its segments' values come to.
        resumed: Its summaries may include values of earlier sessions.
        found: Takes what is wrong.
    """
    metrics = doc.body.get("metrics")
    entries = metrics if isinstance(metrics, Mapping) else {}
    wrong = []
    alone = counted = 0
    for key, entry in entries.items():
        try:
            told = MetricSummary.from_dict(entry)
        except (AttributeError, ValueError, OverflowError):
            continue  # the check of fields has told it
        counted += told.count
        alone += key not in own.summaries and told.count == 1
        if not _agree(told, own.summaries.get(key), resumed=resumed, own_is=own):
            wrong.append(key)
    if "omitted" not in doc.body:
        wrong += own.summaries.keys() - entries.keys()
    for key in sorted(wrong)[:_MOST_NAMED]:
        found.error(path, f"the summary of {key!r:.100} is not that of its {'preview' if own.thinned else 'curve'}")
    if len(wrong) > _MOST_NAMED:
        found.error(path, f"{len(wrong) - _MOST_NAMED} more summaries are not those of their curves")
    exact = own.thinned and not (own.short or resumed or wrong or "omitted" in doc.body)
    if exact and counted - alone != own.points:
        found.error(path, f"it counts {counted - alone:,} values, and its previews are of {own.points:,}")


def _agree(told: MetricSummary, own: MetricSummary | None, *, resumed: bool, own_is: _Own) -> bool:
    if own is None:
        # A single value stands in the summary alone, and a preview may have no place for a metric.
        return resumed or told.count == 1 or own_is.short
    if resumed:
        return told.count >= own.count and told.step >= own.step and told.first_step <= own.first_step
    if not all(_same(getattr(told, name), getattr(own, name)) for name in _COMPARED):
        return False
    if own_is.thinned:
        return told.count >= own.count and told.nan >= own.nan and bool(told.nan) == bool(own.nan)
    return all(getattr(told, name) == getattr(own, name) for name in _COUNTED)


def _same(one: object, other: object) -> bool:
    return one == other or (
        isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    )
