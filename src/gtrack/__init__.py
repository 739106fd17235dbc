"""gtrack: an ML experiment tracker whose database is your git repository.

Example:
    >>> import gtrack
    >>> with gtrack.start_run(experiment="churn", params={"lr": 0.05}) as run:
    ...     for step in range(100):
    ...         run.log({"train_loss": 0.3, "val_auc": 0.9}, step=step)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gtrack import errors
    from gtrack.curve_tables import curves
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
    from gtrack.fluent_artifacts import log_artifact, log_artifacts, log_dict, log_text
    from gtrack.fluent_data import log_data, log_input
    from gtrack.fluent_lineage import use_artifact
    from gtrack.fluent_media import (
        best_checkpoint,
        log_audio,
        log_checkpoint,
        log_figure,
        log_histogram,
        log_image,
        log_table,
    )
    from gtrack.fluent_models import load_model, log_model
    from gtrack.fluent_registry import approve, delete_alias, promote, register_model, set_alias
    from gtrack.reader import RecordedRun, Repo
    from gtrack.run import Run
    from gtrack.runs import Runs
    from gtrack.searching import search_runs

__all__ = [
    "RecordedRun",
    "Repo",
    "Run",
    "Runs",
    "active_run",
    "approve",
    "best_checkpoint",
    "curves",
    "define_metric",
    "delete_alias",
    "end_run",
    "errors",
    "load_model",
    "log",
    "log_artifact",
    "log_artifacts",
    "log_audio",
    "log_checkpoint",
    "log_data",
    "log_dict",
    "log_figure",
    "log_histogram",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "note",
    "promote",
    "register_model",
    "search_runs",
    "set_alias",
    "set_experiment",
    "set_seed",
    "set_tag",
    "set_tags",
    "start_run",
    "use_artifact",
]

__version__ = "0.1.0"

_ELSEWHERE = {
    "RecordedRun": "gtrack.reader",
    "Repo": "gtrack.reader",
    "Run": "gtrack.run",
    "Runs": "gtrack.runs",
    "curves": "gtrack.curve_tables",
    **dict.fromkeys(("log_artifact", "log_artifacts", "log_dict", "log_text"), "gtrack.fluent_artifacts"),
    **dict.fromkeys(("log_data", "log_input"), "gtrack.fluent_data"),
    "best_checkpoint": "gtrack.fluent_media",
    **dict.fromkeys(
        ("log_audio", "log_checkpoint", "log_figure", "log_histogram", "log_image", "log_table"), "gtrack.fluent_media"
    ),
    **dict.fromkeys(("load_model", "log_model"), "gtrack.fluent_models"),
    **dict.fromkeys(("approve", "delete_alias", "promote", "register_model", "set_alias"), "gtrack.fluent_registry"),
    "search_runs": "gtrack.searching",
    "use_artifact": "gtrack.fluent_lineage",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: readers need not what training needs, nor the other way round."""
    if name not in __all__:
        raise AttributeError(f"module 'gtrack' has no attribute {name!r}")
    from importlib import import_module

    if name == "errors":
        return import_module("gtrack.errors")
    value = getattr(import_module(_ELSEWHERE.get(name, "gtrack.fluent")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, those not imported yet included."""
    return sorted({*globals(), *__all__})
