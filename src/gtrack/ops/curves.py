"""The curves of a run: recorded segments, single values from summaries, and what a live process has written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gtrack.format.names import Segment
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.view import View
from gtrack.spool.reading import Points, read_journal

if TYPE_CHECKING:
    import pyarrow

__all__ = ["curves"]


def curves(view: View, state: RunState, keys: frozenset[str] | None) -> pyarrow.Table:
    """Return the values of a run's metrics; see :meth:`gtrack.reader.RecordedRun.curves`.

    Within a session metrics concatenate, ranks side by side. A later session supersedes earlier points of each of its
    keys from that key's first step on.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    order = {session.id: number for number, session in enumerate(state.sessions)}
    parts = [*_recorded(view, state, keys), *_live(view, state.id, keys)]
    by_session: dict[int, list[Any]] = {}
    for session, table in parts:
        by_session.setdefault(order.get(session, len(order)), []).append(table)
    kept: list[Any] = []
    for number in sorted(by_session, reverse=True):
        table = _concat(by_session[number])
        for later in kept:
            table = _superseded_by(table, later)
        kept.append(table)
    if not kept:
        return empty_table()
    table = _concat(kept)
    if "rank" in table.column_names and pc.all(pc.less(table["rank"].fill_null(-1), 0)).as_py():
        table = table.drop_columns(["rank"])
    if "rank" in table.column_names:
        rank = table["rank"]
        table = table.set_column(
            table.column_names.index("rank"), "rank", pc.if_else(pc.less(rank, 0), pa.scalar(None, pa.int32()), rank)
        )
    text = table.set_column(0, "key", table["key"].cast(pa.string()))
    ordered = text.take(pc.sort_indices(text, [("key", "ascending"), ("step", "ascending"), ("time", "ascending")]))
    return ordered.set_column(0, "key", ordered["key"].combine_chunks().dictionary_encode())


def empty_table() -> pyarrow.Table:
    """Return a table of no curves."""
    import pyarrow as pa

    return pa.schema(
        [
            ("key", pa.dictionary(pa.int32(), pa.string())),
            ("step", pa.int64()),
            ("time", pa.timestamp("us", tz="UTC")),
            ("value", pa.float64()),
        ]
    ).empty_table()


def _recorded(view: View, state: RunState, keys: frozenset[str] | None) -> list[tuple[str, Any]]:
    from gtrack.format.parquet import decode_metrics

    files = view.files(state.id)
    out: list[tuple[str, Any]] = []
    covered: dict[tuple[str, str], int] = {}
    found = [(file.segment, oid) for file, oid in files.of_kind("metrics") if file.segment is not None]
    in_parquet: dict[str, set[str]] = {}
    # Longest first among those that start together: what it covers is dropped.
    for segment, oid in sorted(
        found, key=lambda item: (item[0].session, item[0].writer, item[0].first, -item[0].count)
    ):
        writer = (segment.session, segment.writer)
        if segment.end <= covered.get(writer, 0):
            continue
        overlaps = segment.first < covered.get(writer, 0)
        table = decode_metrics(view.repo.read_blob(oid), keys)
        in_parquet.setdefault(str(segment), set()).update(table["key"].unique().to_pylist())
        covered[writer] = segment.end
        out.append((segment.session, _unique(table, out) if overlaps else table))
    out += [(session, table) for session, table in _single_values(files.documents, in_parquet, keys)]
    return out


def _single_values(
    documents: Any, in_parquet: Mapping[str, set[str]], keys: frozenset[str] | None
) -> list[tuple[str, Any]]:
    """The keys that a summary holds and none of its segments' Parquet files: their only value is the last."""
    out = []
    for doc in documents:
        metrics, segments = doc.body.get("metrics"), doc.body.get("segments")
        if doc.kind not in ("end", "summary") or not isinstance(metrics, Mapping) or not isinstance(segments, list):
            continue
        elsewhere = set().union(*(in_parquet.get(str(s), set()) for s in segments))
        rows = []
        for key, entry in metrics.items():
            if key in elsewhere or (keys is not None and key not in keys) or not isinstance(entry, Mapping):
                continue
            try:
                summary = MetricSummary.from_dict(entry)
            except ValueError:
                continue
            rows.append((key, summary.step, summary.time, summary.last, -1))
        if rows and any(Segment.parse(str(s)) for s in segments):
            out.append((str(doc.body.get("session", "")), _table(rows)))
    return out


def _live(view: View, run_id: str, keys: frozenset[str] | None) -> list[tuple[str, Any]]:
    run = view.spool(run_id)
    out = []
    for writer in [] if run is None else run.writers():
        try:
            journal = read_journal(writer.journal)
        except (OSError, ValueError):
            continue
        first = view.files(run_id).sealed(writer.session, writer.id)
        points = journal.points.select(journal.position >= first)
        table = _from_points(points)
        if keys is not None:
            table = _only(table, keys)
        out.append((writer.session, table))
    return out


def _from_points(points: Points) -> Any:
    import pyarrow as pa

    key = pa.DictionaryArray.from_arrays(pa.array(points.key.astype("int32")), pa.array(points.keys, pa.string()))
    columns = {
        "key": key,
        "step": pa.array(points.step, pa.int64()),
        "time": pa.array(points.time, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "value": pa.array(points.value, pa.float64()),
        "rank": pa.array(points.rank, pa.int32()),
    }
    return pa.table(columns)


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


def _concat(tables: list[Any]) -> Any:
    """Put tables together; those without ranks get the rank -1."""
    import pyarrow as pa

    out = []
    for table in tables:
        plain = table.set_column(0, "key", table["key"].cast(pa.string()))
        if "rank" not in plain.column_names:
            plain = plain.append_column("rank", pa.array([-1] * len(plain), pa.int32()))
        out.append(plain.select(["key", "step", "time", "value", "rank"]))
    return pa.concat_tables(out)


def _only(table: Any, keys: frozenset[str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table["key"].cast(pa.string()), pa.array(sorted(keys), pa.string())))


def _superseded_by(table: Any, later: Any) -> Any:
    """Drop the points of a session from where a later one takes over, key by key."""
    import pyarrow as pa
    import pyarrow.compute as pc

    firsts = later.group_by("key").aggregate([("step", "min")])
    first = dict(zip(firsts["key"].to_pylist(), firsts["step_min"].to_pylist(), strict=True))
    keys = table["key"].cast(pa.string()).to_pylist()
    limit = pa.array([first.get(key) for key in keys], pa.int64())
    return table.filter(pc.fill_null(pc.less(table["step"], limit), True))


def _unique(table: Any, present: list[tuple[str, Any]]) -> Any:
    """Drop rows that an overlapping segment of the same writer has already."""
    import pyarrow as pa

    columns = ["key", "step", "time", "value"]
    seen = {tuple(row.values()) for _, other in present for row in other.select(columns).to_pylist()}
    fresh = [tuple(row.values()) not in seen for row in table.select(columns).to_pylist()]
    return table.filter(pa.array(fresh, pa.bool_()))
