"""How much the machine, or the container, receives and transmits."""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.capture.system.rates import Rates

__all__ = ["Network"]

_LOOPBACK = ("lo", "lo0")


class Network:
    """The traffic of all interfaces but the loopback."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._rates: dict[str, Rates] = {}

    def read(self, now: float) -> Mapping[str, float]:
        """Return rates; each interface by itself, since they come and go with their counters."""
        total: dict[str, float] = {}
        for name, traffic in self._psutil.net_io_counters(pernic=True, nowrap=False).items():
            if name in _LOOPBACK:
                continue
            counters = {"receive": traffic.bytes_recv / 1e6, "transmit": traffic.bytes_sent / 1e6}
            for way, rate in self._rates.setdefault(name, Rates()).since_last(now, counters).items():
                total[way] = total.get(way, 0.0) + rate
        return {f"network_{way}_megabytes_per_second": rate for way, rate in total.items()}
