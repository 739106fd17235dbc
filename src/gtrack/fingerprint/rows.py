"""A 64-bit hash of every row, so that rows can be found again in another table.

A row's hash is a sum over its columns: their order does not matter, and the hash over some of the columns is the sum of
theirs. Values are hashed by what they are and not by their width: int32 and int64 give the same hashes. It is all
arithmetic on whole arrays.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeAlias

from gtrack.fingerprint.canonical import fixed_bytes, floats, is_float, one_nan, present, text_buffers, unwrapped
from gtrack.fingerprint.types import is_bytes, is_list, is_text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Hashes: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

__all__ = ["array_rows", "column_hashes", "mix", "under_name"]

_BLOCK = 1 << 14
"""How many values are worked on at once: what fits the processor's cache is five times as fast."""
_LONG = 4096
"""Texts of more bytes are hashed one by one."""
_MULTIPLY = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)
_MISSING = 0x6D697373696E6721
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def mix(values: Hashes) -> Hashes:
    """Scramble 64-bit numbers in place, one-to-one, and return them (after Stafford's variants of MurmurHash3's end).

    See https://zimbry.blogspot.com/2011/09/better-bit-mixing-improving-on.html
    """
    import numpy as np

    first, second = (np.uint64(number) for number in _MULTIPLY)
    flat = values.reshape(-1)
    for start in range(0, len(flat), _BLOCK):
        part = flat[start : start + _BLOCK]
        part ^= part >> np.uint64(32)
        part *= first
        part ^= part >> np.uint64(29)
        part *= second
        part ^= part >> np.uint64(32)
    return values


def under_name(hashes: Hashes, name: str) -> Hashes:
    """Return what a column of that name adds to the hashes of its rows; the array itself is changed."""
    import numpy as np

    seed = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8]
    hashes ^= np.uint64(int.from_bytes(seed, "little"))
    return mix(hashes)


def column_hashes(values: pa.Array) -> Hashes:
    """Return a hash of each value; a missing one, NaN included, has one of its own.

    Raises:
        TypeError: Values of that type cannot be hashed.
    """
    import numpy as np

    values = unwrapped(values)
    if is_float(values.type):
        numbers = floats(values).astype("<f8")
        numbers += 0.0  # -0.0 becomes 0.0
        hashes = numbers.view("<u8")
        hashes[np.isnan(numbers)] = _MISSING
        return hashes
    hashes = _hashes(values)
    mask = present(values)
    if mask is not None:
        hashes[~mask] = _MISSING
    return hashes


def array_rows(array: np.ndarray[Any, Any]) -> Hashes:
    """Return a hash of each row of an array, that is of all that lies below one place of its first dimension.

    Args:
        array: At least one dimension, of any type of a fixed width.
    """
    import numpy as np

    rows = len(array)
    if not array.size:
        return np.zeros(rows, "<u8")
    flat = np.ascontiguousarray(array).reshape(rows, -1)
    if flat.dtype.kind == "f":
        flat = one_nan(flat)
    raw = flat.view(np.uint8).reshape(rows, -1)
    words = -(-raw.shape[1] // 8)
    seeds = mix(np.arange(1, words + 1, dtype="<u8") * np.uint64(_MULTIPLY[0]))
    out = np.zeros(rows, "<u8")
    step = max(1, _BLOCK // max(1, words))
    for start in range(0, rows, step):
        block = np.zeros((len(raw[start : start + step]), words * 8), np.uint8)
        block[:, : raw.shape[1]] = raw[start : start + step]
        out[start : start + step] = mix(block.view("<u8") ^ seeds).sum(axis=1, dtype="<u8")
    return mix(out)


def _hashes(values: pa.Array) -> Hashes:
    """Return a hash of each value that is there, and anything for those that are missing."""
    import numpy as np
    import pyarrow as pa

    kind = values.type
    if pa.types.is_null(kind):
        return np.full(len(values), _MISSING, "<u8")
    if pa.types.is_boolean(kind):
        return values.fill_null(False).to_numpy(zero_copy_only=False).astype("<u8")  # type: ignore[no-any-return]
    if is_text(kind) or is_bytes(kind):
        return _text_hashes(*text_buffers(values))
    if is_list(kind) or pa.types.is_map(kind):
        return _list_hashes(values)
    if pa.types.is_struct(kind):
        out = np.zeros(len(values), "<u8")
        for field, part in zip(kind, values.flatten(), strict=True):
            out += under_name(column_hashes(part), field.name)
        return out
    return _fixed_hashes(values)


def _fixed_hashes(values: pa.Array) -> Hashes:
    """Return a hash of each value of a fixed width: numbers, times, decimals."""
    import numpy as np
    import pyarrow as pa

    kind, raw = values.type, fixed_bytes(values)
    width = kind.bit_width // 8
    if hasattr(kind, "unit"):
        numbers = np.frombuffer(raw, f"<i{width}").astype("<i8").view("<u8")
        return numbers * np.uint64(_NANOSECONDS[kind.unit])
    if pa.types.is_integer(kind) or pa.types.is_date(kind):
        signed = "u" if pa.types.is_unsigned_integer(kind) else "i"
        return np.frombuffer(raw, f"<{signed}{width}").astype(f"<{signed}8").view("<u8")
    return array_rows(np.frombuffer(raw, np.uint8).reshape(len(values), width))


def _text_hashes(data: memoryview, offsets: np.ndarray[Any, Any]) -> Hashes:
    """Return a hash of each text, eight of its bytes at a time."""
    import numpy as np

    padded = np.zeros(len(data) + 8, np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    words = np.ndarray((len(data) + 1,), "<u8", padded.data, 0, (1,))
    out = np.empty(len(offsets) - 1, "<u8")
    for start in range(0, len(out), _BLOCK):
        part = offsets[start : start + _BLOCK + 1]
        lengths = np.diff(part)
        short = np.where(lengths > _LONG, 0, lengths)
        out[start : start + _BLOCK] = _short_hashes(words, part[:-1], short)
        for at in np.flatnonzero(lengths > _LONG):
            digest = hashlib.sha256(data[part[at] : part[at + 1]]).digest()
            out[start + at] = int.from_bytes(digest[:8], "little")
    return out


def _short_hashes(words: Hashes, starts: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]) -> Hashes:
    """Return a hash of each text that is not long.

    Args:
        words: The eight bytes from every byte on.
        starts: Where each text begins.
        lengths: How many bytes each has.
    """
    import numpy as np

    out = mix((lengths + 1).astype("<u8") * np.uint64(_MULTIPLY[1]))
    every = np.arange(len(starts))
    for at in range(0, int(lengths.max(initial=0)), 8):
        left = lengths[every] - at
        going = left > 0
        every, left = every[going], left[going]
        word = words[starts[every] + at]
        rest = (8 * np.minimum(left, 8)).astype("<u8")
        word &= np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(64) - rest)
        out[every] = mix(out[every] ^ word)
    return out


def _list_hashes(values: pa.Array) -> Hashes:
    """Return a hash of each list: of its length, and of each value with its place."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_map(values.type):
        values = values.cast(pa.large_list(pa.struct([values.type.key_field, values.type.item_field])))
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    places = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    inner = column_hashes(values.flatten()) + places.astype("<u8") * np.uint64(_MULTIPLY[1])
    sums = np.concatenate((np.zeros(1, "<u8"), np.cumsum(mix(inner), dtype="<u8")))
    return mix(sums[ends] - sums[ends - lengths] + lengths.astype("<u8"))
