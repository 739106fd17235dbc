"""Plain values: what users pass as params and tags, made of JSON's types; and the lines of a ``.jsonl`` spool."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import operator
import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from gtrack.format.emit import MAX_KEY_TEXT
from gtrack.format.scalars import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_KEY_BYTES,
    decode_map,
    depth,
    escape_key,
    float_tag,
    parse_int,
    quote,
)
from gtrack.ids import sha12

__all__ = ["decode_line", "encode_line", "fit_key", "to_plain"]

MAX_PLAIN_DEPTH = 32
"""How many containers of a user's value may enclose one another."""

MAX_TEXT = 4096
"""The longest ``repr`` that is kept, in characters."""

MAX_NODES = 200_000
"""How many values one value may hold: containers that share parts can unfold without end."""

MAX_ARRAY = 1000
"""The largest array that is written out, in elements."""

_TOO_LARGE = 10**MAX_DIGITS
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_DATES = (datetime.date, datetime.time)
_NAMESPACES = ("Namespace", "SimpleNamespace")


def to_plain(value: object) -> object:
    """Return ``value`` as None, bool, int, float, str, list and dict with text keys; never raise.

    Numbers and small arrays of numpy, torch and jax become numbers and lists; dataclasses, named tuples, pydantic
    models and argparse namespaces become dicts; an enum member becomes its value when that is text, else its name;
    dates become ISO 8601, paths text, sets sorted lists; other numbers become float. Anything else becomes its
    ``repr``, without memory addresses and at most 4,096 characters long. A container within itself, below 32 levels
    or with too many values is replaced by a word about it. Text is kept whole.

    Args:
        value: Anything.

    Example:
        >>> to_plain({"layers": (64, 64), "path": Path("data")})
        {'layers': [64, 64], 'path': 'data'}
    """
    return _Plain(MAX_PLAIN_DEPTH, MAX_NODES).convert(value)


def fit_key(key: str) -> str:
    r"""Return ``key`` as a key that every reader accepts: at most 512 bytes, without lone surrogates.

    A longer key keeps its beginning and gets a digest; lone surrogates are written out, as ``\udc80``.
    """
    raw = key.encode("utf-8", "backslashreplace")
    text = raw.decode()
    # A control character is six characters as written.
    if len(raw) * 6 < MAX_KEY_TEXT or (len(raw) <= MAX_KEY_BYTES and len(quote(escape_key(text))) <= MAX_KEY_TEXT):
        return text
    return f"{raw[: MAX_KEY_TEXT // 7].decode(errors='ignore')}~{sha12(raw)}"


def encode_line(record: Mapping[str, object]) -> bytes:
    """Return ``record`` as one line of ASCII JSON, with its newline; never raise.

    NaN and the infinities are written as :mod:`gtrack.format.yaml` does in flow, ``{"$float": "nan"}``. What is not
    plain is made plain.
    """
    # A record adds a few levels and values around what to_plain returned.
    plain = _Plain(MAX_DEPTH - 4, 2 * MAX_NODES).convert(record)
    return json.dumps(_tagged(plain), separators=(",", ":")).encode() + b"\n"


