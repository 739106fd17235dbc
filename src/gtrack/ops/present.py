"""The state of a recorded run as of now: what its files say, and what time alone has made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from gtrack.clock import stamp, stamp_to_us
from gtrack.model.fold import Document, fold_run
from gtrack.model.state import RunState

__all__ = ["DAY_US", "fold_now", "next_change", "without_word"]

DAY_US = 86_400_000_000
"""How far ahead of our clock another's may be, in microseconds: facts of a later time are shown and not folded yet."""
_LOST_AFTER_US = 100 * 60 * 1_000_000
"""Silence after which a run that ended nowhere counts as lost: ten intervals of ten minutes."""


def fold_now(run_id: str, documents: Iterable[Document], now_us: int) -> RunState:
    """Fold a run's documents as far as their time has come."""
    return fold_run(run_id, documents, horizon=_horizon(now_us))


@lru_cache(1)  # of many runs at one moment
def _horizon(now_us: int) -> str:
    return stamp(now_us + DAY_US)


def without_word(state: RunState, now_us: int) -> RunState:
    """Return the state of a run of which only the files are here: one that was silent for long is lost."""
    if state.status == "running" and now_us - (state.last_heard or 0) > _LOST_AFTER_US:
        return replace(state, status="lost")
    return state


def next_change(state: RunState) -> int | None:
    """Return when time alone will have changed the state, in microseconds since the epoch; None for never."""
    moments = []
    if state.status == "running":
        moments.append((state.last_heard or 0) + _LOST_AFTER_US + 1)
    for name in state.future:
        try:
            moments.append(stamp_to_us(name.removeprefix("events/")[: len("20261121T142530.123456Z")]) - DAY_US)
        except (ValueError, OverflowError):
            continue
    return min(moments, default=None)
