"""What a resumed session keeps of the earlier ones, for its summaries: so that a fold never opens Parquet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gtrack.errors import DamageError
from gtrack.model.fold import Document, fold_run, sessions_of
from gtrack.model.summary import MetricSummary, merge
from gtrack.ops.load import RunFiles
from gtrack.spool.reading import Points, summarise

if TYPE_CHECKING:
    import pyarrow as pa

    from gtrack.ops.series import Whole

__all__ = ["with_earlier"]


def with_earlier(
    summaries: Mapping[str, MetricSummary],
    recorded: RunFiles,
    sealed: Sequence[Document],
    session: str,
    whole: Whole | None = None,
) -> dict[str, MetricSummary]:
    """Add to a session's summaries what it keeps of earlier sessions: their values before its own first step.

    Args:
        summaries: The summaries of what the session itself logged.
        recorded: What the branch has of the run.
        sealed: What is about to be added to it.
        session: The session.
        whole: Returns earlier curves that the branch has a preview of, where they are at hand.

    Returns:
        The summaries by key; one is marked partial where the earlier values are not at hand.
    """
    others = [doc for doc in recorded.documents if doc.kind != "end" or doc.body.get("session") != session]
    others = [doc for doc in others if doc.kind != "summary" or doc.session != session]
    if not any(doc.kind in ("end", "summary") for doc in others):
        return dict(summaries)
    earlier = fold_run(recorded.id, others).metrics
    told = _told_by(session, [*recorded.documents, *sealed])
    out = dict(summaries)
    overlapping: dict[str, MetricSummary] = {}
    for key, summary in summaries.items():
        before = earlier.get(key)
        # An earlier file of this very session includes them already.
        if key in told or before is None or before.first_step >= summary.first_step:
            continue
        if before.step < summary.first_step:
            out[key] = _merged(before, summary)
        else:
            overlapping[key] = summary
    if overlapping:
        files = {file: oid for file, oid in recorded.files.items() if file.session != session}
        before_it = replace(recorded, files=files, documents=tuple(others))
        out.update(_from_curves(overlapping, before_it, recorded.read, whole))
    return out


def _told_by(session: str, documents: Sequence[Document]) -> set[str]:
    """Return the keys that the session's own documents speak of."""
    out: set[str] = set()
    for doc in documents:
        metrics = doc.body.get("metrics")
        if doc.kind in ("end", "summary") and doc.body.get("session") == session and isinstance(metrics, Mapping):
            out.update(metrics)
    return out


def _merged(before: MetricSummary, summary: MetricSummary) -> MetricSummary:
    return replace(merge([before, summary]), ranks=summary.ranks)


def _from_curves(
    summaries: Mapping[str, MetricSummary],
    earlier: RunFiles,
    read: Callable[[str], bytes] | None,
    whole: Whole | None,
) -> dict[str, MetricSummary]:
    """Some of the earlier values are superseded: what the extremes of the others are, only the curves tell."""
    from gtrack.ops.series import join_sessions, recorded_tables

    unknown = {key: replace(summary, partial=True) for key, summary in summaries.items()}
    if read is None:
        return unknown
    sessions = {found.id: number for number, found in enumerate(sessions_of(earlier.documents))}
    try:
        # A preview would not do: what is kept may end within a bucket.
        tables = recorded_tables(earlier, read, frozenset(summaries), whole=whole or (lambda _: None))
        table = join_sessions(tables, sessions)
    except (DamageError, KeyError):
        return unknown
    if table is None:
        return unknown
    limits = {key: summary.first_step for key, summary in summaries.items()}
    kept = summarise(_points_before(table, limits))
    return {key: _merged(kept[key], summary) if key in kept else unknown[key] for key, summary in summaries.items()}


def _points_before(table: pa.Table, limits: Mapping[str, int]) -> Points:
    """Return the values of each key before a step."""
    import numpy as np

    column = table["key"].combine_chunks().dictionary_encode()
    keys: list[str] = column.dictionary.to_pylist()
    key = column.indices.to_numpy().astype(np.int64)
    step, value, rank = (table[name].to_numpy() for name in ("step", "value", "rank"))
    points = Points(keys, key, step, table["time"].cast("int64").to_numpy(), value, rank)
    limit = np.array([limits[name] for name in keys], np.int64)
    return points.select(step < limit[key])
