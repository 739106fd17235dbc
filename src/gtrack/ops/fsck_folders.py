"""Checking the names of folders that are about something with a name of its own: experiments, models."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gtrack.branch.listing import Entry
from gtrack.format import names
from gtrack.ops.fsck_findings import Findings

__all__ = ["check_folders"]

_NAMED: tuple[tuple[str, str, Callable[[str], str | None]], ...] = (
    (names.EXPERIMENTS, "experiment", names.experiment_of_dir),
    (names.MODELS, "model", names.model_of_dir),
)


def check_folders(files: Iterable[Entry], found: Findings) -> None:
    """Name the folders that no experiment and no model has: what stands in them has no effect.

    Args:
        files: What the format knows, any part of it.
        found: Takes what is wrong.
    """
    folders = dict.fromkeys(tuple(entry.path.split("/", 2)[:2]) for entry in files)
    for top, noun, name_of in _NAMED:
        for folder in (rest[0] for first, *rest in folders if first == top and rest):
            if name_of(folder) is None:
                what = f"gtrack names no {noun}'s folder so: what it says has no effect"
                found.warning(f"{top}/{folder}", what)
