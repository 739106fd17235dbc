"""How full the disk is, and how much the machine reads and writes."""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.capture.system.rates import Rates

__all__ = ["Disk"]


class Disk:
    """The file system of a folder, and the traffic of all disks.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: str) -> None:
        import psutil

        self._psutil = psutil
        self._folder = folder
        self._rates = Rates()

    def read(self, now: float) -> Mapping[str, float]:
        """Return usage and rates; a container may be shown no disks."""
        found: dict[str, float] = {}
        try:
            usage = self._psutil.disk_usage(self._folder)
        except OSError:  # the folder was removed, or a network disk is away for a while
            pass
        else:
            found["disk_usage_percentage"] = usage.percent
            found["disk_available_megabytes"] = usage.free / 1e6
        traffic = self._psutil.disk_io_counters(nowrap=False)
        if traffic is not None:
            counters = {"read": traffic.read_bytes / 1e6, "write": traffic.write_bytes / 1e6}
            rates = self._rates.since_last(now, counters)
            found.update((f"disk_{name}_megabytes_per_second", rate) for name, rate in rates.items())
        return found
