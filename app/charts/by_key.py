"""A table of curves, taken apart: of each metric the curves of the runs that have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gtrack._app.charts.chart_run import ChartRun
from gtrack.plot.charts import Curve

__all__ = ["curves_by_key"]


def curves_by_key(table: pa.Table, runs: Sequence[ChartRun]) -> dict[str, dict[str, Curve]]:
    """Return the curves in a table: of each metric those of the runs that have it."""
    wanted = {run.id for run in runs}
    if not len(table) or not wanted:
        return {}
    key, keys = _codes(table["key"])
    run, ids = _codes(table["run"]) if "run" in table.column_names else (np.zeros_like(key), [runs[0].id])
    order, starts = _stretches(run.astype(np.int64) * len(keys) + key)
    rank = np.full(len(table), -1, np.int64)
    if "rank" in table.column_names:
        rank = table["rank"].fill_null(-1).to_numpy().astype(np.int64)
    columns = [table["step"].to_numpy(), table["time"].cast(pa.int64()).to_numpy(), table["value"].to_numpy(), rank]
    if order is not None:
        run, key, *columns = (column[order] for column in (run, key, *columns))
    found: dict[str, dict[str, Curve]] = {}
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(table)], strict=True):
        if ids[run[first]] in wanted:
            part = Curve(*(column[first:last] for column in columns))
            found.setdefault(keys[key[first]], {})[ids[run[first]]] = part
    return found


def _codes(column: pa.ChunkedArray) -> tuple[Any, list[str]]:
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    if not pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_encode()
    return whole.indices.to_numpy(), whole.dictionary.to_pylist()


def _stretches(code: Any) -> tuple[Any, Any]:
    """Return the order that brings equal codes together, None where they are, and where each begins."""
    starts = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
    if len(np.unique(code[starts])) == len(starts):
        return None, starts
    order = np.argsort(code, kind="stable")
    code = code[order]
    return order, np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
