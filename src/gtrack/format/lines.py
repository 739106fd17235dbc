"""The fast reader of YAML: exactly the subset that gtrack writes, line by line.

It either reads a document as every YAML parser would, or leaves it to :mod:`gtrack.format.events`, which also
says what is wrong with it. So this reader never reports an error.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # undocumented, there since Python 2.6

from gtrack.format.scalars import MAX_DEPTH, SPECIAL, UNSAFE, decode_map, depth, parse_int, unescape_key

__all__ = ["read_lines"]

_TOP = re.compile(r"([a-z_]+):(?: (?=.)|\Z)")
# Escaped, a character takes up to six; libyaml gives up on a key after 1,024.
_LONG_KEY = 160


def _pairs(pairs: list[tuple[str, object]]) -> object:
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


def read_lines(text: str) -> dict[str, object] | None:
    """Return the document, or None when it is outside the subset.

    Args:
        text: The document, at most ``MAX_BYTES`` long.
    """
    lines = text.split("\n")
    # libyaml refuses every escaped surrogate, while JSON makes a character of two.
    if lines.pop() or "\\ud" in text or "\\uD" in text:
        return None
    joined = "".join(lines)
    if not joined.isprintable() and UNSAFE.search(joined):
        return None
    try:
        return _read(lines)
    except (ValueError, StopIteration):  # StopIteration: the scanner found no value
        return None


def _read(lines: list[str]) -> dict[str, object]:
    document: dict[str, object] = {}
    block: dict[str, object] | None = None
    for line in lines:
        if block is not None and line.startswith('  "'):
            key, at = scanstring(line, 3)
            if key[:1] == "$":
                key = unescape_key(key)
            if line[at : at + 2] != ": " or key in block or len(key) > _LONG_KEY:
                raise ValueError(line)
            block[key] = _value(line, at + 2)
            continue
        match = _TOP.match(line)
        if match is None or match[1] in document or block == {}:
            raise ValueError(line)
        at = match.end()
        if at == len(line):
            block = {}
            document[match[1]] = block
        else:
            block = None
            document[match[1]] = _value(line, at)
    if block == {} or not document:
        raise ValueError
    return document


def _value(line: str, at: int) -> object:
    first = line[at : at + 1]
    if first in ".-" and line[at:] in SPECIAL:
        return SPECIAL[line[at:]]
    # Only a line with that many brackets can nest too deeply; the two block levels count as well.
    if first in "[{" and line.count("[", at) + line.count("{", at) > MAX_DEPTH - 2 and depth(line[at:]) > MAX_DEPTH - 2:
        raise ValueError(line)
    value, end = _scan(line, at)
    if end != len(line):
        raise ValueError(line)
    return value
