"""Time as gtrack writes it: nanoseconds inside, microseconds in UTC on the branch."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

__all__ = ["iso", "iso_to_us", "later_stamp", "now_ns", "stamp", "stamp_to_us"]

now_ns = time.time_ns

_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# What iso and stamp write is read by datetime.fromisoformat, as strptime would read it and thirty times faster. It
# reads more than strptime (other separators, weeks, the hour 24), hence the check of the shape.
_ISO_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_STAMP_SHAPE = re.compile(r"[0-9]{8}T(?:[01][0-9]|2[0-3])[0-9]{4}\.[0-9]{6}Z")


def _utc(us: int) -> datetime:
    # divmod keeps every microsecond: a float of seconds would not.
    seconds, micros = divmod(us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


def _us(text: str, shape: re.Pattern[str], form: str) -> int:
    if shape.fullmatch(text):
        moment = datetime.fromisoformat(text)
    else:
        moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def iso(us: int) -> str:
    """Return microseconds since the epoch as ``2026-11-21T14:25:30.123456Z``."""
    return _utc(us).strftime(_ISO)


@lru_cache(maxsize=1024)  # the metrics of a run were mostly logged at one moment
def iso_to_us(text: str) -> int:
    """Return the microseconds since the epoch of :func:`iso`'s text.

    Raises:
        ValueError: The text is not of that form.
    """
    return _us(text, _ISO_SHAPE, _ISO)


def stamp(us: int) -> str:
    """Return microseconds since the epoch as a file-name stamp, ``20261121T142530.123456Z``."""
    return _utc(us).strftime(_STAMP)


@lru_cache(maxsize=1024)
def stamp_to_us(text: str) -> int:
    """Return the microseconds since the epoch of :func:`stamp`'s text.

    Raises:
        ValueError: The text is not of that form.
    """
    return _us(text, _STAMP_SHAPE, _STAMP)


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
