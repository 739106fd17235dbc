"""The recorded values of a run as tables: which files count, and how its sessions join into one series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gtrack.format.names import Segment
from gtrack.model.cover import Intervals
from gtrack.model.fold import sessions_of
from gtrack.model.sessions import Document, covered_by
from gtrack.model.summary import MetricSummary
from gtrack.ops.load import RunFiles

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Tables", "concatenate", "join_sessions", "recorded_tables"]

Tables = list[tuple[str, Any]]
"""Arrow tables with the session each belongs to."""
_COLUMNS = ("key", "step", "time", "value", "rank")


def recorded_tables(files: RunFiles, read: Callable[[str], bytes], keys: frozenset[str] | None) -> Tables:
    """Return the recorded values of a run, each journal record once.

    Args:
        files: What the branch has of the run.
        read: Returns the content of a file by its object id.
        keys: Only the values of these metrics; all by default.

    Raises:
        DamageError: A Parquet file is damaged.
        KeyError: One is missing.
    """
    found = {file.segment: oid for file, oid in files.of_kind("metrics") if file.segment is not None}
    out: Tables = []
    covered: dict[str, Intervals] = {}
    listed: set[str] = set()
    for session in sessions_of(files.documents):
        listed.update(str(text) for doc in session.documents for text in _segments_of(doc))
        for doc, doubtful in session.counted():
            tables = list(_of_document(doc, found, read, keys))
            if doubtful:
                tables = [_without(table, [other for name, other in out if name == session.id]) for table in tables]
            out += [(session.id, table) for table in tables if len(table)]
            for name, first, end in covered_by(doc):
                covered.setdefault(name, Intervals()).add(first, end)
    # A file that no document lists: the document may be the damaged one.
    for segment, oid in sorted(found.items()):
        known = covered.setdefault(f"{segment.session}-{segment.writer}", Intervals())
        if str(segment) in listed or known.holds(segment.first, segment.end):
            continue
        table = _decoded(read(oid), keys)
        if known.meets(segment.first, segment.end):
            table = _without(table, [other for name, other in out if name == segment.session])
        known.add(segment.first, segment.end)
        out.append((segment.session, table))
    return out


def join_sessions(parts: Iterable[tuple[str, Any]], order: Mapping[str, int]) -> pa.Table | None:
    """Join the tables of several sessions; None when there are none.

    Within a session values concatenate, ranks side by side. A later session supersedes earlier values of each of its
    keys from that key's first step on.

    Args:
        parts: The tables; see :data:`Tables`.
        order: Where each session stands among the others.

    Returns:
        A table with the columns key (string), step, time, value and rank (-1 for none).
    """
    by_session: dict[int, list[Any]] = {}
    for session, table in parts:
        by_session.setdefault(order.get(session, len(order)), []).append(table)
    kept: list[Any] = []
    for number in sorted(by_session, reverse=True):
        table = concatenate(by_session[number])
        for later in kept:
            table = _superseded_by(table, later)
        kept.append(table)
    return concatenate(kept) if kept else None


def concatenate(tables: Iterable[Any]) -> pa.Table:
    """Put tables together; those without ranks get the rank -1."""
    import pyarrow as pa

    out = []
    for table in tables:
        plain = table.set_column(0, "key", table["key"].cast(pa.string()))
        if "rank" not in plain.column_names:
            plain = plain.append_column("rank", pa.array([-1] * len(plain), pa.int32()))
        # By column, since a table read from Parquet says that it has no nulls, and another does not.
        out.append(pa.table([plain[name] for name in _COLUMNS], names=_COLUMNS))
    return pa.concat_tables(out)


def _segments_of(doc: Document) -> list[object]:
    segments = doc.body.get("segments")
    return segments if isinstance(segments, list) else []


def _of_document(
    doc: Document, found: Mapping[Segment, str], read: Callable[[str], bytes], keys: frozenset[str] | None
) -> Iterable[Any]:
    """Yield the tables of a document's segments, and of the single values that it holds itself."""
    segments = [s for s in (Segment.parse(str(text)) for text in _segments_of(doc)) if s is not None]
    elsewhere: set[str] = set()
    for segment in dict.fromkeys(segments):
        if segment in found:
            table = _decoded(read(found[segment]), keys)
            elsewhere.update(table["key"].unique().to_pylist())
            yield table
    metrics = doc.body.get("metrics")
    rows = []
    for key, entry in metrics.items() if isinstance(metrics, Mapping) and segments else ():
        if key in elsewhere or (keys is not None and key not in keys) or not isinstance(entry, Mapping):
            continue
        try:
            summary = MetricSummary.from_dict(entry)
        except (ValueError, OverflowError):
            continue
        rows.append((key, summary.step, summary.time, summary.last, -1))
    if rows:
        yield _table(rows)


def _decoded(data: bytes, keys: frozenset[str] | None) -> Any:
    from gtrack.format.parquet import decode_metrics

    return decode_metrics(data, keys)


def _table(rows: list[tuple[str, int, int, float, int]]) -> Any:
    import pyarrow as pa

    key, step, time, value, rank = zip(*rows, strict=True)
    return pa.table(
        {
            "key": pa.array(key, pa.string()).dictionary_encode(),
            "step": pa.array(step, pa.int64()),
            "time": pa.array(time, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "value": pa.array(value, pa.float64()),
            "rank": pa.array(rank, pa.int32()),
        }
    )


def _superseded_by(table: Any, later: Any) -> Any:
    """Drop the values of a session from where a later one takes over, key by key."""
    import pyarrow as pa
    import pyarrow.compute as pc

    firsts = later.group_by("key").aggregate([("step", "min")])
    place = pc.index_in(table["key"], firsts["key"])
    limit = firsts["step_min"].combine_chunks().take(place.combine_chunks())
    return table.filter(pc.fill_null(pc.less(table["step"], pa.chunked_array([limit])), True))


def _without(table: Any, others: list[Any]) -> Any:
    """Drop the rows that overlapping segments have already, as often as they have them."""
    import pyarrow as pa

    present = Counter(row for other in others for row in _rows(other))
    fresh = []
    for row in _rows(table):
        fresh.append(present[row] == 0)
        present[row] -= not fresh[-1]
    return table.filter(pa.array(fresh, pa.bool_()))


def _rows(table: Any) -> Iterable[tuple[object, ...]]:
    import numpy as np

    plain = concatenate([table])
    # As bits, since a NaN differs from itself.
    bits = plain["value"].to_numpy().view(np.int64)
    columns = [plain[name].to_pylist() for name in ("key", "step", "time", "rank")]
    return zip(*columns, bits.tolist(), strict=True)
