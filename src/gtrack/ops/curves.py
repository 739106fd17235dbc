"""The curves of a run: recorded segments, single values from summaries, and what a live process has written."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gtrack.model.state import RunState
from gtrack.ops.load import RunFiles
from gtrack.ops.series import Tables, join_sessions, recorded_tables
from gtrack.ops.view import View
from gtrack.spool.directory import SpoolRun
from gtrack.spool.reading import Points, read_journal

if TYPE_CHECKING:
    import pyarrow

__all__ = ["curves", "curves_of", "empty_table"]


def curves(view: View, state: RunState, keys: frozenset[str] | None) -> pyarrow.Table:
    """Return the values of a run's metrics; see :meth:`gtrack.reader.RecordedRun.curves`.

    Within a session metrics concatenate, ranks side by side. A later session supersedes earlier points of each of its
    keys from that key's first step on.
    """
    return curves_of(state, view.files(state.id), view.spool(state.id), view.repo.read_blob, keys)


def curves_of(
    state: RunState,
    files: RunFiles,
    spool: SpoolRun | None,
    read: Callable[[str], bytes],
    keys: frozenset[str] | None,
) -> pyarrow.Table:
    """Return the same from what is at hand of a run.

    Args:
        state: The run.
        files: What the branch has of it.
        spool: Its spool, where it is not recorded completely.
        read: Returns the content of a file by its object id.
        keys: Only the values of these metrics; all by default.

    Raises:
        DamageError: A file is damaged or missing.
    """
    order = {session.id: number for number, session in enumerate(state.sessions)}
    parts = [*recorded_tables(files, read, keys), *_live(spool, files, keys)]
    if len(parts) == 1:
        found = _as_it_is(parts[0][1])
        if found is not None:
            return found
    table = join_sessions(parts, order)
    return empty_table() if table is None else _sorted(table)


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


def _as_it_is(table: Any) -> Any:
    """Return the one table of a run if it is sorted, as recorded segments are; None if not. This is the usual case."""
    import numpy as np
    import pyarrow as pa

    if not len(table):
        return empty_table()
    column = table["key"].combine_chunks()
    code, step, time = column.indices.to_numpy(), table["step"].to_numpy(), table["time"].to_numpy()
    same = code[1:] == code[:-1]
    later = (step[1:] > step[:-1]) | ((step[1:] == step[:-1]) & (time[1:] >= time[:-1]))
    starts = np.flatnonzero(np.concatenate(([True], ~same)))
    names = column.dictionary.take(pa.array(code[starts])).to_pylist()
    if not (later | ~same).all() or any(one >= other for one, other in pairwise(names)):
        return None
    place = np.repeat(np.arange(len(starts), dtype=np.int32), np.diff(starts, append=len(code)))
    key = pa.DictionaryArray.from_arrays(pa.array(place), pa.array(names, pa.string()))
    rest = {name: table[name] for name in table.column_names if name != "key"}
    return _with_ranks(pa.table({"key": key, **rest}))


def _sorted(table: Any) -> Any:
    """Return joined values in the order of keys, steps and times."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = _with_ranks(table)
    text = table.set_column(0, "key", table["key"].cast(pa.string()))
    ordered = text.take(pc.sort_indices(text, [("key", "ascending"), ("step", "ascending"), ("time", "ascending")]))
    return ordered.set_column(0, "key", ordered["key"].combine_chunks().dictionary_encode())


def _with_ranks(table: Any) -> Any:
    """Return a table with ranks only where there are any, and with nulls where a value has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "rank" not in table.column_names:
        return table
    if pc.all(pc.less(table["rank"].fill_null(-1), 0)).as_py():
        return table.drop_columns(["rank"])
    rank = table["rank"]
    known = pc.if_else(pc.less(rank, 0), pa.scalar(None, pa.int32()), rank)
    return table.set_column(table.column_names.index("rank"), "rank", known)


def _live(run: SpoolRun | None, files: RunFiles, keys: frozenset[str] | None) -> Tables:
    out = []
    for writer in [] if run is None else run.writers():
        try:
            journal = read_journal(writer.journal)
        except (OSError, ValueError):
            continue
        first = files.sealed(writer.session, writer.id)
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
