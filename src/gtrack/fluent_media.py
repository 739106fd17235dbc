"""The functions that keep media and checkpoints of the active run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.fluent import current_run

if TYPE_CHECKING:
    from gtrack.media.checkpoints import Checkpoint

__all__ = [
    "best_checkpoint",
    "log_audio",
    "log_checkpoint",
    "log_figure",
    "log_histogram",
    "log_image",
    "log_table",
]


def log_image(
    image: object,
    key: str | None = None,
    step: int | None = None,
    *,
    caption: str | None = None,
    channels: str | None = None,
    artifact_file: str | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,
) -> str:
    """Keep an image with the active run; see :meth:`gtrack.Run.log_image`."""
    return current_run().log_image(
        image,
        key,
        step,
        caption=caption,
        channels=channels,
        artifact_file=artifact_file,
        timestamp=timestamp,
        synchronous=synchronous,
    )


def log_figure(
    figure: object,
    key: str | None = None,
    step: int | None = None,
    *,
    caption: str | None = None,
    artifact_file: str | None = None,
    save_kwargs: Mapping[str, object] | None = None,
) -> str:
    """Keep a figure of matplotlib or plotly with the active run; see :meth:`gtrack.Run.log_figure`."""
    return current_run().log_figure(
        figure, key, step, caption=caption, artifact_file=artifact_file, save_kwargs=save_kwargs
    )


def log_table(
    data: object,
    key: str | None = None,
    step: int | None = None,
    *,
    columns: Sequence[str] | None = None,
    caption: str | None = None,
    artifact_file: str | None = None,
) -> str:
    """Keep a table with the active run; see :meth:`gtrack.Run.log_table`."""
    return current_run().log_table(data, key, step, columns=columns, caption=caption, artifact_file=artifact_file)


def log_histogram(
    values: object, key: str, step: int | None = None, *, bins: int = 64, caption: str | None = None
) -> str:
    """Keep a histogram with the active run; see :meth:`gtrack.Run.log_histogram`."""
    return current_run().log_histogram(values, key, step, bins=bins, caption=caption)


def log_audio(
    sound: object,
    key: str,
    step: int | None = None,
    *,
    sample_rate: int | None = None,
    caption: str | None = None,
) -> str:
    """Keep sound with the active run; see :meth:`gtrack.Run.log_audio`."""
    return current_run().log_audio(sound, key, step, sample_rate=sample_rate, caption=caption)


def log_checkpoint(
    path: str | os.PathLike[str], step: int | None = None, keep: str = "all", name: str | None = None
) -> str:
    """Keep a checkpoint with the active run; see :meth:`gtrack.Run.log_checkpoint`."""
    return current_run().log_checkpoint(path, step, keep, name)


def best_checkpoint(name: str | None = None) -> Checkpoint | None:
    """Return the best checkpoint of the active run; see :meth:`gtrack.Run.best_checkpoint`."""
    return current_run().best_checkpoint(name)
