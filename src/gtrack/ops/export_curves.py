"""The curves of any number of runs as a dataset of Parquet files that DuckDB, Spark, Dask and Polars read as it is.

``curves/experiment=<name>/part-00000.parquet``: several runs a file, sorted by key, run, step and time. By experiment
alone and not by key as well, for a few hundred metrics in a few hundred experiments would be as many thousands of small
files; who asks for one key reads the row groups whose statistics have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtrack.ids import sha12, slug
from gtrack.ops.curves import preview_of
from gtrack.ops.export_place import Directory
from gtrack.ops.many_curves import one_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FOLDER", "CurveFiles", "write_parquet"]

FOLDER = "curves"
_FILE_ROWS = 1_000_000
"""The most points of one file."""
_HELD_ROWS = 4_000_000
"""The most points that are kept in memory, about 200 MB."""
_GROUP_ROWS = 64 << 10
_MAX_NAME = 255


class CurveFiles:
    """Writes the curves of runs into a directory, with a bound on what is kept in memory.

    Args:
        place: The directory.
        file_rows: The most points of one file.
        held_rows: The most points that wait for others of their experiment.
    """

    def __init__(self, place: Directory, *, file_rows: int = _FILE_ROWS, held_rows: int = _HELD_ROWS) -> None:
        self.points = 0
        self.previews: dict[str, int] = {}
        """Runs whose curves are a preview, and how many points there are in truth."""
        self._place = place
        self._file_rows, self._held_rows = file_rows, held_rows
        self._waiting: dict[str, list[tuple[str, Any]]] = {}
        self._rows: dict[str, int] = {}
        self._number = 0

    def add(self, run_id: str, experiment: str, table: pa.Table) -> None:
        """Add the curves of a run, as :func:`gtrack.ops.curves.curves` returns them."""
        self.points += len(table)
        whole = preview_of(table)
        if whole is not None:
            self.previews[run_id] = whole
        for at in range(0, len(table), self._file_rows):
            piece = table.slice(at, self._file_rows)
            if self._rows.get(experiment, 0) + len(piece) > self._file_rows:
                self._write(experiment)
            self._waiting.setdefault(experiment, []).append((run_id, piece))
            self._rows[experiment] = self._rows.get(experiment, 0) + len(piece)
            if sum(self._rows.values()) > self._held_rows:
                self._write(max(self._rows, key=self._rows.__getitem__))

    def finish(self) -> None:
        """Write what waits. A dataset without any points has one empty file, which says what its columns are."""
        for experiment in sorted(self._waiting):
            self._write(experiment)
        if not self._number:
            self._rows["default"] = 0
            self._write("default")

    def _write(self, experiment: str) -> None:
        """Write the points of an experiment that wait into one file."""
        found = self._waiting.pop(experiment, [])
        if self._rows.pop(experiment, None) is None:
            return
        name = f"{FOLDER}/{_folder(experiment)}/part-{self._number:05}{self._place.mark}.parquet"
        self._number += 1
        with self._place.create(name) as file:
            write_parquet(_by_key(found), file, group_rows=_GROUP_ROWS)


def write_parquet(table: pa.Table, file: Any, *, group_rows: int | None = None) -> None:
    """Write a table as Parquet that every reader knows, statistics included.

    Args:
        table: The table.
        file: What to write to.
        group_rows: The most rows of a row group.
    """
    import pyarrow.parquet as pq

    pq.write_table(table, file, compression="zstd", row_group_size=group_rows, store_schema=False)


def _by_key(found: list[tuple[str, Any]]) -> pa.Table:
    """Return the tables of runs as one, sorted by key, run, step and time; with ranks, so that all files are alike."""
    import numpy as np
    import pyarrow as pa

    ids = list(dict.fromkeys(run_id for run_id, _ in found))
    table = one_table(ids, found)
    if "rank" not in table.column_names:
        table = table.append_column("rank", pa.nulls(len(table), pa.int32()))
    key, run = (table[name].combine_chunks().indices.to_numpy().astype(np.int64) for name in ("key", "run"))
    # Within a run and a key they are sorted already, and a stable sort leaves it at that.
    order = np.argsort(key * max(1, len(ids)) + run, kind="stable")
    return table.take(pa.array(order))


def _folder(experiment: str) -> str:
    """Return the folder of an experiment, percent-encoded as Hive and its readers have it."""
    name = slug(experiment)
    folder = f"experiment={name}"
    if len(folder) > _MAX_NAME:
        return f"experiment={slug(experiment[:40])}-{sha12(experiment.encode('utf-8', 'surrogatepass'))}"
    return folder
