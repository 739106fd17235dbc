"""gtrack: an ML experiment tracker whose database is your git repository.

Example:
    >>> import gtrack
    >>> with gtrack.start_run(experiment="churn", params={"lr": 0.05}) as run:
    ...     for step in range(100):
    ...         run.log({"train_loss": 0.3, "val_auc": 0.9}, step=step)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtrack import errors
from gtrack.fluent import (
    active_run,
    define_metric,
    end_run,
    log,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    note,
    set_experiment,
    set_seed,
    set_tag,
    set_tags,
    start_run,
)
from gtrack.run import Run

if TYPE_CHECKING:
    from gtrack.reader import RecordedRun, Repo

__all__ = [
    "RecordedRun",
    "Repo",
    "Run",
    "active_run",
    "define_metric",
    "end_run",
    "errors",
    "log",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "note",
    "set_experiment",
    "set_seed",
    "set_tag",
    "set_tags",
    "start_run",
]

__version__ = "0.1.0"

_LAZY = {"RecordedRun": "gtrack.reader", "Repo": "gtrack.reader"}


def __getattr__(name: str) -> Any:
    """Import the reading side when it is first asked for: training does not need it."""
    if name not in _LAZY:
        raise AttributeError(f"module 'gtrack' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
