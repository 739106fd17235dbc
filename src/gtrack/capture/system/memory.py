"""How much memory is in use: in the container where it has a limit, else on the machine."""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.capture.system.group import memory_usage

__all__ = ["Memory"]


class Memory:
    """The memory in use.

    Args:
        root: The directory that stands for ``/`` where control groups are looked for.
    """

    def __init__(self, root: str = "/") -> None:
        import psutil

        self._psutil = psutil
        self._root = root
        self._machine = psutil.virtual_memory().total
        found = memory_usage(root)
        self._limited = found is not None and found[1] < self._machine

    def read(self, now: float) -> Mapping[str, float]:  # noqa: ARG002  (no rates among it)
        """Return ``system_memory_usage_megabytes`` and ``system_memory_usage_percentage``."""
        found = memory_usage(self._root) if self._limited else None
        if found is None:
            memory = self._psutil.virtual_memory()
            found = memory.total - memory.available, memory.total
        used, total = found
        return {
            "system_memory_usage_megabytes": used / 1e6,
            "system_memory_usage_percentage": 100.0 * used / total,
        }
