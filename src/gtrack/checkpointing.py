"""Which checkpoints of a live run are kept: judged by a metric, captured whole, the others freed."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from gtrack.clock import now_ns
from gtrack.errors import GtrackError, UsageError
from gtrack.format.artifact_path import canonical
from gtrack.media.checkpoints import (
    ALL,
    UNNAMED,
    Checkpoint,
    Keep,
    checkpoints_of,
    parse_keep,
    ranked,
    superseded,
    torn,
)
from gtrack.media.medium import media_key, reason_of, step_number
from gtrack.model.goal import Direction, usual_direction
from gtrack.ops.latest_values import MetricValues
from gtrack.spool.directory import SpoolRun
from gtrack.spool.folder import files_below

if TYPE_CHECKING:
    from gtrack.run_checkpoints import CheckpointLogging
    from gtrack.spool.writing import SpoolWriter

__all__ = ["Checkpointing"]


class _Kept:
    """What one process knows of its run's checkpoints."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.checkpoints: list[Checkpoint] | None = None
        self.values: dict[str, MetricValues] = {}

    def of(self, name: str) -> list[Checkpoint]:
        return [one for one in self.checkpoints or () if one.name == name]

    def replace(self, gone: list[Checkpoint], new: Checkpoint) -> None:
        captures = {one.capture for one in gone}
        self.checkpoints = [*(one for one in self.checkpoints or () if one.capture not in captures), new]


