"""One reading of everything, and what becomes of a source that fails."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from gtrack.capture.system import PREFIX

__all__ = ["Readings", "Source", "open_readings"]

Note = Callable[[str], None]


class Source(Protocol):
    """Something that can be read again and again. Rates are since the last reading, so that the first has none."""

    def read(self, now: float) -> Mapping[str, float]:
        """Return values by name.

        Args:
            now: The time in seconds of a clock that nobody sets.
        """


class Readings:
    """Sources that are read together.

    A source that fails is not read again: the machine does not have what it reads, or the driver is gone.

    Args:
        sources: The sources, by what they are called when one has to be told of.
        note: Called once with a sentence for each source that fails.
    """

    def __init__(self, sources: Mapping[str, Source], note: Note) -> None:
        self._sources = dict(sources)
        self._note = note

    def take(self) -> dict[str, float]:
        """Read all sources; what is not a number is left out."""
        now = time.monotonic()
        found: dict[str, float] = {}
        for name, source in list(self._sources.items()):
            try:
                values = source.read(now)
            except Exception as error:  # drivers and their libraries raise anything
                del self._sources[name]
                _close(source)
                self._note(f"cannot measure the {name} any more: {error or type(error).__name__}")
            else:
                found.update((PREFIX + key, value) for key, value in values.items() if math.isfinite(value))
        return found

    def close(self) -> None:
        """Let go of what the sources hold."""
        for source in self._sources.values():
            _close(source)
        self._sources.clear()


def open_readings(env: Mapping[str, str], folder: str, note: Note) -> Readings:
    """Return readings of all that this machine has. Loads psutil, and NVIDIA's library where there is a driver.

    Args:
        env: The process's environment: it tells the launcher and which GPUs there are for the process.
        folder: A folder of the file system whose free space counts.
        note: See :class:`Readings`.

    Raises:
        ImportError: psutil is not installed, or is broken.
    """
    import psutil  # noqa: F401  (all sources need it: told once, and not of each)

    from gtrack.capture.launcher import detect_launcher
    from gtrack.capture.system.cpu import Cpu
    from gtrack.capture.system.disk import Disk
    from gtrack.capture.system.gpu import open_gpus
    from gtrack.capture.system.memory import Memory
    from gtrack.capture.system.network import Network
    from gtrack.capture.system.process_tree import ProcessTree, root_of_run

    openers: Sequence[tuple[str, Callable[[], Source | None]]] = (
        ("CPU", Cpu),
        ("memory", Memory),
        ("disk", lambda: Disk(folder)),
        ("network", Network),
        ("run's processes", lambda: ProcessTree(root_of_run(detect_launcher(env)))),
        ("GPU", lambda: open_gpus(env)),
    )
    sources = {}
    for name, opener in openers:
        try:
            source = opener()
        except Exception as error:  # as in reading them
            note(f"cannot measure the {name}: {error or type(error).__name__}")
        else:
            if source is not None:
                sources[name] = source
    return Readings(sources, note)


def _close(source: Source) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        with contextlib.suppress(Exception):  # it has failed already
            close()
