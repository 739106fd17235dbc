"""The curves of many runs: read in bulk through git, which reads on while a run is decoded, and as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from gtrack.branch.bulk import FileEntry, read_runs
from gtrack.errors import DamageError, NotFoundError
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.ops.curve_source import CurveSource, Detail, stored_curves
from gtrack.ops.curves import curves_of, empty_table, marked, preview_of
from gtrack.ops.load import RunFiles, documents_of
from gtrack.ops.view import View

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OnDamage", "each_with_curves", "many_curves", "one_table"]

OnDamage = Callable[[RunState, DamageError], None]
"""Is told of a run whose curves are damaged."""

_MANY = 16
"""From so many runs on, two git processes are less work than finding every object in this one."""
_AT_ONCE = 1000


class _WaitsError(Exception):
    """A run whose curves are to be fetched first; not before it is known what those of the others are."""

    def __init__(self, files: RunFiles) -> None:
        self.files = files


def many_curves(
    runs: Iterable[tuple[View, RunState]], keys: frozenset[str] | None, detail: Detail = Detail.BEST
) -> pa.Table:
    """Return the curves of runs as one table; see :func:`gtrack.curves`.

    Args:
        runs: The runs, and the view that each was found in. One that comes again counts once.
        keys: Only the values of these metrics; all by default.
        detail: Where to look for what the branch has a preview of.

    Returns:
        The table. When curves of some runs are previews, its metadata says which, and how many points there are.

    Raises:
        DamageError: A file is damaged or missing; the message names the run.
        NotFoundError: All of it is wanted, and cannot be had; likewise.
    """
    views: dict[int, tuple[View, list[RunState]]] = {}
    place: dict[str, int] = {}
    for view, state in runs:
        if state.id not in place:
            place[state.id] = len(place)
            views.setdefault(id(view), (view, []))[1].append(state)
    found = {
        state.id: table
        for view, states in views.values()
        for state, table in each_with_curves(view, states, keys, detail=detail)
        if len(table)
    }
    joined = one_table([*place], sorted(found.items(), key=lambda item: place[item[0]]))
    previews = {run_id: points for run_id, table in found.items() if (points := preview_of(table)) is not None}
    if not previews:
        return joined
    whole = sum(len(table) for run_id, table in found.items() if run_id not in previews)
    return marked(joined, whole + sum(previews.values()), runs=[run_id for run_id in place if run_id in previews])


def each_with_curves(
    view: View,
    states: Sequence[RunState],
    keys: frozenset[str] | None,
    *,
    detail: Detail = Detail.BEST,
    on_damage: OnDamage | None = None,
) -> Iterator[tuple[RunState, pa.Table]]:
    """Yield runs with their curves, in any order; no run is kept in memory after its turn.

    Args:
        view: Where the runs were found.
        states: The runs, each once.
        keys: Only the values of these metrics; all by default.
        detail: Where to look for what the branch has a preview of. Runs whose curves have to be fetched come later,
            for then all can be asked for at once.
        on_damage: Is told of a damaged run, which is then left out. By default it is raised.

    Yields:
        The run, and what :func:`gtrack.ops.curves.curves` returns of it.

    Raises:
        DamageError: A file is damaged or missing; the message names the run.
        NotFoundError: All of it is wanted, and cannot be had; likewise.
    """
    source = CurveSource(view.repo, detail)
    ordered = sorted(states, key=lambda state: state.id)  # runs that lie together are listed together
    for at in range(0, len(ordered), _AT_ONCE):
        waiting: list[tuple[RunState, RunFiles]] = []
        for state, read in _readers(view, ordered[at : at + _AT_ONCE], keys, source):
            try:
                table = _read(state, read, on_damage)
            except _WaitsError as waits:
                waiting.append((state, waits.files))
            else:
                yield from _yielded(state, table)
        source.bring(found for _, files in waiting for found in stored_curves(files))
        for state, files in waiting:
            again = partial(curves_of, state, files, view.spool(state.id), view.repo.read_blob, keys, source)
            yield from _yielded(state, _read(state, again, on_damage))


def _read(state: RunState, read: Callable[[], pa.Table], on_damage: OnDamage | None) -> pa.Table | None:
    """Return the curves of a run; None for a damaged one that was told of."""
    try:
        return read()
    except NotFoundError as error:
        raise NotFoundError(f"run {state.id[:SHORT]}: {error.message}", hint=error.hint) from error
    except DamageError as error:
        if on_damage is None:
            raise DamageError(f"run {state.id[:SHORT]}: {error.message}", hint=error.hint) from error
        on_damage(state, error)
        return None


def _yielded(state: RunState, table: pa.Table | None) -> Iterator[tuple[RunState, pa.Table]]:
    if table is not None:
        yield state, table


def _readers(
    view: View, states: Sequence[RunState], keys: frozenset[str] | None, source: CurveSource
) -> Iterator[tuple[RunState, Callable[[], pa.Table]]]:
    """Yield each run with what reads its curves, to be called at once."""
    left = {state.id: state for state in states}
    if len(states) >= _MANY and view.repo.git is not None:
        with closing(read_runs(view.repo, view.trees, frozenset(left), also=_holds_curves)) as runs:
            for run_id, entries, blobs in runs:
                state = left.pop(run_id)
                yield state, partial(_from_contents, view, state, entries, blobs, keys, source)
    for state in left.values():  # few, or live
        yield state, partial(_from_view, view, state, keys, source)


def _from_contents(
    view: View,
    state: RunState,
    entries: Iterable[FileEntry],
    blobs: Mapping[str, bytes],
    keys: frozenset[str] | None,
    source: CurveSource,
) -> pa.Table:
    files = _unless_absent(documents_of(state.id, entries, blobs), source)
    return curves_of(state, files, view.spool(state.id), blobs.__getitem__, keys, source)


def _from_view(view: View, state: RunState, keys: frozenset[str] | None, source: CurveSource) -> pa.Table:
    files = _unless_absent(view.files(state.id), source)
    return curves_of(state, files, view.spool(state.id), view.repo.read_blob, keys, source)


def _unless_absent(files: RunFiles, source: CurveSource) -> RunFiles:
    if source.absent(stored_curves(files)):
        raise _WaitsError(files)
    return files


def _holds_curves(path: str) -> bool:
    return path.startswith(("metrics-", "preview-")) and path.endswith(".parquet")


def one_table(ids: Sequence[str], found: Sequence[tuple[str, Any]]) -> pa.Table:
    """Put the tables of runs below each other.

    Args:
        ids: The ids of all runs, in order.
        found: The tables of those that have values, likewise.
    """
    import numpy as np
    import pyarrow as pa

    tables = [table for _, table in found] or [empty_table()]
    place = {run_id: at for at, run_id in enumerate(ids)}
    run = np.repeat(np.array([place[run_id] for run_id, _ in found], np.int32), [len(table) for _, table in found])
    columns: dict[str, Any] = {
        "run": pa.DictionaryArray.from_arrays(pa.array(run, pa.int32()), pa.array(ids, pa.string())),
        "key": _joined_keys([table["key"].combine_chunks() for table in tables]),
    }
    for name in ("step", "time", "value"):
        columns[name] = pa.chunked_array([chunk for table in tables for chunk in table[name].chunks]).combine_chunks()
    if any("rank" in table.column_names for table in tables):
        none = (pa.nulls(len(table), pa.int32()) for table in tables)
        ranks = (
            table["rank"] if "rank" in table.column_names else nulls for table, nulls in zip(tables, none, strict=True)
        )
        columns["rank"] = pa.concat_arrays([chunk for rank in ranks for chunk in getattr(rank, "chunks", [rank])])
    return pa.table(columns)


def _joined_keys(columns: Sequence[Any]) -> pa.DictionaryArray:
    """Join dictionary arrays into one whose dictionary is sorted."""
    import numpy as np
    import pyarrow as pa

    names = sorted({name for column in columns for name in column.dictionary.to_pylist()})
    place = {name: at for at, name in enumerate(names)}
    codes = []
    for column in columns:
        own = np.array([place[name] for name in column.dictionary.to_pylist()], np.int32)
        codes.append(own[column.indices.to_numpy()] if len(column) else np.empty(0, np.int32))
    return pa.DictionaryArray.from_arrays(pa.array(np.concatenate(codes)), pa.array(names, pa.string()))
