"""Checking a run's curves: each Parquet file by itself, and against the summaries that speak of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gtrack.errors import DamageError
from gtrack.format.footer import read_footer
from gtrack.format.names import Segment
from gtrack.model.fold import sessions_of
from gtrack.model.sessions import Document
from gtrack.model.summary import MetricSummary
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import RunFiles
from gtrack.spool.reading import Points, summarise

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_curves"]

_COMPARED = ("last", "step", "time", "min", "argmin", "max", "argmax", "count", "nan")
_MOST_NAMED = 5


def check_curves(folder: str, files: RunFiles, contents: Mapping[str, bytes], found: Findings) -> None:
    """Check the Parquet files of a run.

    Args:
        folder: The run's folder, to name files.
        files: The run's files.
        contents: What is in them, by object id.
        found: Takes what is wrong.
    """
    tables, broken = _read(folder, files, contents, found)
    listed: set[Segment] = set()
    for number, session in enumerate(sessions_of(files.documents)):
        for doc in session.documents:
            segments = _segments(doc)
            listed.update(segments)
            if not broken.intersection(segments):
                own = _summaries([tables[segment] for segment in segments if segment in tables])
                _compare(f"{folder}/{doc.name}", doc, own, resumed=number > 0, found=found)
    for segment in sorted(tables.keys() - listed):
        found.warning(f"{folder}/metrics-{segment}.parquet", "no end or summary lists it")


def _read(
    folder: str, files: RunFiles, contents: Mapping[str, bytes], found: Findings
) -> tuple[dict[Segment, Any], set[Segment]]:
    """Return the tables by segment, and the segments whose file is damaged."""
    from gtrack.format.parquet import decode_metrics

    tables: dict[Segment, Any] = {}
    broken: set[Segment] = set()
    for kind in ("metrics", "preview", "system"):
        for file, oid in files.of_kind(kind):
            try:
                table: Any = read_footer(contents[oid]) if kind == "system" else decode_metrics(contents[oid])
            except DamageError as error:
                found.error(f"{folder}/{file.name}", error.message)
                if file.segment is not None:
                    broken.add(file.segment)
                continue
            if kind == "metrics" and file.segment is not None:
                tables[file.segment] = table
                # Records are also definitions of keys and refused values.
                if len(table) > file.segment.count:
                    found.error(f"{folder}/{file.name}", f"it has {len(table)} values, more than the range in its name")
    return tables, broken


def _segments(doc: Document) -> list[Segment]:
    listed = doc.body.get("segments")
    parsed = (Segment.parse(str(text)) for text in (listed if isinstance(listed, list) else ()))
    return [segment for segment in parsed if segment is not None]


def _summaries(tables: list[pa.Table]) -> dict[str, MetricSummary]:
    from gtrack.ops.series import concatenate

    return summarise(_points(concatenate(tables))) if tables else {}


def _points(table: pa.Table) -> Points:
    import numpy as np

    column = table["key"].combine_chunks().dictionary_encode()
    step, value, rank = (table[name].to_numpy() for name in ("step", "value", "rank"))
    key = column.indices.to_numpy().astype(np.int64)
    return Points(column.dictionary.to_pylist(), key, step, table["time"].cast("int64").to_numpy(), value, rank)


def _compare(path: str, doc: Document, own: Mapping[str, MetricSummary], *, resumed: bool, found: Findings) -> None:
    """Compare what a document says of its segments with what is in them.

    Args:
        path: The document's path.
        doc: The document.
        own: The summaries of its segments' values.
        resumed: Its summaries may include values of earlier sessions.
        found: Takes what is wrong.
    """
    metrics = doc.body.get("metrics")
    entries = metrics if isinstance(metrics, Mapping) else {}
    wrong = []
    for key, entry in entries.items():
        try:
            told = MetricSummary.from_dict(entry)
        except (AttributeError, ValueError, OverflowError):
            continue  # the check of fields has told it
        if not _agree(told, own.get(key), resumed=resumed):
            wrong.append(key)
    if "omitted" not in doc.body:
        wrong += own.keys() - entries.keys()
    for key in sorted(wrong)[:_MOST_NAMED]:
        found.error(path, f"the summary of {key!r:.100} is not that of its curve")
    if len(wrong) > _MOST_NAMED:
        found.error(path, f"{len(wrong) - _MOST_NAMED} more summaries are not those of their curves")


def _agree(told: MetricSummary, own: MetricSummary | None, *, resumed: bool) -> bool:
    if own is None:
        # A single value stands in the summary alone.
        return resumed or told.count == 1
    if resumed:
        return told.count >= own.count and told.step >= own.step and told.first_step <= own.first_step
    return all(_same(getattr(told, name), getattr(own, name)) for name in _COMPARED)


def _same(one: object, other: object) -> bool:
    return one == other or (
        isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    )
