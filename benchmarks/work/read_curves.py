"""One metric of all runs into Arrow, by gtrack from git and by plain pyarrow from copies of the same files, in turns.

Both are warm: libraries imported, files in the page cache, the runs found. Prints the seconds of each round.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import gtrack
from gtrack.branch.bulk import read_runs
from gtrack.curve_tables import curves
from gtrack.ops.view import View


def copy_segments(repo: gtrack.Repo, folder: Path) -> list[Path]:
    """Write every run's Parquet file into a folder."""
    view = View(repo.repository)
    paths = []
    for run_id, entries, contents in read_runs(repo.repository, view.trees, view.run_ids, also=is_segment):
        path = folder / f"{run_id}.parquet"
        (oid,) = (oid for name, _, oid in entries if is_segment(name))
        path.write_bytes(contents[oid])
        paths.append(path)
    return paths


def is_segment(name: str) -> bool:
    """Tell whether a file of a run holds curves."""
    return name.startswith("metrics-")


def plain(paths: list[Path], key: str) -> pa.Table:
    """Read one metric of some files, as somebody without gtrack would, with the run each value is of."""
    tables = []
    for path in paths:
        table = pq.read_table(path, use_threads=False)
        table = table.filter(pc.equal(table["key"], key))
        tables.append(table.append_column("run", pa.repeat(path.stem, len(table))))
    return pa.concat_tables(tables)


def seconds(function: Callable[[], pa.Table], points: int) -> float:
    """Call a function, check what it read, and return how long that took."""
    began = perf_counter()
    table = function()
    took = perf_counter() - began
    assert len(table) == points, (len(table), points)
    return took


def main(rounds: int, key: str, points: int) -> None:
    """Measure both, after a round that does not count."""
    out: dict[str, list[float]] = {"gtrack": [], "plain": []}
    with gtrack.Repo(".") as repo, tempfile.TemporaryDirectory() as folder:
        paths, runs = copy_segments(repo, Path(folder)), repo.search()
        for _ in range(rounds + 1):
            out["gtrack"].append(seconds(lambda: curves(runs, key), points))
            out["plain"].append(seconds(lambda: plain(paths, key), points))
    print(json.dumps({name: times[1:] for name, times in out.items()}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
