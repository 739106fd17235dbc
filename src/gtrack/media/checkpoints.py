"""Checkpoints: which artifacts make one, how they rank, and which of them a policy keeps."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from gtrack.errors import UsageError
from gtrack.model.artifact import Artifact
from gtrack.model.goal import Direction, usual_direction

__all__ = ["ALL", "UNNAMED", "Checkpoint", "Keep", "checkpoints_of", "parse_keep", "ranked", "superseded", "torn"]

UNNAMED = "checkpoint"
"""The name of checkpoints that were given none."""

_BEST = re.compile(r"best:(.+?):(\d{1,6})(?::(min|max))?\Z", re.DOTALL)
_LAST = re.compile(r"last:(\d{1,6})\Z")
_DIRECTIONS = ("min", "max")


@dataclass(frozen=True, slots=True)
class Keep:
    """Which checkpoints of a name are kept: ``all``, the ``last`` so many, or the ``best`` by a metric."""

    rule: Literal["all", "last", "best"]
    count: int = 0
    metric: str | None = None
    direction: Direction | None = None


ALL = Keep("all")
"""Every checkpoint is kept."""


def parse_keep(text: object) -> Keep:
    """Read a policy.

    Args:
        text: ``all``, ``last:2``, ``best:val_loss:3``, or with the direction said ``best:my_metric:3:min``.

    Raises:
        UsageError: It is none of these.

    Example:
        >>> parse_keep("best:val_loss:3")
        Keep(rule='best', count=3, metric='val_loss', direction=None)
    """
    if text == "all":
        return ALL
    if isinstance(text, str):
        last, best = _LAST.match(text), _BEST.match(text)
        if last and int(last[1]):
            return Keep("last", int(last[1]))
        if best and int(best[2]):
            direction = best[3]
            return Keep("best", int(best[2]), best[1], direction if direction in _DIRECTIONS else None)  # type: ignore[arg-type]  # narrowed by the test
    raise UsageError(f"keep is {text!r:.80}", hint='use "all", "last:2" or "best:val_loss:3"')


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that a run keeps: one file, or those of a folder.

    Attributes:
        name: What checkpoints of its kind are called; ``checkpoint`` by default.
        step: Its step.
        files: The paths of its files among the run's artifacts.
        folder: The path of the folder that they are in.
        size: In bytes, all files together.
        time: When it was logged, microseconds since the epoch.
        metric: The metric by which it was to be judged, or None.
        value: The value of that metric; None where it had none.
        value_step: The step of that value: the checkpoint's own, or the last one before it was logged.
        direction: ``min`` or ``max``: which values are better; None where nobody knows.
        rank: Its place among the run's checkpoints of this name and metric, 1 for the best; None where it has none.
        capture: What tells this checkpoint from another one of the same step.
    """

    name: str
    step: int
    files: tuple[str, ...] = ()
    folder: str = ""
    size: int = 0
    time: int = 0
    metric: str | None = None
    value: float | None = None
    value_step: int | None = None
    direction: Direction | None = None
    rank: int | None = None
    capture: str = field(default="", repr=False)


def checkpoints_of(artifacts: Mapping[str, Artifact]) -> list[Checkpoint]:
    """Return the checkpoints among a run's artifacts, by name and step, each with its rank.

    One that was being captured when its process was killed, and so lacks files, is none.

    Args:
        artifacts: The run's artifacts by path.
    """
    found = [_checkpoint(*group, files) for group, files in _captures(artifacts).items() if _is_whole(files)]
    return ranked(sorted(found, key=lambda one: (one.name, one.step, one.time)))


def torn(artifacts: Mapping[str, Artifact]) -> list[Artifact]:
    """Return the files of checkpoints that were being captured when their process was killed.

    Args:
        artifacts: The run's artifacts by path.
    """
    return [file for files in _captures(artifacts).values() if not _is_whole(files) for file in files]


