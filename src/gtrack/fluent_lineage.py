"""The function that takes an artifact of another run into the active one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.fluent import current_run

if TYPE_CHECKING:
    from gtrack.model.artifact import Artifact
    from gtrack.reader import RecordedRun

__all__ = ["use_artifact"]


def use_artifact(artifact: str | Artifact, *, run: str | RecordedRun | None = None) -> str:
    """Take an artifact of another run into the active run; see :meth:`gtrack.Run.use_artifact`."""
    return current_run().use_artifact(artifact, run=run)
