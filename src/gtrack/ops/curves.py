"""The curves of a run: recorded segments, single values from summaries, and what a live process has written.

Where the branch has a preview of them alone, the table says so in its metadata (:func:`preview_of`).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gtrack.errors import UsageError
from gtrack.format.names import Segment
from gtrack.format.preview import MARK
from gtrack.model.state import RunState
from gtrack.ops.curve_source import CurveSource, Detail, stored_curves
from gtrack.ops.load import RunFiles
from gtrack.ops.series import Tables, Whole, join_sessions, recorded_tables
from gtrack.ops.view import View
from gtrack.spool.directory import SpoolRun
from gtrack.spool.reading import Points, read_journal

if TYPE_CHECKING:
    import pyarrow

__all__ = ["curves", "curves_of", "detail_of", "empty_table", "marked", "preview_of", "warn_of_preview"]


def curves(view: View, state: RunState, keys: frozenset[str] | None, detail: Detail = Detail.AT_HAND) -> pyarrow.Table:
    """Return the values of a run's metrics; see :meth:`gtrack.reader.RecordedRun.curves`.

    Within a session metrics concatenate, ranks side by side. A later session supersedes earlier points of each of its
    keys from that key's first step on.

    Args:
        view: Where the run was found.
        state: The run.
        keys: Only the values of these metrics; all by default.
        detail: Where to look for what the branch has a preview of.

    Raises:
        DamageError: A file is damaged or missing.
        NotFoundError: All of it is wanted, and cannot be had.
    """
    files, source = view.files(state.id), CurveSource(view.repo, detail)
    source.bring(stored_curves(files))
    return curves_of(state, files, view.spool(state.id), view.repo.read_blob, keys, source)


def detail_of(*, full: bool, preview: bool) -> Detail:
    """Return how much somebody wants who may ask for all of it, or for no more than the preview.

    Raises:
        UsageError: Both are asked for.
    """
    if full and preview:
        raise UsageError("curves are read either in full or as a preview")
    return Detail.WHOLE if full else Detail.PREVIEW if preview else Detail.BEST


def preview_of(table: pyarrow.Table) -> int | None:
    """Return how many points there are in truth, when a table of curves is a preview; None when it is whole."""
    text: bytes | None = (table.schema.metadata or {}).get(MARK.encode())
    return None if text is None else int(json.loads(text)["points"])


def warn_of_preview(table: pyarrow.Table, what: str, *, stacklevel: int) -> None:
    """Warn somebody who asked for the whole curves when they are a preview: a mean of it would be of something else.

    Args:
        table: What is returned.
        what: Whose curves they are.
        stacklevel: Who is to be pointed at; see :func:`warnings.warn`.
    """
    points = preview_of(table)
    if points is not None:
        warnings.warn(
            f"the curves of {what} are a preview of {len(table):,} of {points:,} points: the whole is neither here nor "
            "in a store that can be reached (gtrack store status)",
            stacklevel=stacklevel + 1,
        )


def marked(table: pyarrow.Table, points: int, *, runs: Sequence[str] | None = None) -> pyarrow.Table:
    """Return a table of curves that says that it is a preview.

    Args:
        table: The table.
        points: How many points there are in truth.
        runs: Of a table of many runs: the ids of those whose curves are a preview.
    """
    said = {"points": points} | ({} if runs is None else {"runs": list(runs)})
    return table.replace_schema_metadata({MARK: json.dumps(said)})


def curves_of(
    state: RunState,
    files: RunFiles,
    spool: SpoolRun | None,
    read: Callable[[str], bytes],
    keys: frozenset[str] | None,
    whole: Whole = lambda _: None,
) -> pyarrow.Table:
    """Return the same from what is at hand of a run.

    Args:
        state: The run.
        files: What the branch has of it.
        spool: Its spool, where it is not recorded completely.
        read: Returns the content of a file by its object id.
        keys: Only the values of these metrics; all by default.
        whole: Returns what the branch has a preview of; see :func:`gtrack.ops.series.recorded_tables`.

    Raises:
        DamageError: A file is damaged or missing.
    """
    previews: list[Segment] = []
    table = _joined(state, [*recorded_tables(files, read, keys, whole=whole, previews=previews),
                            *_live(spool, files, keys)])  # fmt: skip
    points = _points_in_truth(table, state) if previews else None
    return table if points is None else marked(table, points)


def _joined(state: RunState, parts: Tables) -> pyarrow.Table:
    order = {session.id: number for number, session in enumerate(state.sessions)}
    if len(parts) == 1:
        found = _as_it_is(parts[0][1])
        if found is not None:
            return found
    table = join_sessions(parts, order)
    return empty_table() if table is None else _sorted(table)


def _points_in_truth(table: pyarrow.Table, state: RunState) -> int | None:
    """Return how many points the metrics in a table have; None when it has all of them.

    A preview keeps short series whole, and leaves out metrics when there are very many.
    """
    known = True
    points = 0
    for entry in table["key"].value_counts().to_pylist():
        count: int = entry["counts"]
        summary = state.metrics.get(entry["values"])
        known &= summary is not None and summary.count <= count
        points += count if summary is None else max(count, summary.count)
    return None if known else points


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
