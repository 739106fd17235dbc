"""Values as they stand in JSON and in cells of CSV."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from gtrack.display.words import value_text
from gtrack.text import clean

__all__ = ["csv_cell", "to_json"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What JSON leaves raw and a terminal may obey, or an encoder refuse: inside a JSON text these stand in strings only.
_RAW = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return strict JSON that is safe to print: NaN and infinities are strings, as Python and JavaScript read them.

    Example:
        >>> to_json({"loss": float("nan")})
        '{"loss": "NaN"}'
    """
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, indent=indent, default=str)
    return _RAW.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def csv_cell(value: object) -> object:
    """Return a value as a cell of CSV: as it is read back, and harmless in a spreadsheet."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return value_text(value) if isinstance(value, bool) else value
    text = value if isinstance(value, str) else to_json(value)
    # A spreadsheet takes such a cell for a formula and may run it (CWE-1236).
    return clean(f"'{text}" if text.startswith(_FORMULA) else text, lines=True)
