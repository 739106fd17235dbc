"""MLflow on its file store (``GTRACK_BENCH_STORE=file``) or on SQLite.

https://mlflow.org/docs/latest/ml/tracking/: a value is logged with ``log_metric``, several with ``log_metrics``.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

_FILE = os.environ.get("GTRACK_BENCH_STORE") == "file"
_place = ""
mlflow: Any = None


def prepare(place: str) -> None:
    global _place, mlflow  # noqa: PLW0603
    _place = place
    os.environ.update(
        MLFLOW_TRACKING_URI=f"file://{place}/mlruns" if _FILE else f"sqlite:///{place}/mlflow.db",
        MLFLOW_ALLOW_FILE_STORE="true",
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
    )
    os.chdir(place)
    import mlflow as module  # type: ignore[import-not-found, unused-ignore]

    mlflow = module
    if not os.path.exists(os.path.join(place, "prepared")):
        mlflow.set_experiment("bench")
        with open(os.path.join(place, "prepared"), "w", encoding="utf-8"):
            pass
    else:
        mlflow.set_experiment("bench")


def start(name: str) -> None:
    mlflow.start_run(run_name=name)


def log(values: dict[str, float], step: int) -> None:
    if len(values) == 1:
        for key, value in values.items():
            mlflow.log_metric(key, value, step=step)
    else:
        mlflow.log_metrics(values, step=step)


def finish() -> None:
    mlflow.end_run()


def count(key: str) -> int:
    if not _FILE:
        with sqlite3.connect(f"{_place}/mlflow.db") as database:
            return int(database.execute("select count(*) from metrics where key = ?", (key,)).fetchone()[0])
    total = 0
    for at, _, names in os.walk(os.path.join(_place, "mlruns")):
        if os.path.basename(at) == "metrics" and key in names:
            with open(os.path.join(at, key), "rb") as file:
                total += sum(line.endswith(b"\n") for line in file)
    return total


def stored() -> int:
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(_place) for name in names)
