"""Run by an interpreter that has MLflow: log runs, search them, and say which were found.

Standard input and output are JSON: ``{"store", "runs", "cases"}`` and ``{"version", "runs", "found"}``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", GIT_PYTHON_REFRESH="quiet")
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402


def log(client: MlflowClient, experiment: str, run: dict) -> dict:
    tags = {"mlflow.user": run["user"]}
    made = client.create_run(experiment, start_time=run["start"], tags=tags, run_name=run["name"])
    run_id = made.info.run_id
    metrics = [Metric(key, value, run["start"] + step, step) for key, value, step in run["metrics"]]
    params = [Param(key, str(value)) for key, value in run["params"].items()]
    client.log_batch(run_id, metrics, params, [RunTag(key, str(value)) for key, value in run["tags"].items()])
    inputs = [
        DatasetInput(Dataset(name, digest, "local", "{}"), [InputTag("mlflow.data.context", context)])
        for name, digest, context in run["datasets"]
    ]
    if inputs:
        client.log_inputs(run_id, inputs)
    client.set_terminated(run_id, run["status"], run["end"])
    info = client.get_run(run_id).info
    return {"id": run_id, "start": info.start_time, "end": info.end_time}


def search(client: MlflowClient, experiment: str, text: str, order: list[str]) -> list[str] | str:
    try:
        return [run.info.run_id for run in client.search_runs([experiment], text, order_by=order)]
    except MlflowException as error:
        return " ".join(str(error).split())[:200]


def main() -> None:
    asked = json.load(sys.stdin)
    client = MlflowClient(asked["store"])
    experiment = client.create_experiment("search-run-guide", artifact_location="file:///nowhere")
    runs = [log(client, experiment, run) for run in asked["runs"]]
    ids = {f"id{number}": run["id"] for number, run in enumerate(runs)}
    found = [search(client, experiment, case["text"].format(**ids), case["order"]) for case in asked["cases"]]
    json.dump({"version": mlflow.__version__, "runs": runs, "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
