"""The curves that charts are made from: what this clone has of them, kept as long as it stays the same."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import streamlit as st

from gtrack._app.reading import Reading, kept
from gtrack._app.screens.charts.runs import stamp_of
from gtrack.format.preview import MARK
from gtrack.model.state import RunState
from gtrack.ops.curve_source import Detail
from gtrack.ops.many_curves import many_curves
from gtrack.ops.view import View

__all__ = ["Preview", "batches", "fetch_whole", "preview_in", "read_curves"]

_FETCHED = "charts.fetched"
_MOST_POINTS = 2_000_000
"""The points of a table: 64 MB, which are kept. Each more table is a further look into the files of all runs."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Runs whose whole curves are in a store only.

    Attributes:
        ids: The runs.
        shown: How many points are at hand, those of other runs included.
        points: How many there are in truth.
    """

    ids: tuple[str, ...] = ()
    shown: int = 0
    points: int = 0

    def __or__(self, other: Preview) -> Preview:
        ids = dict.fromkeys((*self.ids, *other.ids))
        return Preview(tuple(ids), self.shown + other.shown, self.points + other.points)


def read_curves(now: Reading, states: Sequence[RunState], keys: Collection[str]) -> pa.Table:
    """Return the curves of runs, as far as this clone has them: no store is asked.

    Runs that have ended are read once, and those that are being written whenever something changes.

    Args:
        now: The repository.
        states: The runs.
        keys: The metrics.
    """
    settled = [state for state in states if state.ended is not None and not state.live]
    moving = [state for state in states if state.ended is None or state.live]
    wanted = frozenset(keys)
    tables = [_read(now, part, wanted) for part in (settled, moving) if part]
    if len(tables) != 2:
        return tables[0] if tables else _read(now, [], wanted)
    metadata = _joined(tables)
    return pa.concat_tables(tables, promote_options="default").unify_dictionaries().replace_schema_metadata(metadata)


def batches(states: Sequence[RunState], keys: Sequence[str], most: int = _MOST_POINTS) -> Iterator[list[str]]:
    """Yield metrics in groups, each of at most so many points of all runs; one metric at least.

    Args:
        states: The runs.
        keys: The metrics, in order.
        most: The points.
    """
    batch: list[str] = []
    points = 0
    for key in keys:
        count = sum(state.metrics[key].count for state in states if key in state.metrics)
        if batch and points + count > most:
            yield batch
            batch, points = [], 0
        batch.append(key)
        points += count
    if batch:
        yield batch


def preview_in(table: pa.Table) -> Preview:
    """Return whose curves in a table are a preview."""
    text = (table.schema.metadata or {}).get(MARK.encode())
    if text is None:
        return Preview()
    said = json.loads(text)
    return Preview(tuple(said.get("runs", ())), len(table), said["points"])


def fetch_whole(now: Reading, states: Sequence[RunState], keys: Collection[str]) -> Preview:
    """Fetch whole curves from the store, and return what could not be had."""
    view = View(now.repo.repository)
    table = many_curves(((view, state) for state in states), frozenset(keys), Detail.BEST)
    st.session_state[_FETCHED] = now.now_us
    return preview_in(table)


def _read(now: Reading, states: Sequence[RunState], keys: frozenset[str]) -> pa.Table:
    def answer() -> pa.Table:
        view = View(now.repo.repository)
        return many_curves(((view, state) for state in states), keys, Detail.AT_HAND)

    fetched = st.session_state.get(_FETCHED, 0)
    return kept(("charts.curves", stamp_of(now, states), tuple(sorted(keys)), fetched), answer)


def _joined(tables: Sequence[pa.Table]) -> dict[str, str] | None:
    """Return what the metadata of tables come to below each other."""
    found = [preview_in(table) for table in tables]
    ids = [run_id for each in found for run_id in each.ids]
    points = sum(each.points or len(table) for each, table in zip(found, tables, strict=True))
    return {MARK: json.dumps({"points": points, "runs": ids})} if ids else None
