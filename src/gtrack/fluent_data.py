"""The functions that record the data of the active run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gtrack.fluent import current_run

__all__ = ["log_data", "log_input"]


def log_data(
    name: str,
    data: Any,
    role: str | None = None,
    *,
    features: Sequence[str] | None = None,
    source: object = None,
) -> dict[str, object]:
    """Record what data the active run uses, by a fingerprint of its content; see :meth:`gtrack.Run.log_data`."""
    return current_run().log_data(name, data, role, features=features, source=source)


def log_input(dataset: Any, context: str | None = None, tags: Mapping[str, object] | None = None) -> dict[str, object]:
    """Record data of the active run in MLflow's way; see :meth:`gtrack.Run.log_input`."""
    return current_run().log_input(dataset, context, tags)
