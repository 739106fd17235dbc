"""How the machine did during a run: over time, and in total."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gtrack.format.parquet import decode_metrics
from gtrack.ops.curves import empty_table
from gtrack.ops.load import RunFiles
from gtrack.ops.seal_system import sealed_until, system_points, totals_of
from gtrack.ops.view import View
from gtrack.spool.directory import SpoolRun
from gtrack.spool.reading import Points

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Use", "system_curves", "system_use"]

_MOST_SAMPLES = 1 << 40
"""Beyond any run's: a file may say anything."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a run used of one thing.

    Attributes:
        mean: The mean of all samples.
        max: The largest.
        count: How many samples there are.
    """

    mean: float
    max: float
    count: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one file, or a live spool, has of one writer, up to the record before ``end``."""

    session: str
    writer: str
    end: int
    points: Points


def system_curves(view: View, run_id: str, keys: frozenset[str] | None) -> pyarrow.Table:
    """Return how the machine did over time; see :meth:`gtrack.reader.RecordedRun.system`.

    Raises:
        DamageError: A file is damaged or missing.
    """
    files, spool = view.files(run_id), view.spool(run_id)
    place = {session.id: number for number, session in enumerate(view.state(run_id).sessions)}
    pieces = [*_recorded(view, files, keys), *_live(spool, files, keys)]
    sessions = sorted(
        {piece.session for piece in pieces}, key=lambda session: (place.get(session, len(place)), session)
    )
    done: list[Points] = []
    first = 0
    for session in sessions:
        points = _once([piece for piece in pieces if piece.session == session])
        if len(points):
            # Every session counts its samples from 0.
            done.append(replace(points, step=points.step - int(points.step.min()) + first))
            first = int(done[-1].step.max()) + 1
    return _table(done) if done else empty_table()


def system_use(view: View, run_id: str) -> dict[str, Use]:
    """Return means and peaks of a run's use of CPU, memory and GPUs, by name without ``system/``.

    Of several machines, and of several sessions of a resumed run, the mean is over all samples, and the peak the
    highest on one of them.
    """
    told: dict[str, dict[str, Use]] = {}
    for doc in view.files(run_id).documents:
        if doc.kind in ("end", "summary"):
            told.update(_told(doc.body.get("system")))
    spool = view.spool(run_id)
    for writer in [] if spool is None else spool.writers():
        found = None if writer.id in told else system_points(writer)
        if found is not None:
            totals = totals_of(found.totals)
            told[writer.id] = {name: Use(total.mean, total.max, total.count) for name, total in totals.items()}
    out: dict[str, Use] = {}
    for uses in told.values():
        for name, use in uses.items():
            out[name] = _joined(out[name], use) if name in out else use
    return dict(sorted(out.items()))


def _joined(one: Use, other: Use) -> Use:
    count = one.count + other.count
    # Shares first: a product may be beyond what a float can be.
    return Use(one.mean * (one.count / count) + other.mean * (other.count / count), max(one.max, other.max), count)


def _told(system: object) -> Iterator[tuple[str, dict[str, Use]]]:
    """Yield what a document says of each writer's machine; anybody may have written it."""
    for writer, entries in system.items() if isinstance(system, Mapping) else ():
        if isinstance(entries, Mapping):
            found = {str(name): use for name, entry in entries.items() if (use := _use(entry)) is not None}
            yield str(writer), found


def _use(entry: object) -> Use | None:
    if not isinstance(entry, Mapping):
        return None
    mean, peak, count = (entry.get(name) for name in ("mean", "max", "count"))
    if type(count) is not int or not 0 < count < 1 << 53:
        return None
    if not isinstance(mean, int | float) or not isinstance(peak, int | float):
        return None
    try:
        found = Use(float(mean), float(peak), count)
    except OverflowError:
        return None
    return found if math.isfinite(found.mean) and math.isfinite(found.max) else None


