"""Writing the YAML subset: two block levels, and one-line JSON below them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from gtrack.errors import UsageError
from gtrack.format.scalars import MAX_DEPTH, MAX_DIGITS, MAX_KEY_BYTES, escape_key, float_tag, quote, shown

__all__ = ["MAX_KEY_TEXT", "emit"]

MAX_KEY_TEXT = 1000
"""The longest key as written, in characters: libyaml gives up on a key after 1,024."""

_TOP_KEY = re.compile(r"[a-z_]+\Z")
# Bare words that YAML 1.1 does not read as text.
_WORDS = frozenset("null true false yes no on off y n".split())
_TOO_LARGE = 10**MAX_DIGITS
_SURROGATE = re.compile("[\ud800-\udfff]")


def emit(document: Mapping[str, object], replaced: list[str] | None) -> str:
    """Return the text of ``document``; see :func:`gtrack.format.yaml.dump`."""
    writer = _Writer(replaced)
    out = []
    for key, value in document.items():
        if not isinstance(key, str) or not _TOP_KEY.match(key) or key in _WORDS:
            raise UsageError(f"{shown(str(key))} cannot be a top-level key: it must be of lower-case letters and _")
        writer.path = [key]
        if isinstance(value, Mapping) and value:
            out.append(f"{key}:\n")
            out.extend(f"  {name}: {text}\n" for name, text in writer.items(value, flow=False))
        else:
            out.append(f"{key}: {writer.value(value, flow=False)}\n")
    return "".join(out)


class _Writer:
    """Writes values, and knows where in the document it is."""

    def __init__(self, replaced: list[str] | None) -> None:
        self.replaced = replaced
        self.path: list[str] = []

    def refuse(self, reason: str) -> UsageError:
        return UsageError(f"{shown('.'.join(self.path))} cannot be written: {reason}")

    def value(self, value: object, *, flow: bool) -> str:
        """Return one value on one line; ``flow`` tells that it stands inside one-line JSON."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, float):
            return self.number(value, flow=flow)
        if isinstance(value, int):
            return self.integer(value)
        if len(self.path) >= MAX_DEPTH:
            raise self.refuse(f"it is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{name}: {text}" for name, text in self.items(value, flow=True)) + "}"
        if isinstance(value, list | tuple):
            self.path.append("[]")
            out = [self.value(item, flow=True) for item in value]
            self.path.pop()
            return f"[{', '.join(out)}]"
        raise self.refuse(f"{type(value).__name__} is not a plain type")

    def items(self, value: Mapping[str, object], *, flow: bool) -> list[tuple[str, str]]:
        """Return the quoted keys and the written values of a map."""
        out = {}
        for key, item in value.items():
            self.path.append(str(key))
            name = self.key(key)
            if name in out:
                raise self.refuse("the key comes twice")
            out[name] = self.value(item, flow=flow)
            self.path.pop()
        return list(out.items())

    def key(self, key: object) -> str:
        if not isinstance(key, str):
            raise self.refuse(f"a key is a {type(key).__name__}, not text")
        name = self.text(escape_key(str.__str__(key)))
        if len(name) > MAX_KEY_BYTES // 4 and (
            len(name) > MAX_KEY_TEXT or len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES
        ):
            raise self.refuse(f"the key is longer than {MAX_KEY_BYTES} bytes")
        return name

    def text(self, text: str) -> str:
        # Plain str is taken as it is; a subclass may lie about itself.
        text = text if type(text) is str else str.__str__(text)
        if not text.isprintable() and _SURROGATE.search(text):
            text = _SURROGATE.sub("\ufffd", text)
            if self.replaced is not None:
                self.replaced.append(_SURROGATE.sub("\ufffd", ".".join(self.path)))
        return quote(text)

    def number(self, value: float, *, flow: bool) -> str:
        if math.isfinite(value):
            text = float.__repr__(value)
            # YAML 1.1 reads 1e-05 as text; 1.0e-05 is a float to everybody.
            return text.replace("e", ".0e") if "e" in text and "." not in text else text
        tag = float_tag(value)
        if flow:
            return f'{{"$float": "{tag["$float"]}"}}'
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[tag["$float"]]

    def integer(self, value: int) -> str:
        if -_TOO_LARGE < value < _TOO_LARGE:
            return int.__repr__(value)
        raise self.refuse(f"the integer has more than {MAX_DIGITS} digits")
