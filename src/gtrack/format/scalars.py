"""What the writer and both readers of YAML share: limits, keys, numbers."""

from __future__ import annotations

import math
import re
from collections import Counter

from gtrack.text import clean

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_KEY_BYTES",
    "SPECIAL",
    "UNSAFE",
    "decode_map",
    "depth",
    "escape_key",
    "float_tag",
    "parse_int",
    "quote",
    "shown",
    "unescape_key",
]

MAX_BYTES = 1 << 20
"""The largest document, in bytes."""

MAX_DEPTH = 64
"""How many maps and lists may enclose one another, the document itself included."""

MAX_KEY_BYTES = 512
"""The longest key, in bytes of UTF-8."""

MAX_DIGITS = 640
"""The longest integer: the lowest limit that a Python can be configured to refuse beyond."""

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
"""What never stands raw in a document: YAML folds or refuses it, or a terminal obeys it."""

SPECIAL = {".nan": math.nan, ".inf": math.inf, "-.inf": -math.inf}
_TAGGED = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]+|[\]}]+')
_BASIC = re.compile(r'["\\]')


def quote(text: str) -> str:
    """Return ``text`` double-quoted, so that JSON and YAML 1.1 read the same.

    Args:
        text: Anything without lone surrogates.
    """
    if _BASIC.search(text):
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    if not text.isprintable():
        text = UNSAFE.sub(_escaped, text)
    return f'"{text}"'


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char) or f"\\u{ord(char):04x}"


def float_tag(value: float) -> dict[str, str]:
    """Return the map that stands for a float JSON has no number for: ``{"$float": "nan"}``."""
    return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}


def escape_key(key: str) -> str:
    """Return a user's key as it is written: ``$float``, ``$$float``, ... get one more ``$``.

    ``$float`` itself is thus free to mean a float that JSON has no number for.
    """
    return f"${key}" if _is_tag(key) else key


def unescape_key(key: str) -> str:
    """Return the key that :func:`escape_key` wrote.

    Raises:
        ValueError: The key is a bare ``$float``, which no user's key is written as.
    """
    if not _is_tag(key):
        return key
    if key == "$float":
        raise ValueError('"$float" may only stand alone, with "nan", "inf" or "-inf"')
    return key[1:]


def _is_tag(key: str) -> bool:
    return key[:1] == "$" and key.lstrip("$") == "float"


def decode_map(pairs: list[tuple[str, object]]) -> object:
    """Return the map of ``pairs``, or the float that they stand for.

    Raises:
        ValueError: A key comes twice, is too long, or is a misplaced ``$float``; the text says which.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        double = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'the key "{shown(double)}" comes twice')
    tagged = False
    for key in result:
        # A character takes at most four bytes; most keys are seen to be short without encoding them.
        if len(key) > MAX_KEY_BYTES // 4 and len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES + _is_tag(key):
            raise ValueError(f'the key "{shown(key)}" is longer than {MAX_KEY_BYTES} bytes')
        tagged = tagged or key[:1] == "$"
    if not tagged:
        return result
    if len(result) == 1:
        value = result.get("$float")
        if isinstance(value, str) and value in _TAGGED:
            return _TAGGED[value]
    return {unescape_key(key): value for key, value in result.items()}


def shown(text: str) -> str:
    """Return the beginning of ``text``, fit for an error message."""
    return clean(text if len(text) <= 40 else f"{text[:40]}...")


def parse_int(text: str) -> int:
    """Return the integer that ``text`` writes in decimal.

    Raises:
        ValueError: It has more than :data:`MAX_DIGITS` digits: reading them takes quadratic time.
    """
    if len(text) > MAX_DIGITS and len(text.lstrip("+-")) > MAX_DIGITS:
        raise ValueError(f"an integer has more than {MAX_DIGITS} digits")
    return int(text)


def depth(text: str) -> int:
    """Return how deeply the brackets of a JSON text nest, without parsing it."""
    level = deepest = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token[0] in "[{":
            level += len(token)
            deepest = max(deepest, level)
        elif token[0] in "]}":
            level -= len(token)
    return deepest
