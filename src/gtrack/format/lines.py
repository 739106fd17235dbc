"""The fast reader of YAML: exactly the subset that gtrack writes, line by line.

It either reads a document as every YAML parser would, or leaves it to :mod:`gtrack.format.events`, which also
says what is wrong with it. So this reader never reports an error.
"""

from __future__ import annotations

import re
from functools import lru_cache
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # undocumented, there since Python 2.6

from gtrack.format.scalars import MAX_DEPTH, MAX_DIGITS, SPECIAL, UNSAFE, decode_map, depth, parse_int, unescape_key

__all__ = ["read_lines"]

_TOP = re.compile(r"([a-z_]+):(?: (?=.)|\Z)")
# Escaped, a character takes up to six; libyaml gives up on a key after 1,024.
_LONG_KEY = 160
_PLAIN = bytes(range(0x20, 0x7F)) + b"\n"
"""The bytes of ASCII that may stand raw in a document."""
# The block levels count as well.
_MAX_BRACKETS = MAX_DEPTH - 2
# Blocks whose lines are the same in many runs, such as that of the packages.
_RECURRING = ("code", "environment")
_MAX_RECURRING = 16 << 10


def _pairs(pairs: list[tuple[str, object]]) -> object:
    plain = dict(pairs)
    keys = "".join(plain)
    if len(plain) == len(pairs) and len(keys) <= _LONG_KEY and "$" not in keys:
        return plain
    for key, _ in pairs:
        if len(key) > _LONG_KEY:
            raise ValueError(key)
    return decode_map(pairs)


def _constant(name: str) -> object:
    # JSON's NaN and Infinity are text to YAML.
    raise ValueError(name)


_scan = JSONDecoder(  # type: ignore[attr-defined]
    object_pairs_hook=_pairs, parse_int=parse_int, parse_constant=_constant
).scan_once
# A short line holds no integer that is too long.
_scan_short = JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant).scan_once  # type: ignore[attr-defined]


def read_lines(text: str) -> dict[str, object] | None:
    """Return the document, or None when it is outside the subset.

    Args:
        text: The document, at most ``MAX_BYTES`` long.
    """
    # libyaml refuses every escaped surrogate, while JSON makes a character of two.
    if text[-1:] != "\n" or ("\\" in text and ("\\ud" in text or "\\uD" in text)):
        return None
    if text.isascii():
        if text.encode().translate(None, _PLAIN):  # half the time of asking whether it is printable
            return None
    elif not (joined := text.replace("\n", "")).isprintable() and UNSAFE.search(joined):
        return None
    lines = text.split("\n")
    lines.pop()
    try:
        # Only a line with that many brackets can nest too deeply.
        if text.count("{") + text.count("[") > _MAX_BRACKETS:
            _check_depth(lines)
        return _read(lines)
    except (ValueError, LookupError, StopIteration):  # StopIteration: the scanner found no value
        return None


def _check_depth(lines: list[str]) -> None:
    for line in lines:
        if line.count("{") + line.count("[") > _MAX_BRACKETS and depth(line) > _MAX_BRACKETS:
            raise ValueError(line)


def _read(lines: list[str]) -> dict[str, object]:
    document: dict[str, object] = {}
    block: dict[str, object] | None = None
    recurring = False
    for line in lines:
        if block is not None and line.startswith('  "'):
            if recurring:
                key, value = _recurring(line)
            elif len(line) <= MAX_DIGITS and (key := line[3 : (end := line.find('": ', 3))]).isidentifier() and end > 0:
                # As _entry does, without the calls: most lines are such.
                try:
                    value, last = _scan_short(line, end + 3)
                except StopIteration:
                    value, last = SPECIAL[line[end + 3 :]], len(line)
                if last != len(line) or end >= _LONG_KEY:
                    raise ValueError(line)
            else:
                key, value = _entry(line)
            if key in block:
                raise ValueError(line)
            block[key] = value
            continue
        match = _TOP.match(line)
        if match is None or block == {} or (name := match[1]) in document:
            raise ValueError(line)
        at = match.end()
        if at == len(line):
            document[name] = block = {}
            recurring = name in _RECURRING
        else:
            block = None
            document[name] = _value(line, at)
    if block == {} or not document:
        raise ValueError
    return document


def _key(line: str) -> tuple[str, int]:
    """Return the key of a line in a block, and where its value begins."""
    key, end = scanstring(line, 3)
    if key[:1] == "$":
        key = unescape_key(key)
    if line[end : end + 2] != ": " or len(key) > _LONG_KEY:
        raise ValueError(line)
    return key, end + 2


def _value(line: str, at: int) -> object:
    try:
        value, end = (_scan_short if len(line) <= MAX_DIGITS else _scan)(line, at)
    except StopIteration:
        return SPECIAL[line[at:]]
    if end != len(line):
        raise ValueError(line)
    return value


def _entry(line: str) -> tuple[str, object]:
    """Return the key and the value of a line in a block."""
    end = line.find('": ', 3)
    key = line[3:end]
    # Most keys are names, in which nothing is escaped.
    if 3 < end < _LONG_KEY and key.isidentifier():
        return key, _value(line, end + 3)
    key, at = _key(line)
    return key, _value(line, at)


@lru_cache(maxsize=256)
def _known_entry(line: str) -> tuple[str, object, bool]:
    """Return the key and the value of a line, and whether the value is a map of texts alone."""
    key, value = _entry(line)
    return key, value, type(value) is dict and all(type(item) is str for item in value.values())


def _recurring(line: str) -> tuple[str, object]:
    """Do the same for lines that many documents have in common."""
    if len(line) > _MAX_RECURRING:
        return _entry(line)
    key, value, flat = _known_entry(line)
    if flat:
        return key, value.copy()  # type: ignore[attr-defined]  # it is a map
    return key, value if type(value) is str else _fresh(value)


def _fresh(value: object) -> object:
    """Return a copy that shares no list or map with the original."""
    if type(value) is dict:
        return {key: item if type(item) is str else _fresh(item) for key, item in value.items()}
    if type(value) is list:
        return [_fresh(item) for item in value]
    return value
