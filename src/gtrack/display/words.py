"""Values as people read them: times, durations, numbers, nested maps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from gtrack.text import clean

__all__ = ["ago", "cut", "duration", "instant", "plural", "size", "value_text"]


def ago(us: int | None, now_us: int) -> str:
    """Return a time as its distance from now; as a date when it is more than a month away or ahead.

    Args:
        us: Microseconds since the epoch, or None.
        now_us: The present, likewise.

    Example:
        >>> ago(0, 180_000_000)
        '3 min ago'
    """
    if us is None:
        return "-"
    seconds = (now_us - us) // 1_000_000
    if -60 < seconds < 5:
        return "just now"
    if not 0 <= seconds < 30 * 86_400:
        return instant(us)[:10]
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def instant(us: int | None) -> str:
    """Return a time in UTC to the second, ``2026-11-21 14:25:30 UTC``."""
    if us is None:
        return "-"
    try:
        return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{us} us"


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units.

    Example:
        >>> duration(0.25), duration(42.0), duration(190.0), duration(93_600.0)
        ('0.2 s', '42 s', '3 min 10 s', '1 d 2 h')
    """
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    for length, unit, part, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit} {rest} {small}" if rest else f"{whole // length} {unit}"
    raise AssertionError(seconds)


def size(count: object) -> str:
    """Return a number of bytes in binary units; nothing for what is not one."""
    if isinstance(count, bool) or not isinstance(count, int):
        return ""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def plural(count: int, noun: str) -> str:
    """Return ``1 run``, ``2 runs``, ``1,000 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def value_text(value: object) -> str:
    """Return any param, tag or metric value as one safe line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping | list | tuple):
        return clean(json.dumps(value, ensure_ascii=False, default=str))
    return clean(str(value))


def cut(text: str, length: int) -> str:
    """Return ``text`` with at most ``length`` characters, and a word on how many there are."""
    return text if len(text) <= length else f"{text[:length]} ... ({len(text):,} characters; --json shows all)"
