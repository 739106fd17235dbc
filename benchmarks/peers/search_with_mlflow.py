"""The same runs in MLflow on SQLite, and its search: ``python search_with_mlflow.py populate|search OPTIONS``.

https://mlflow.org/docs/latest/ml/search/search-runs. MLflow makes the tables; the rows of all runs are then inserted
in one transaction, as ``log_batch`` and ``set_tag`` would leave them, which no way of logging comes near to.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

from search_clock import say_search
from search_facts import LIMIT, ORDER, WHERE, Facts, facts

_EXPERIMENT = "churn"
_STATUSES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_USER = "ada"
_RUNS = """\
insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,
source_version, lifecycle_stage, artifact_uri, experiment_id) values (?, ?, 'UNKNOWN', '', '', ?, ?, ?, ?, '',
'active', ?, ?)"""
_PARAMS = "insert into params (key, value, run_uuid) values (?, ?, ?)"
_TAGS = "insert into tags (key, value, run_uuid) values (?, ?, ?)"
_METRICS = "insert into {} (key, value, timestamp, step, is_nan, run_uuid) values (?, ?, ?, 0, 0, ?)"


def populate(place: str, runs: int, *, first: int = 0, seed: int = 0) -> None:
    """Add runs; the tables are made if there are none."""
    import mlflow  # type: ignore[import-not-found, unused-ignore]

    mlflow.set_tracking_uri(f"sqlite:///{place}.db")
    found = mlflow.get_experiment_by_name(_EXPERIMENT)
    experiment = int(found.experiment_id if found else mlflow.create_experiment(_EXPERIMENT))
    began = perf_counter()
    with sqlite3.connect(f"{place}.db") as connection:
        said = [facts(number, seed) for number in range(first, first + runs)]
        connection.executemany(_RUNS, (_run(run, experiment) for run in said))
        connection.executemany(_PARAMS, ((*item, run.id) for run in said for item in run.flat_params.items()))
        connection.executemany(_TAGS, (row for run in said for row in _tags(run)))
        for table in ("metrics", "latest_metrics"):
            connection.executemany(_METRICS.format(table), _metrics(said))
    connection.close()
    seconds = round(perf_counter() - began, 2)
    size = os.path.getsize(f"{place}.db")
    print(json.dumps({"tracker": f"mlflow {mlflow.__version__}", "runs": runs, "seconds": seconds, "bytes": size}))


def search(place: str, rounds: int) -> None:
    """Search, as MLflow's documentation shows it, for a list: a pandas table would take longer."""
    began = perf_counter()
    import mlflow

    find = mlflow.search_runs
    imported = perf_counter() - began
    mlflow.set_tracking_uri(f"sqlite:///{place}.db")

    def names() -> list[str]:
        found = find(
            experiment_names=[_EXPERIMENT],
            filter_string=WHERE,
            order_by=[ORDER],
            max_results=LIMIT,
            output_format="list",
        )
        return [run.info.run_name for run in found]

    say_search(imported, names, rounds=rounds)


def _run(run: Facts, experiment: int) -> tuple[object, ...]:
    began, ended = run.started // 1000, run.started // 1000 + int(run.seconds * 1000)
    return (run.id, run.name, _USER, _STATUSES[run.status], began, ended, f"mlruns/{run.id}", experiment)


def _tags(run: Facts) -> Iterator[tuple[str, str, str]]:
    own = {"mlflow.user": _USER, "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL"}
    family = {"mlflow.parentRunId": run.parent} if run.parent else {}
    for key, value in {**own, "mlflow.runName": run.name, **family, **run.tags}.items():
        yield key, value, run.id


def _metrics(said: Iterable[Facts]) -> Iterator[tuple[object, ...]]:
    for run in said:
        yield from ((key, value, run.started // 1000, run.id) for key, value in run.metrics.items())


_TASKS: dict[str, Callable[..., None]] = {"populate": populate, "search": search}


def main(task: str, options: str) -> None:
    """Do one task; what MLflow prints goes to stderr."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    _TASKS[task](**json.loads(options))


if __name__ == "__main__":
    main(*sys.argv[1:])