def decode_line(line: bytes) -> dict[str, object] | None:
    """Return the record that :func:`encode_line` wrote; None when the line is torn, damaged or not a map."""
    try:
        text = line.decode()
        if text.count("[") + text.count("{") > MAX_DEPTH and depth(text) > MAX_DEPTH:
            return None
        record = _decoder.decode(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _constant(name: str) -> object:
    raise ValueError(name)


_decoder = json.JSONDecoder(object_pairs_hook=decode_map, parse_int=parse_int, parse_constant=_constant)


def _tagged(value: object) -> object:
    """Return a plain value with tagged floats and escaped keys."""
    if isinstance(value, float):
        return value if math.isfinite(value) else float_tag(value)
    if isinstance(value, dict):
        return {escape_key(key): _tagged(item) for key, item in value.items()}
    return [_tagged(item) for item in value] if isinstance(value, list) else value


class _Plain:
    """One conversion: the containers it is in, and how many values it may still visit."""

    def __init__(self, levels: int, nodes: int) -> None:
        self.levels = levels
        self.left = nodes
        self.inside: list[int] = []

    def convert(self, value: object) -> object:
        kind = type(value)
        if value is None or kind is str or kind is bool or kind is float:
            return value
        try:
            return self.scalar(value)
        except Exception:  # a user's object may raise anything from anywhere; its repr has to do
            return _described(value)

    def scalar(self, value: object) -> object:
        if isinstance(value, enum.Enum):
            return self.convert(value.value if isinstance(value.value, str) or value.name is None else value.name)
        # The methods of int, float and str themselves: a subclass may lie about itself.
        if isinstance(value, int):
            return _integer(int.__int__(value))
        if isinstance(value, float):
            return float.__float__(value)
        text = _as_text(value)
        return self.enter(value) if text is None else text

    def enter(self, value: object) -> object:
        """Convert what may hold other values."""
        if id(value) in self.inside:
            return f"<{_type_name(value)} within itself>"
        if len(self.inside) >= self.levels or self.left <= 0:
            return f"<{_type_name(value)} too {'deep' if self.left > 0 else 'large'}>"
        self.inside.append(id(value))
        try:
            return self.container(value)
        finally:
            self.inside.pop()

    def container(self, value: object) -> object:
        mapping = _as_mapping(value)
        if mapping is not None:
            return self.mapping(mapping)
        if isinstance(value, Set):
            return _sorted(self.items(value))
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
            return self.items(value)
        kind: Any = type(value)
        return self.array(value) if hasattr(kind, "tolist") and hasattr(kind, "shape") else _number_like(value)

    def items(self, values: Iterable[object]) -> list[object]:
        out: list[object] = []
        for item in values:
            self.left -= 1
            if self.left <= 0:
                out.append("<and more>")
                break
            out.append(self.convert(item))
        return out

    def mapping(self, mapping: Mapping[object, object]) -> dict[str, object]:
        out: dict[str, object] = {}
        seen: dict[str, int] = {}
        for key, item in mapping.items():
            self.left -= 1
            if self.left <= 0:
                out["<and more>"] = None
                break
            name = fit_key(self.key(key))
            while name in out:  # 1 and "1" are two keys of a dict, and one key as text
                seen[name] = seen.get(name, 1) + 1
                name = fit_key(f"{name}~{seen[name]}")
            out[name] = self.convert(item)
        return out

    def key(self, key: object) -> str:
        plain = self.convert(key)
        if isinstance(plain, str):
            return plain
        return _described(key) if isinstance(plain, list | dict) else str(plain)

    def array(self, value: Any) -> object:
        if math.prod(value.shape) > MAX_ARRAY:
            return f"<{_type_name(value)} of {value.dtype}, shape {tuple(value.shape)}>"
        items = value.tolist()
        # numpy's long double is its own tolist.
        return float(items) if type(items) is type(value) else self.convert(items)


def _as_text(value: object) -> str | None:
    """Return the text of what is text, a path or a time in itself, or None."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, _DATES):
        return str.__str__(value.isoformat())
    return str(value) if isinstance(value, datetime.timedelta) else None


def _number_like(value: Any) -> object:
    """Return what is a number in spirit, such as a Decimal, as one; anything else as its repr."""
    kind: Any = type(value)
    if hasattr(kind, "__index__"):
        return _integer(operator.index(value))
    return float(value) if hasattr(kind, "__float__") else _described(value)


def _as_mapping(value: object) -> Mapping[Any, object] | None:
    """Return the fields of what is a map in spirit, or None."""
    if isinstance(value, Mapping):
        return value
    kind: Any = type(value)
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(kind)}
    if isinstance(value, tuple) and hasattr(kind, "_asdict"):
        return kind._asdict(value)  # type: ignore[no-any-return]
    if hasattr(kind, "model_dump"):
        return kind.model_dump(value)  # type: ignore[no-any-return]
    return vars(value) if kind.__name__ in _NAMESPACES else None


def _sorted(items: list[Any]) -> list[object]:
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=repr)


def _integer(value: int) -> int | str:
    """Return an integer, or its beginning in hexadecimal when no reader takes so many digits."""
    return value if -_TOO_LARGE < value < _TOO_LARGE else f"{value:#x}"[:MAX_TEXT]


def _type_name(value: object) -> str:
    # A metaclass may redefine __name__; type's own cannot fail.
    return str(type.__dict__["__name__"].__get__(type(value)))


def _described(value: object) -> str:
    """Return the repr of an object, without the addresses that differ from run to run."""
    try:
        text = str.__str__(repr(value))
    except Exception:  # a repr may raise anything
        return f"<unprintable {_type_name(value)}>"
    return _ADDRESS.sub("", text[: 2 * MAX_TEXT])[:MAX_TEXT]