class Checkpointing:
    """The checkpoints of one run in one process.

    Args:
        run: The live run.
    """

    def __init__(self, run: CheckpointLogging) -> None:
        self._run = run
        self._known = _Kept()

    def log(self, path: str | os.PathLike[str], step: int | None, keep: str, name: str | None) -> str:
        """Keep a checkpoint; see :meth:`gtrack.Run.log_checkpoint`."""
        writer = self._run._recording.open((UNNAMED,))
        if writer is None:
            return ""
        local = ""
        try:
            local = os.fsdecode(os.fspath(path))
            called, at = media_key(UNNAMED if name is None else name), step_number(step)
            files = _files_of(local)
        except Exception as error:  # a path object may raise anything
            return self._run._refuse(canonical(local) if local else UNNAMED, reason_of(error))
        policy = self._policy(keep)
        with self._checkpoints(writer) as known:
            new = self._judged(known, writer, called, at, policy)
            captured = self._capture_checkpoint(known, files, new, policy)
        if captured is None:
            return ""
        return captured.files[0] if os.path.isfile(local) else captured.folder

    def best(self, name: str | None) -> Checkpoint | None:
        """Return the best one; see :meth:`gtrack.Run.best_checkpoint`."""
        writer = self._run._recording.open() if self._run._recording.status is None else None
        with self._checkpoints(writer) as known:
            found = ranked(known.of(UNNAMED if name is None else name))
        return max((one for one in found if one.rank == 1), key=lambda one: one.time, default=None)

    def _capture_checkpoint(
        self, known: _Kept, files: list[tuple[str, str]], new: Checkpoint, policy: Keep
    ) -> Checkpoint | None:
        """Capture a checkpoint if the policy keeps it, and take away those that have to give way."""
        others = [one for one in known.of(new.name) if one.step != new.step]
        if new in superseded([*others, new], policy, new.direction):
            return None
        same = [one for one in known.of(new.name) if one.step == new.step]
        folder = _folder(new.name, new.step)
        if any(len(one.files) > 1 for one in same) or (same and len(files) > 1):
            folder = canonical(f"{folder}~{new.capture}")  # a folder is not replaced in one go, as a file is
        captured = self._capture_files(files, replace(new, folder=folder), policy)
        if captured is None:
            return None
        # From here on the new one is there, whole. Being killed now leaves one too many, which the next call frees.
        gone = same + superseded([*others, captured], policy, new.direction)
        for file in sorted({file for one in gone for file in one.files} - set(captured.files)):
            self._run.remove_artifact(file)
        known.replace(gone, captured)
        return captured

    def _capture_files(self, files: list[tuple[str, str]], new: Checkpoint, policy: Keep) -> Checkpoint | None:
        """Capture every file, or none of them."""
        said = {"kind": "checkpoint", "key": new.name, "step": new.step, "capture": new.capture, "files": len(files)}
        if policy.metric is not None:
            said |= {"metric": new.metric, "value": new.value, "value_step": new.value_step, "direction": new.direction}
        size = 0
        captured: list[str] = []
        try:
            for local, inner in files:
                path = self._run.log_file(local, _distinct(f"{new.folder}/{inner}", captured), media=said)
                if not path:
                    break
                captured.append(path)
                with contextlib.suppress(OSError):
                    size += os.path.getsize(local)
        finally:
            if len(captured) < len(files):
                for path in captured:
                    self._run.remove_artifact(path)
        if len(captured) < len(files):
            return None
        return replace(new, files=tuple(sorted(captured)), size=size, time=now_ns() // 1000)

    # -- by what a checkpoint is judged

    def _judged(self, known: _Kept, writer: SpoolWriter, name: str, step: int | None, policy: Keep) -> Checkpoint:
        """Return the checkpoint that is to be captured, with its step and value."""
        found, direction = None, None
        if policy.metric is not None:
            if policy.metric not in known.values:
                known.values[policy.metric] = MetricValues(writer.folder, writer.stem + ".journal", policy.metric)
            found = known.values[policy.metric].at(step)
            direction = self._direction(known.of(name), policy)
            if found is None:
                self._run._recording.notices.warn(
                    f"{policy.metric!r:.80} has no value yet: this checkpoint counts as the worst; log the metric first"
                )
        value_step, value = found or (None, None)
        if step is None:
            step = value_step if value_step is not None else 1 + max((one.step for one in known.of(name)), default=-1)
        moment = now_ns() // 1000
        capture = os.urandom(4).hex()
        return Checkpoint(
            name,
            step,
            time=moment,
            metric=policy.metric,
            value=value,
            value_step=value_step,
            direction=direction,
            capture=capture,
        )

    def _direction(self, earlier: list[Checkpoint], policy: Keep) -> Direction | None:
        """Return which values of a policy's metric are better; None, and a warning, where nobody knows."""
        metric = policy.metric or ""
        found = policy.direction or self._run._goals().get(metric)
        if found is None:
            said = [one.direction for one in earlier if one.metric == metric and one.direction is not None]
            found = said[-1] if said else usual_direction(metric) or self._goal_of_experiment(metric)
        if found is None:
            self._run._recording.notices.warn(
                f"is a lower or a higher {metric!r:.80} better? Until that is said all checkpoints are kept: "
                f'gtrack.define_metric({metric!r:.80}, goal="min"), or keep="best:{metric:.80}:{policy.count}:min"'
            )
        return found

    def _goal_of_experiment(self, metric: str) -> Direction | None:
        from gtrack.ops.experiments import experiment_of

        repo = self._run._recording.repository()
        if repo is None:
            return None
        try:
            state = experiment_of(repo, self._run.experiment)
        except (GtrackError, OSError):
            return None
        goal = state.goal if state.metric == metric else None
        return goal if goal in ("min", "max") else None

    def _policy(self, keep: object) -> Keep:
        try:
            return parse_keep(keep)
        except UsageError as error:
            if self._run._recording.settings.strict:
                raise
            self._run._recording.notices.warn(f"{error}: all checkpoints are kept")
            return ALL

    # -- what is kept already

    @contextlib.contextmanager
    def _checkpoints(self, writer: SpoolWriter | None) -> Iterator[_Kept]:
        """Hold what is known; at first, and in a forked child again, that is what the run's files say."""
        known = self._known
        with known.lock:
            if known.checkpoints is None and writer is not None:
                known.checkpoints = self._earlier(writer)
            yield known

    def _earlier(self, writer: SpoolWriter) -> list[Checkpoint]:
        """Return the checkpoints of earlier sessions and of other processes; a run that begins here has none."""
        identity = self._run._recording.identity
        resumed = os.path.exists(os.path.join(writer.folder, f"{identity.session}.attempt.yaml"))
        repo = self._run._recording.repository()
        if repo is None or (identity.owner and not resumed):
            return []
        from gtrack.ops.artifacts import artifacts_of
        from gtrack.ops.view import View

        try:
            found = artifacts_of(repo, View(repo).trees, identity.run_id, [SpoolRun(writer.folder)])
        except (GtrackError, OSError) as error:
            self._run._recording.notices.warn(f"earlier checkpoints cannot be read, and stay as they are: {error}")
            return []
        for file in torn(found):
            if file.spooled is None:  # nobody is at it any more: its session has ended
                self._run.remove_artifact(file.path)
        return checkpoints_of(found)


def _folder(name: str, step: int) -> str:
    return f"checkpoints/step-{step}" if name == UNNAMED else canonical(f"checkpoints/{canonical(name)}/step-{step}")


def _files_of(path: str) -> list[tuple[str, str]]:
    """Return the files of a checkpoint: where they are, and their paths within it.

    Raises:
        UsageError: There is nothing to keep, or part of it cannot be.
    """
    if not os.path.isdir(path):
        if not os.path.exists(path):
            raise UsageError(f"there is no file {path:.200}")
        return [(path, os.path.basename(path))]
    found = files_below(path)
    if found.left_out:
        raise UsageError(f"{path:.200} cannot be kept whole: {', '.join(found.left_out[:3])}")
    if not found.files:
        raise UsageError(f"the folder {path:.200} is empty")
    return found.files


def _distinct(path: str, taken: list[str]) -> str:
    """Return a safe path that is not taken: two names of a folder may come to one."""
    name, number = canonical(path), 2
    while name in taken:
        name, number = canonical(f"{path}~{number}"), number + 1
    return name
