"""Files of runs to take away: in the order of the page's table, with its columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gtrack.display.cells import csv_cell
from gtrack.errors import GtrackError
from gtrack.index.columns import one_of
from gtrack.index.fields import Field, Type, read_field
from gtrack.index.query import Query, sort_states
from gtrack.index.values import text_of
from gtrack.reader import RecordedRun, Repo
from gtrack.runs import Runs

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Download", "download_csv", "download_parquet", "download_table"]

_FIRST = ("id", "name")
"""What every file begins with: without them nobody knows of which runs it speaks."""


@dataclass(frozen=True, slots=True)
class Download:
    """What a file holds.

    Attributes:
        query: Which runs, and in what order.
        columns: The fields that were chosen, as they are written in the filter language; everything when empty.
        ids: Only these runs; all that match when empty.
    """

    query: Query
    columns: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def of(self, ids: Iterable[str]) -> Download:
        """Return the same of some runs alone."""
        return replace(self, ids=tuple(ids))

    @property
    def fields(self) -> list[Field]:
        """The fields that were chosen, those apart that every file begins with; a name that is no field is left out."""
        found: dict[Field, None] = {}
        for name in self.columns:
            try:
                field = read_field(name)
            except (GtrackError, ValueError):
                continue
            if field.scope != "attributes" or field.key not in _FIRST:
                found[field] = None
        return list(found)

    @property
    def contents(self) -> str:
        """What is said of each run, in words."""
        fields = self.fields
        if not self.columns:
            return "with every fact, param, metric and tag"
        return f"with id, name and {len(fields)} chosen column{'' if len(fields) == 1 else 's'}"


def download_table(repo: Repo, download: Download) -> pa.Table:
    """Return the table of a file.

    Args:
        repo: The repository.
        download: What it holds.

    Returns:
        One row a run; columns as those of :meth:`gtrack.Runs.to_arrow`, and what else can be asked of runs.

    Raises:
        NotFoundError: One of the runs is not there.
    """
    import pyarrow as pa

    runs = _runs(repo, download)
    table = runs.to_arrow()
    if not download.columns:
        return table
    columns = {name: table[name] for name in _FIRST}
    for field in download.fields:
        name = field.key if field.scope == "attributes" else f"{field.scope}.{field.key}"
        if field.aggregate == "last" and name in table.column_names:
            columns[name] = table[name]
        else:
            columns[str(field)] = _array(field, runs)
    return pa.table(columns)


def download_csv(path: str, download: Download) -> bytes:
    """Return the runs as CSV."""
    from gtrack.ops.export_text import csv_text

    with Repo(path) as repo:
        return "".join(csv_text(download_table(repo, download), csv_cell)).encode()


def download_parquet(path: str, download: Download) -> bytes:
    """Return the runs as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with Repo(path) as repo:
        table = download_table(repo, download)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _runs(repo: Repo, download: Download) -> Runs:
    if not download.ids:
        return repo.find(download.query)
    found = {run.id: run for run in (repo.run(f"run:{run_id}") for run_id in download.ids)}
    order = sort_states((run.state for run in found.values()), download.query.order)
    return Runs(found[state.id] for state in order)


def _array(field: Field, runs: Iterable[RecordedRun]) -> Any:
    """Return an array of a field that is no column of the table of all runs."""
    import pyarrow as pa

    values = [one_of(field.values(run.state)) for run in runs]
    if field.type is Type.NUMBER:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if field.type is Type.TRUTH:
        return pa.array([value if isinstance(value, bool) else None for value in values], pa.bool_())
    return pa.array([None if value is None else text_of(value) for value in values], pa.string())
