"""Clocks that are wrong: gtrack in this process sees another time, and nothing else does."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

HOUR = 3600.0

_real_ns, _real = time.time_ns, time.time
_ahead = 0


def _shifted() -> int:
    return _real_ns() + _ahead


@contextmanager
def clock(ahead: float) -> Iterator[None]:
    """Let gtrack's clock be so many seconds ahead, or behind, inside the block.

    Modules that are imported meanwhile keep the function; outside of such a block it tells the time as it is.
    """
    global _ahead  # noqa: PLW0603
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            for function in ("now_ns", "time_ns"):
                if name.startswith("gtrack") and getattr(module, function, None) is _real_ns:
                    patch.setattr(module, function, _shifted)
        patch.setattr(time, "time", lambda: _real() + ahead)
        _ahead = int(ahead * 1e9)
        try:
            yield
        finally:
            _ahead = 0
