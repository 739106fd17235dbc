"""Counters as rates."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Rates"]


class Rates:
    """Counters that grow, read again and again."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._last: Mapping[str, float] = {}

    def since_last(self, now: float, counters: Mapping[str, float]) -> dict[str, float]:
        """Return by how much each counter grew a second since the last call; nothing at the first.

        A counter that fell, as one does that began anew, has no rate this time.

        Args:
            now: Seconds, of a clock that is never set.
            counters: The counters.

        Example:
            >>> rates = Rates()
            >>> rates.since_last(10.0, {"read": 500}), rates.since_last(12.0, {"read": 900})
            ({}, {'read': 200.0})
        """
        elapsed = 0.0 if self._at is None else now - self._at
        last, self._last, self._at = self._last, dict(counters), now
        if elapsed <= 0:
            return {}
        grown = {key: value - last[key] for key, value in counters.items() if key in last}
        return {key: growth / elapsed for key, growth in grown.items() if growth >= 0}
