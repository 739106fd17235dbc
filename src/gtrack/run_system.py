"""Which of a run's processes measures the machine: one on each, and how often."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gtrack.capture.launcher import detect_launcher
from gtrack.config import Settings
from gtrack.ops.begin import Identity
from gtrack.spool.records import NO_RANK
from gtrack.spool.system import EVERY, SystemSampler

if TYPE_CHECKING:
    from gtrack.capture.system.readings import Readings

__all__ = ["start_sampler"]


def start_sampler(
    identity: Identity, settings: Settings, stem: str, *, env: Mapping[str, str], note: Callable[[str], None]
) -> SystemSampler | None:
    """Start to measure the machine, where this process is the one to do so; raises nothing.

    Args:
        identity: The run and this process's part in it.
        settings: The environment's settings, with those of the repository.
        stem: The path of this process's files in the spool, without their endings.
        env: The environment.
        note: Called with a sentence about what goes wrong.

    Returns:
        What is to be stopped when the run ends; None where nothing is measured.
    """
    every = EVERY if settings.system_metrics is None else settings.system_metrics
    if not every or not _is_first_here(identity, env):
        return None
    env, folder = dict(env), _folder()

    def open_readings() -> Readings:
        from gtrack.capture.system.readings import open_readings

        return open_readings(env, folder, note)

    sampler = SystemSampler(stem, open_readings, note=note, every=every, rank=identity.rank)
    try:
        sampler.start()
    except RuntimeError as error:  # no more threads
        note(f"cannot measure the machine: {error}")
        return None
    return sampler


def _is_first_here(identity: Identity, env: Mapping[str, str]) -> bool:
    """Tell whether no other process of the run measures this machine: the owner does, and rank 0 of other machines."""
    if identity.owner:
        return True
    # The owner is rank 0 of all, or the command around it: where rank 0 runs, it is measured.
    if identity.rank in (NO_RANK, 0):
        return False
    launcher = detect_launcher(env)
    return launcher is not None and launcher.local_rank == 0


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return os.sep
