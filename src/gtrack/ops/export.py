"""Exporting: runs as a table with all their facts, and their curves as a dataset beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gtrack import __version__
from gtrack.clock import iso, now_ns
from gtrack.errors import DamageError
from gtrack.model.state import RunState
from gtrack.ops.export_curves import CurveFiles, write_parquet
from gtrack.ops.export_place import Directory, open_directory
from gtrack.ops.many_curves import each_with_curves
from gtrack.ops.view import View

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FACTS", "Exported", "export_dataset", "with_facts"]

FACTS = ("summary", "code", "environment", "data", "seed", "uses", "sessions", "error", "notes", "rejected")
"""The facts that are maps or lists: JSON text in a table. The summary has the best values of metrics too."""


@dataclass
class Exported:
    """What was exported.

    Attributes:
        runs: How many runs.
        points: How many points of curves.
        files: The paths of the files, below the place.
        damaged: The runs whose curves were left out, by id, and why.
        previews: The runs whose curves are a preview, since the whole is neither here nor in a store that can be
            reached: how many points there are in truth, by id.
    """

    runs: int = 0
    points: int = 0
    files: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    previews: dict[str, int] = field(default_factory=dict)


def with_facts(table: pa.Table, states: Iterable[RunState]) -> pa.Table:
    """Return a table of runs with :data:`FACTS` as further columns, null where there is nothing to say.

    Args:
        table: One row a run.
        states: The runs, likewise.
    """
    import pyarrow as pa

    columns: dict[str, list[str | None]] = {name: [] for name in FACTS}
    for state in states:
        facts = state.to_dict()
        facts["summary"] = facts["metrics"]
        for name, column in columns.items():
            column.append(_json(facts[name]) if facts[name] else None)
    for name, column in columns.items():
        table = table.append_column(name, pa.array(column, pa.string()))
    return table


def export_dataset(
    target: str,
    table: pa.Table,
    groups: Iterable[tuple[View, Sequence[RunState]]],
    keys: frozenset[str] | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write runs and their curves as a dataset: ``runs/part-00000.parquet`` and :mod:`gtrack.ops.export_curves`.

    Args:
        target: A path, or a URL that fsspec knows; what is seen there is whole or nothing.
        table: One row a run.
        groups: The runs, each once, by the view that they were found in.
        keys: Only the curves of these metrics; all by default.
        overwrite: Put it in the place of an earlier export.
        progress: Is told how many runs are written.

    Returns:
        What was written. Runs whose curves are damaged are there without them.

    Raises:
        UsageError: The place is taken, or cannot be written.
        MissingExtraError: The URL needs a package that is not installed.
        NetworkError: The place cannot be reached.
    """
    place = open_directory(target, overwrite=overwrite)
    try:
        return _fill(place, table, groups, keys, progress)
    except BaseException:
        place.abandon()
        raise


def _fill(
    place: Directory,
    table: pa.Table,
    groups: Iterable[tuple[View, Sequence[RunState]]],
    keys: frozenset[str] | None,
    progress: Callable[[int], None],
) -> Exported:
    done = Exported(runs=len(table))
    with place.create(f"runs/part-00000{place.mark}.parquet") as file:
        write_parquet(table, file)
    curves = CurveFiles(place)

    def damaged(state: RunState, error: DamageError) -> None:
        done.damaged[state.id] = error.message

    count = 0
    for view, states in groups:
        for state, points in each_with_curves(view, states, keys, on_damage=damaged):
            curves.add(state.id, state.experiment, points)
            count += 1
            progress(count)
    curves.finish()
    done.points, done.files, done.previews = curves.points, list(place.files), curves.previews
    place.finish(
        {
            "gtrack": __version__,
            "format": 1,
            "created": iso(now_ns() // 1000),
            "runs": done.runs,
            "points": done.points,
            "keys": None if keys is None else sorted(keys),
            "damaged": done.damaged,
            "previews": done.previews,
        }
    )
    return done


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
