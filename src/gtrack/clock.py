"""Time as gtrack writes it: nanoseconds inside, microseconds in UTC on the branch."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["iso", "iso_to_us", "later_stamp", "now_ns", "stamp", "stamp_to_us"]

now_ns = time.time_ns

_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
_STAMP = "%Y%m%dT%H%M%S.%fZ"


def _utc(us: int) -> datetime:
    # divmod keeps every microsecond: a float of seconds would not.
    seconds, micros = divmod(us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


def _us(text: str, form: str) -> int:
    moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def iso(us: int) -> str:
    """Return microseconds since the epoch as ``2026-11-21T14:25:30.123456Z``."""
    return _utc(us).strftime(_ISO)


def iso_to_us(text: str) -> int:
    """Return the microseconds since the epoch of :func:`iso`'s text.

    Raises:
        ValueError: The text is not of that form.
    """
    return _us(text, _ISO)


def stamp(us: int) -> str:
    """Return microseconds since the epoch as a file-name stamp, ``20261121T142530.123456Z``."""
    return _utc(us).strftime(_STAMP)


def stamp_to_us(text: str) -> int:
    """Return the microseconds since the epoch of :func:`stamp`'s text.

    Raises:
        ValueError: The text is not of that form.
    """
    return _us(text, _STAMP)


def later_stamp(now_us: int, last: str | None) -> str:
    """Return the stamp of a new event: the later of now and ``last`` plus 1 us.

    An edit then never sorts before what it edits, whatever the clocks say.

    Args:
        now_us: The present, in microseconds since the epoch.
        last: The object's own last stamp, or None.
    """
    if last is None:
        return stamp(now_us)
    return stamp(max(now_us, stamp_to_us(last) + 1))
