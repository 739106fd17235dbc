"""The facts of a live run under the names that scripts written for MLflow read."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RunInfo"]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What ``mlflow.ActiveRun.info`` says and gtrack knows.

    Attributes:
        run_id: The run's id, 32 hex digits.
        run_name: Its name.
        experiment_id: The experiment's name, which is its identity here.
        status: ``RUNNING``, or how the run ended, in upper case.
    """

    run_id: str
    run_name: str
    experiment_id: str
    status: str
