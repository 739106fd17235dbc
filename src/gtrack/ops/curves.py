"""The curves of a run: recorded segments, single values from summaries, and what a live process has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtrack.model.state import RunState
from gtrack.ops.series import join_sessions, recorded_tables
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
    recorded = recorded_tables(view.files(state.id), view.repo.read_blob, keys)
    table = join_sessions([*recorded, *_live(view, state.id, keys)], order)
    if table is None:
        return empty_table()
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


def _only(table: Any, keys: frozenset[str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table["key"].cast(pa.string()), pa.array(sorted(keys), pa.string())))