def _captures(artifacts: Mapping[str, Artifact]) -> dict[tuple[str, int, str], list[Artifact]]:
    """Return the files of each checkpoint by its name, its step and what tells it from another of the same step."""
    out: dict[tuple[str, int, str], list[Artifact]] = {}
    for artifact in artifacts.values():
        name, step = artifact.media.get("key"), artifact.media.get("step")
        if artifact.media.get("kind") == "checkpoint" and isinstance(name, str) and type(step) is int:
            out.setdefault((name, step, str(artifact.media.get("capture"))), []).append(artifact)
    return out


def _is_whole(files: list[Artifact]) -> bool:
    return all(artifact.media.get("files") == len(files) for artifact in files)


def _checkpoint(name: str, step: int, capture: str, files: list[Artifact]) -> Checkpoint:
    said = files[0].media
    paths = tuple(sorted(artifact.path for artifact in files))
    metric, value, at, direction = (said.get(field) for field in ("metric", "value", "value_step", "direction"))
    return Checkpoint(
        name,
        step,
        paths,
        _common_folder(paths),
        sum(artifact.size for artifact in files),
        max(artifact.time for artifact in files),
        metric if isinstance(metric, str) else None,
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None,
        at if type(at) is int else None,
        direction if direction in _DIRECTIONS else None,  # type: ignore[arg-type]  # narrowed by the test
        capture=capture,
    )


def _common_folder(paths: tuple[str, ...]) -> str:
    return posixpath.commonpath([posixpath.dirname(path) for path in paths])


def ranked(checkpoints: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Return checkpoints in their order, each with its rank among those of its name and metric."""
    ordered = list(checkpoints)
    groups: dict[tuple[str, str | None], list[Checkpoint]] = {}
    for one in ordered:
        groups.setdefault((one.name, one.metric), []).append(one)
    ranks: dict[int, int] = {}
    for (_, metric), group in groups.items():
        direction = _direction(metric, group)
        if direction is not None:
            best_first = sorted(filter(_is_judged, group), key=lambda one: _badness(one, direction))
            ranks |= {id(one): rank for rank, one in enumerate(best_first, 1)}
    return [replace(one, rank=ranks.get(id(one))) for one in ordered]


def superseded(checkpoints: Iterable[Checkpoint], keep: Keep, direction: Direction | None) -> list[Checkpoint]:
    """Return the checkpoints that a policy no longer keeps.

    By ``best``, those of another metric are left alone, and without a direction all are: what was freed on a wrong
    guess could not be brought back. Those that have no value come after those that have one, older ones last.

    Args:
        checkpoints: All of one name.
        keep: The policy.
        direction: Which values of its metric are better, or None.
    """
    everything = list(checkpoints)
    if keep.rule == "last":
        # By time: a run that was resumed from an earlier step goes on from there.
        return sorted(everything, key=lambda one: (one.time, one.step), reverse=True)[keep.count :]
    if keep.rule == "best" and direction is not None:
        concerned = [one for one in everything if one.metric == keep.metric]
        return sorted(concerned, key=lambda one: _badness(one, direction))[keep.count :]
    return []


def _direction(metric: str | None, group: list[Checkpoint]) -> Direction | None:
    """Return the direction that the newest checkpoint was judged by, else the one that the metric's name suggests."""
    said = [one.direction for one in sorted(group, key=lambda one: one.time) if one.direction is not None]
    return said[-1] if said else usual_direction(metric) if metric is not None else None


def _is_judged(checkpoint: Checkpoint) -> bool:
    return checkpoint.value is not None and not math.isnan(checkpoint.value)


def _badness(checkpoint: Checkpoint, direction: Direction) -> tuple[bool, float, int, int]:
    """Return a key that sorts the best first; of equal ones the earlier step."""
    value = checkpoint.value
    if value is None or math.isnan(value):
        return True, 0.0, -checkpoint.time, -checkpoint.step
    return False, value if direction == "min" else -value, checkpoint.step, -checkpoint.time
