"""The recorded values of a run as tables: which files count, and how its sessions join into one series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gtrack.format.names import Segment
from gtrack.model.cover import Intervals
from gtrack.model.fold import sessions_of
from gtrack.model.sessions import Document, covered_by
from gtrack.model.summary import MetricSummary
from gtrack.ops.load import RunFiles
from gtrack.ops.seal_curves import CurveObject, curve_objects, segments_of, spans_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Tables", "Whole", "concatenate", "join_sessions", "recorded_tables"]

Tables = list[tuple[str, Any]]
"""Arrow tables with the session each belongs to."""
Whole = Callable[[CurveObject], "bytes | None"]
"""Returns the content of an object of curves, or None where it is not at hand."""
_COLUMNS = ("key", "step", "time", "value", "rank")


def recorded_tables(
    files: RunFiles,
    read: Callable[[str], bytes],
    keys: frozenset[str] | None,
    *,
    whole: Whole = lambda _: None,
    previews: list[Segment] | None = None,
) -> Tables:
    """Return the recorded values of a run, each journal record once.

    Args:
        files: What the branch has of the run.
        read: Returns the content of a file by its object id.
        keys: Only the values of these metrics; all by default.
        whole: Returns the whole values of a segment that the branch has a preview of, or None where they are not at
            hand.
        previews: Takes the ranges of which only a preview is at hand. Without it such a preview is as good as missing.

    Raises:
        DamageError: A Parquet file is damaged.
        KeyError: One is missing.
    """
    reader = _Reader(files, read, keys, whole, previews)
    out: Tables = []
    covered: dict[str, Intervals] = {}
    listed: set[str] = set()
    for session in sessions_of(files.documents):
        listed.update(map(str, (segment for doc in session.documents for segment in segments_of(doc))))
        for doc, doubtful in session.counted():
            tables = list(reader.of_document(doc))
            if doubtful:
                tables = [_without(table, [other for name, other in out if name == session.id]) for table in tables]
            out += [(session.id, table) for table in tables if len(table)]
            for name, first, end in covered_by(doc):
                covered.setdefault(name, Intervals()).add(first, end)
    # A file that no document lists: the document may be the damaged one.
    for segment, is_whole in reader.files():
        known = covered.setdefault(f"{segment.session}-{segment.writer}", Intervals())
        if str(segment) in listed or known.holds(segment.first, segment.end):
            continue
        table = reader.segment(segment) if is_whole else reader.preview(segment)
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


class _Reader:
    """Reads the values of a run's segments, each from where it is at hand."""

    def __init__(
        self,
        files: RunFiles,
        read: Callable[[str], bytes],
        keys: frozenset[str] | None,
        whole: Whole,
        previews: list[Segment] | None,
    ) -> None:
        self._segments = {file.segment: oid for file, oid in files.of_kind("metrics") if file.segment is not None}
        self._previews = {file.segment: oid for file, oid in files.of_kind("preview") if file.segment is not None}
        self._read, self._keys, self._whole, self._told = read, keys, whole, previews

    def files(self) -> list[tuple[Segment, bool]]:
        """Return the ranges that there are files of, and whether each is whole; those that are, first."""
        return [*((s, True) for s in sorted(self._segments)), *((s, False) for s in sorted(self._previews))]

    def segment(self, segment: Segment) -> Any:
        """Return the values of a segment that is on the branch."""
        return _decoded(self._read(self._segments[segment]), self._keys)

    def preview(self, segments: Segment) -> Any:
        """Return the preview of a range."""
        if self._told is None:
            raise KeyError(f"only a preview of {segments} is here")
        self._told.append(segments)
        return _decoded(self._read(self._previews[segments]), self._keys)

    def of_document(self, doc: Document) -> Iterable[Any]:
        """Yield the tables of a document's segments, and of the single values that it holds itself."""
        segments = segments_of(doc)
        elsewhere: set[str] = set()
        for table in self._of_segments(doc, segments):
            elsewhere.update(table["key"].unique().to_pylist())
            yield table
        metrics = doc.body.get("metrics")
        rows = []
        for key, entry in metrics.items() if isinstance(metrics, Mapping) and segments else ():
            if key in elsewhere or (self._keys is not None and key not in self._keys) or not isinstance(entry, Mapping):
                continue
            try:
                summary = MetricSummary.from_dict(entry)
            except (ValueError, OverflowError):
                continue
            rows.append((key, summary.step, summary.time, summary.last, -1))
        if rows:
            yield _table(rows)

    def _of_segments(self, doc: Document, segments: Sequence[Segment]) -> Iterable[Any]:
        stored = curve_objects(doc)[0] if "curves" in doc.body else {}
        for together, mine in spans_of(segments).items():
            away = (stored[segment] for segment in mine if segment in stored and segment not in self._segments)
            contents = {one.segment: self._whole(one) for one in away}
            if None in contents.values() and together in self._previews:
                yield self.preview(together)
                continue
            for segment in mine:
                data = contents.get(segment)
                if segment in self._segments:
                    yield self.segment(segment)
                elif data is not None:
                    yield _decoded(data, self._keys)


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
