"""Checkpoints of a live run: captured while training goes on, the best or the last of them kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gtrack.run_artifacts import ArtifactLogging

if TYPE_CHECKING:
    from gtrack.checkpointing import Checkpointing
    from gtrack.media.checkpoints import Checkpoint
    from gtrack.model.goal import Direction

__all__ = ["CheckpointLogging"]


class CheckpointLogging(ArtifactLogging):
    """The part of :class:`gtrack.Run` that keeps checkpoints."""

    experiment: str

    def log_checkpoint(
        self, path: str | os.PathLike[str], step: int | None = None, keep: str = "all", name: str | None = None
    ) -> str:
        """Keep a checkpoint as it is now, and free those that are not to be kept any longer.

        A checkpoint is judged by the value that the metric has at its step, else by the last one logged, so log the
        metric first. Which values are better says :meth:`define_metric`, the policy itself (``best:my_metric:3:min``),
        the metric's usual name, or the experiment's goal; where nobody knows, nothing is freed, and a warning says so.
        A checkpoint that would not be among the best is not even copied. A resumed run goes on with what its earlier
        sessions kept.

        Args:
            path: The file, or the folder with all that is in it.
            step: Its step; without one that of the metric's last value, else the next integer.
            keep: ``all``, ``last:2`` or ``best:val_loss:3``; counted among checkpoints of the same name.
            name: What these checkpoints are called, if a run has several kinds.

        Returns:
            The path of the file, or of the folder, among the run's artifacts; empty when it was not kept.

        Example:
            >>> run.log({"val_loss": 0.31}, step=10)
            >>> run.log_checkpoint("model.pt", step=10, keep="best:val_loss:3")
            'checkpoints/step-10/model.pt'
        """
        return self._checkpointing().log(path, step, keep, name)

    def best_checkpoint(self, name: str | None = None) -> Checkpoint | None:
        """Return the best checkpoint kept so far, by its metric; None where none has a value to go by.

        Args:
            name: What it is called, if a run has several kinds.

        Example:
            >>> run.best_checkpoint().step
            10
        """
        return self._checkpointing().best(name)

    def _checkpointing(self) -> Checkpointing:
        """Return what keeps them. Most runs need none of it."""
        from gtrack.checkpointing import Checkpointing

        # One for each process: a lock that was held when a process was forked is never free in the child.
        kept: Checkpointing = self.__dict__.setdefault(f"_checkpointing_{os.getpid()}", Checkpointing(self))
        return kept

    def _note_goal(self, metric: str, goal: str) -> None:
        """Remember what :meth:`define_metric` said."""
        self._goals()[metric] = "min" if goal == "min" else "max"

    def _goals(self) -> dict[str, Direction]:
        goals: dict[str, Direction] = self.__dict__.setdefault("_said_goals", {})
        return goals
