"""The values written in a filter, read as the field beside them wants them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gtrack.index.fields import Type

__all__ = ["Ago", "Literal", "Moment", "Prefix", "literal_text", "number_of", "read_literal"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?\Z", re.IGNORECASE)
_SPECIAL = re.compile(r"(?:[+-]?inf(?:inity)?|[+-]?nan)\Z", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}\Z")
_MAX_NUMBER = 100
# Patterns of times are compiled when the first time is read: that takes a millisecond.
_TIME = (
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?\s?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?)?\Z"
)
_TERM = r"([0-9]{1,20}(?:\.[0-9]{1,6})?)\s?(us|ms|s|m|h|d|w|(?:sec|min|hour|day|week|second|minute|hr)s?)"
_SPAN = rf"(?:{_TERM}\s?)+\Z"
_HASH = re.compile(r"[0-9a-f]{4,64}\Z", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1)
"""Without a zone: times are shifted to UTC by hand, which no date is too early or too late for."""
_DAY = 86_400_000_000
_UNITS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": _DAY, "w": 7 * _DAY}
_MAX_SPAN = 10_000 * 366 * _DAY


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as exact as it was written: a date is its whole day, which lies neither before nor after itself.

    Attributes:
        start: Its first microsecond since the epoch (UTC).
        length: How many microseconds it has.
    """

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Ago:
    """A time so many microseconds before now."""

    us: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """An id or its first digits (four or more), in lower case."""

    hex: str


Literal = bool | int | float | str | Moment | Ago | Prefix


def read_literal(kind: Type, text: str, *, quoted: bool) -> Literal:
    """Return what a literal means beside a field of that type.

    Args:
        kind: The field's type.
        text: The literal, without its quotes.
        quoted: It had quotes.

    Raises:
        ValueError: The field cannot be compared with it; the message says what was expected.
    """
    match kind:
        case Type.TIME:
            return _time(text, quoted=quoted)
        case Type.SECONDS:
            return _seconds(text)
        case Type.NUMBER:
            return _number(text)
        case Type.TRUTH:
            return _truth(text)
        case Type.ANY:
            return text if quoted else _bare(text, "a number, or text")
    if not quoted:
        _bare(text, "text")  # digits are taken as they stand: 0123456 is the beginning of a commit's id
    return _text(kind, text)


def literal_text(value: Literal) -> str:
    """Return the canonical text of a literal."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Moment():
            return f"'{_moment_text(value)}'"
        case Ago():
            return f"-{_span_text(value.us)}" if value.us else "now"
        case Prefix():
            return f"'{value.hex}'"
    return "'" + value.replace("'", "''") + "'"


def number_of(value: object) -> int | float | None:
    """Return the number that a value is, or that a text writes in full; None for anything else, truth values too."""
    if isinstance(value, str):
        if len(value) > _MAX_NUMBER:
            return None
        if _WHOLE.match(value):
            return int(value)
        if _SPECIAL.match(value):
            return math.nan if "nan" in value.lower() else float(value)
        return float(value) if _NUMBER.match(value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(kind: Type, text: str) -> str | Prefix:
    if kind is Type.HASH and _HASH.match(text):
        return Prefix(text.lower())
    return text.lower() if kind is Type.WORD else text


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(f"expected true or false, found {text!r:.60}")
    return text.lower() in ("true", "1")


def _number(text: str) -> int | float:
    number = number_of(text)
    if number is None:
        raise ValueError(f"expected a number, found {text!r:.60}")
    return number


def _bare(text: str, expected: str) -> bool | int | float:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    number = number_of(text)
    if number is None:
        raise ValueError(f"expected {expected} in quotes: '{text:.60}'")
    return number


def _time(text: str, *, quoted: bool) -> Moment | Ago:
    if not quoted and _WHOLE.match(text):
        return _checked(Moment(int(text) * 1000, 1000))  # as in MLflow: milliseconds since the epoch
    words = text.strip().lower()
    past = words.removesuffix("ago").strip() if words.endswith("ago") else words[1:] if words[:1] == "-" else None
    span = 0 if words == "now" else None if past is None else _span(past)
    if span is not None:
        return Ago(span)
    moment = _moment(text.strip())
    if moment is None:
        hint = f"; -{words} is {words} ago" if _span(words) is not None else ""
        raise ValueError(f"expected a time such as '2026-11-01', '2026-11-01 14:30' or -7d, found {text!r:.60}{hint}")
    return _checked(moment)


def _moment(text: str) -> Moment | None:
    match = re.match(_TIME, text, re.IGNORECASE)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micros = int((fraction or "").ljust(6, "0"))
    try:
        naive = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micros)
    except ValueError:
        return None
    length = 10 ** (6 - len(fraction)) if fraction else _UNITS["s"] if second else _UNITS["m"] if hour else _DAY
    return Moment((naive - _EPOCH) // timedelta(microseconds=1) - _offset(zone), length)


def _offset(zone: str | None) -> int:
    if zone is None or zone.upper() in ("Z", "UTC"):
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-minutes if zone[0] == "-" else minutes) * _UNITS["m"]


def _checked(moment: Moment) -> Moment:
    try:
        _EPOCH + timedelta(microseconds=moment.start)
    except OverflowError:
        raise ValueError("expected a time between the years 1 and 9999") from None
    return moment


def _moment_text(moment: Moment) -> str:
    when = (_EPOCH + timedelta(microseconds=moment.start)).replace(tzinfo=UTC).isoformat(timespec="microseconds")
    if moment.length == _DAY:
        return when[:10]
    ends = {_UNITS["m"]: 16, _UNITS["s"]: 19}
    digits = 20 + 7 - len(str(moment.length))
    return when[: ends.get(moment.length, digits)] + "Z"


def _span(text: str) -> int | None:
    """Return the microseconds of ``90s``, ``1h30m``, ``2 weeks``; None when it is no duration."""
    if len(text) > _MAX_NUMBER or not re.match(_SPAN, text, re.IGNORECASE):
        return None
    terms = re.findall(_TERM, text.lower())
    total = sum(_term(number, _UNITS[unit if unit in _UNITS else unit[0]]) for number, unit in terms)
    return total if total <= _MAX_SPAN else None


def _term(number: str, unit: int) -> int:
    whole, _, part = number.partition(".")
    return int(whole) * unit + int(part.ljust(6, "0")) * unit // 1_000_000  # a float would lose microseconds


def _span_text(us: int) -> str:
    unit = next(name for name in ("d", "h", "m", "s", "ms", "us") if us % _UNITS[name] == 0)
    return f"{us // _UNITS[unit]}{unit}"


def _seconds(text: str) -> int | float:
    number, span = number_of(text), _span(text)
    if number is not None:
        return number
    if span is None:
        raise ValueError(f"expected seconds, or a duration such as 90s or 2h, found {text!r:.60}")
    return span // 1_000_000 if span % 1_000_000 == 0 else span / 1e6
