"""The functions that keep artifacts of the active run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gtrack.fluent import current_run

if TYPE_CHECKING:
    from gtrack.run_artifacts import Source

__all__ = ["log_artifact", "log_artifacts", "log_dict", "log_text"]


def log_artifact(source: Source, artifact_path: str | None = None, *, name: str | None = None) -> str:
    """Keep a file or a folder with the active run; see :meth:`gtrack.Run.log_artifact`."""
    return current_run().log_artifact(source, artifact_path, name=name)


def log_artifacts(local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> list[str]:
    """Keep every file of a folder with the active run; see :meth:`gtrack.Run.log_artifacts`."""
    return current_run().log_artifacts(local_dir, artifact_path)


def log_text(text: str, artifact_file: str) -> str:
    """Keep a text as a file of the active run; see :meth:`gtrack.Run.log_text`."""
    return current_run().log_text(text, artifact_file)


def log_dict(dictionary: object, artifact_file: str) -> str:
    """Keep a map or a list as JSON or YAML with the active run; see :meth:`gtrack.Run.log_dict`."""
    return current_run().log_dict(dictionary, artifact_file)
