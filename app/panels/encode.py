"""Figures as bytes for the browser: a JSON text, and behind it the numbers of its arrays as they are in memory.

Layout: the length of the text (uint32), the text in UTF-8 padded with blanks to a multiple of 8 bytes together with
that length, then the arrays, each padded likewise; all little-endian. In the text an array is
``{"dtype": "f8", "shape": "2,3", "bdata": [offset, bytes]}``, which becomes plotly.js's typed array (``bdata``) with
the buffer in place of the base64 text that JSON would need: a third smaller, and read without being parsed.
Arrays with the same bytes, such as the steps of runs of one sweep, are sent once.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["encode"]

_NATIVE = {"f8": "f8", "f4": "f4", "i4": "i4", "u4": "u4", "i2": "i2", "u2": "u2", "i1": "i1", "u1": "u1"}
"""numpy's kinds and sizes to plotly.js's names of them: https://plotly.com/python/reference/ has the same list."""
_DEPTH = 32
_DIMENSIONS = 3
_DATE_UNIT = np.timedelta64(1, "ms")


def encode(value: Any) -> bytes:
    """Return ``value`` as the panels' code in the browser reads it.

    Args:
        value: JSON's values, tuples, numpy's scalars and its arrays of numbers, dates or text, of three dimensions at
            most. What is not finite becomes null in a list and NaN in an array, a gap in either; dates become
            milliseconds since 1970.

    Raises:
        TypeError: Something else is in it.
        ValueError: It is nested too deeply.
    """
    arrays = _Arrays()
    text = json.dumps(_plain(value, arrays, 0), allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return b"".join((struct.pack("<I", len(text)), text, *arrays.parts))


class _Arrays:
    """The arrays of a payload, one behind the other."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._size = 0
        self._places: dict[bytes, list[int]] = {}

    def add(self, array: NDArray[Any]) -> dict[str, Any]:
        """Keep an array of numbers, and return what stands for it."""
        array = _narrowed(array)
        dtype = _NATIVE[array.dtype.str[1:]]
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        place = self._places.get(data)
        if place is None:
            place = self._places[data] = [self._size, len(data)]
            padded = data + b"\0" * (-len(data) % 8)
            self.parts.append(padded)
            self._size += len(padded)
        found = {"dtype": dtype, "bdata": place}
        return found if array.ndim == 1 else {**found, "shape": ",".join(map(str, array.shape))}


def _plain(value: Any, arrays: _Arrays, depth: int) -> Any:
    """Return ``value`` with nothing in it but what JSON has."""
    if depth > _DEPTH:
        raise ValueError(f"a figure is nested deeper than {_DEPTH}")
    if isinstance(value, np.ndarray):
        return _array(value, arrays, depth)
    if isinstance(value, Mapping):
        return {_name(name): _plain(item, arrays, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, arrays, depth + 1) for item in value]
    return _scalar(value.item() if isinstance(value, np.generic) else value)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else _finite(value)
    if isinstance(value, float):
        return _finite(value)
    raise TypeError(f"a figure cannot hold a {type(value).__name__}")


def _array(array: NDArray[Any], arrays: _Arrays, depth: int) -> Any:
    if array.dtype.kind == "M":
        dates = (array - np.datetime64(0, "ms")) / _DATE_UNIT  # NaT becomes NaN
        return arrays.add(dates) if 1 <= array.ndim <= _DIMENSIONS else _plain(dates.tolist(), arrays, depth)
    if array.dtype.kind not in "biufUO":
        raise TypeError(f"a figure cannot hold an array of {array.dtype}")
    if array.dtype.kind not in "iuf" or not array.size or not 1 <= array.ndim <= _DIMENSIONS:
        return _plain(array.tolist(), arrays, depth)
    return arrays.add(array)


def _narrowed(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of a type that JavaScript has, in which what is not finite is NaN."""
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        fits = array.min() >= -(2**31) and array.max() < 2**31
        return array.astype(np.int32 if fits else np.float64)
    if array.dtype.kind != "f":
        return array
    if array.dtype.str[1:] not in _NATIVE:
        array = array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    infinite = np.isinf(array)
    return np.where(infinite, np.nan, array).astype(array.dtype) if infinite.any() else array


def _finite(value: float) -> float | None:
    """Return a number as a float that JSON has; an integer may be too large for one."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a figure's names are text, not {type(name).__name__}")
    return name
