"""How busy the processors are that this process may use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gtrack.capture.system.group import cpu_seconds
from gtrack.capture.system.rates import Rates

__all__ = ["Cpu"]

_WORK = ("user", "nice", "system", "irq", "softirq", "steal")


class Cpu:
    """The utilisation of the processors: of the container's quota where there is one, else of the allowed ones.

    Args:
        root: The directory that stands for ``/`` where control groups are looked for.
    """

    def __init__(self, root: str = "/") -> None:
        import psutil

        self._psutil = psutil
        self._root = root
        self._rates = Rates()
        self._limited = cpu_seconds(root) is not None
        count = psutil.cpu_count() or 1
        self._allowed = _allowed(count)
        self._count = count if self._allowed is None else len(self._allowed)

    def read(self, now: float) -> Mapping[str, float]:
        """Return ``cpu_utilization_percentage``."""
        group = cpu_seconds(self._root) if self._limited else None
        if group is not None:
            used, quota = group
            share = self._rates.since_last(now, {"used": used}).get("used")
            return {} if share is None else _percentage(share, quota)
        share = self._rates.since_last(now, {"busy": self._busy()}).get("busy")
        return {} if share is None else _percentage(share, self._count)

    def _busy(self) -> float:
        """Return for how many seconds the processors have worked, all together."""
        if self._allowed is None:
            return _busy(self._psutil.cpu_times())
        every = self._psutil.cpu_times(percpu=True)
        return sum(_busy(every[number]) for number in self._allowed if number < len(every))


def _allowed(count: int) -> list[int] | None:
    """Return the numbers of the processors that this process may use; None where it may use all of them."""
    try:
        allowed = sorted(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS has no affinity
        return None
    return allowed if len(allowed) < count else None


def _busy(times: Any) -> float:
    # Guests are among user and nice already; idle times are not of use, since the kernel's may fall.
    return float(sum(getattr(times, name, 0.0) for name in _WORK))


def _percentage(part: float, whole: float) -> dict[str, float]:
    return {"cpu_utilization_percentage": min(100.0, 100.0 * part / whole)} if whole > 0 else {}