def _recorded(view: View, files: RunFiles, keys: frozenset[str] | None) -> Iterator[_Piece]:
    for file, oid in files.of_kind("system"):
        if file.segment is not None:
            points = _points(decode_metrics(view.repo.read_blob(oid), keys))
            yield _Piece(file.segment.session, file.segment.writer, file.segment.end, points)


def _live(run: SpoolRun | None, files: RunFiles, keys: frozenset[str] | None) -> Iterator[_Piece]:
    for writer in [] if run is None else run.writers():
        first = sealed_until(files, writer.session, writer.id)
        found = system_points(writer, first)
        if found is not None and found.records > first:
            yield _Piece(writer.session, writer.id, found.records, _only(found.points(), keys))


def _only(points: Points, keys: frozenset[str] | None) -> Points:
    import numpy as np

    if keys is None:
        return points
    wanted = np.array([key in keys for key in points.keys] or [False], bool)
    return points.select(wanted[points.key]) if len(points) else points


def _points(table: pyarrow.Table) -> Points:
    import numpy as np

    key = table["key"].combine_chunks()
    rank = table["rank"].to_numpy() if "rank" in table.column_names else np.full(len(table), -1, np.int32)
    points = Points(
        key.dictionary.to_pylist(),
        key.indices.to_numpy().astype(np.int64),
        table["step"].to_numpy(),
        table["time"].cast("int64").to_numpy(),
        table["value"].to_numpy(),
        rank,
    )
    return points.select((points.step >= 0) & (points.step < _MOST_SAMPLES))


def _once(pieces: Sequence[_Piece]) -> Points:
    """Return the points of a session, each once: files of one writer overlap where two clones have sealed it.

    Of two points for the same samples the one from the file that reaches further is the whole one.
    """
    import numpy as np

    pieces = sorted(pieces, key=lambda piece: -piece.end)
    joined = _concatenated([piece.points for piece in pieces])
    writers = sorted({piece.writer for piece in pieces})
    writer = np.concatenate([np.full(len(piece.points), writers.index(piece.writer)) for piece in pieces])
    if not len(joined):
        return joined
    order = np.lexsort((joined.step, joined.key, writer))  # stable: of equals, the one that reaches furthest is first
    columns = np.stack([writer[order], joined.key[order], joined.step[order]])
    fresh = np.r_[True, (columns[:, 1:] != columns[:, :-1]).any(axis=0)]
    return joined.select(np.sort(order[fresh]))


def _concatenated(parts: Sequence[Points]) -> Points:
    """Return all points of some lists, over one list of keys."""
    import numpy as np

    keys = sorted({key for points in parts for key in points.keys})
    place = {key: number for number, key in enumerate(keys)}
    lookups = [np.array([place[key] for key in points.keys] or [0], np.int64) for points in parts]
    key = np.concatenate([lookup[points.key] for lookup, points in zip(lookups, parts, strict=True)])
    step, time, value, rank = (
        np.concatenate([getattr(points, name) for points in parts]) for name in ("step", "time", "value", "rank")
    )
    return Points(keys, key, step, time, value, rank)


def _table(parts: Sequence[Points]) -> pyarrow.Table:
    """Return points as a table, sorted by key, step, rank and time."""
    import numpy as np
    import pyarrow as pa

    points = _concatenated(parts)
    order = np.lexsort((points.time, points.rank, points.step, points.key))
    used, index = np.unique(points.key[order], return_inverse=True)
    names = pa.array([points.keys[number] for number in used.tolist()], pa.string())
    columns = {
        "key": pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), names),
        "step": pa.array(points.step[order], pa.int64()),
        "time": pa.array(points.time[order], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "value": pa.array(points.value[order], pa.float64()),
    }
    if (points.rank >= 0).any():
        rank = points.rank[order]
        columns["rank"] = pa.array(rank, pa.int32(), mask=rank < 0)
    return pa.table(columns)
