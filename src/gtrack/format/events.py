"""The patient reader of YAML: what a person edited by hand, read from PyYAML's events.

Events come one at a time and without recursion, so that depth, anchors, aliases and tags are refused before anything
is built of them. (PyYAML's own composer recurses in C and crashes on deep nesting.) Plain scalars are read by the core
schema of YAML 1.2, https://yaml.org/spec/1.2.2/#103-core-schema, not by 1.1: ``1e-4`` is a float; ``no``, ``12:30:45``
and ``2026-11-21`` are text. Numbers with a leading zero, hexadecimal and octal ones stay text too, because readers
disagree on them. A key is always text, and ``<<`` merges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from gtrack.errors import ParseError
from gtrack.format.scalars import MAX_DEPTH, SPECIAL, UNSAFE, decode_map, parse_int
from gtrack.text import clean

__all__ = ["read_events"]

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{form: value for name, value in SPECIAL.items() for form in (name, name.upper())},
    **dict.fromkeys(("+.inf", ".Inf", "+.Inf", "+.INF"), SPECIAL[".inf"]),
    "-.Inf": SPECIAL["-.inf"],
    ".NaN": SPECIAL[".nan"],
}
# A tab, a newline and a carriage return are layout here; the fast reader knows only newlines.
_LAYOUT = "\t\n\r"


def read_events(text: str, name: str) -> dict[str, object]:
    """Return the document.

    Args:
        text: The document, at most ``MAX_BYTES`` long.
        name: What the document is called in an error.

    Raises:
        ParseError: It is not a map in the accepted part of YAML.
    """
    import yaml

    name = clean(name)
    text = text.removeprefix("\ufeff")
    for match in UNSAFE.finditer(text):
        if match[0] not in _LAYOUT:
            line = text.count("\n", 0, match.start()) + 1
            raise ParseError(f"{name}, line {line}: the character U+{ord(match[0]):04X} may stand in an escape only")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _Reader(yaml.parse(text, Loader=loader), name)
    try:
        return reader.document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        reader.line = mark.line + 1 if mark else reader.line
        reader.fail(str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"))


class _Reader:
    """Builds plain values from the events of one document."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self.events = events
        self.name = name
        self.line = 1
        self.level = 0

    def fail(self, reason: str) -> NoReturn:
        raise ParseError(f"{self.name}, line {self.line}: {clean(reason)[:200]}")

    def next(self) -> tuple[str, Any]:
        """Return the next event and its kind, such as ``Scalar`` or ``MappingEnd``."""
        event = next(self.events)
        self.line = event.start_mark.line + 1
        kind = type(event).__name__.removesuffix("Event")
        if kind == "Alias" or getattr(event, "anchor", None) is not None:
            self.fail("anchors and aliases are not accepted")
        if getattr(event, "tag", None) is not None:
            self.fail("tags are not accepted")
        return kind, event

    def document(self) -> dict[str, object]:
        self.next()
        kind, start = self.next()
        if kind != "DocumentStart":
            self.fail("the document is empty")
        if start.version or start.tags:
            self.fail("directives are not accepted")
        kind, event = self.next()
        if kind != "MappingStart":
            self.fail("the document is not a map")
        result = self.value(kind, event)
        if not isinstance(result, dict):
            self.fail("the document is not a map")
        self.next()
        if self.next()[0] != "StreamEnd":
            self.fail("there is more than one document")
        return result

    def value(self, kind: str, event: Any) -> object:
        if kind == "Scalar":
            return self.scalar(event)
        self.level += 1
        if self.level > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels")
        result = self.mapping() if kind == "MappingStart" else self.sequence()
        self.level -= 1
        return result

    def sequence(self) -> list[object]:
        result = []
        kind, event = self.next()
        while kind != "SequenceEnd":
            result.append(self.value(kind, event))
            kind, event = self.next()
        return result

    def mapping(self) -> object:
        pairs: list[tuple[str, object]] = []
        kind, event = self.next()
        while kind != "MappingEnd":
            if kind != "Scalar":
                self.fail("a key is not text")
            key = self.text(event)
            pairs.append((key, self.value(*self.next())))
            kind, event = self.next()
        try:
            return decode_map(pairs)
        except ValueError as error:
            self.fail(str(error))

    def text(self, event: Any) -> str:
        text: str = event.value
        try:
            text.encode()
        except UnicodeEncodeError:  # PyYAML without libyaml lets them through
            self.fail("a surrogate is not a character")
        return text

    def scalar(self, event: Any) -> object:
        text = self.text(event)
        if event.style:  # quoted, or a block of text; a plain scalar has no style
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text):
            try:
                return parse_int(text)
            except ValueError as error:
                self.fail(str(error))
        return float(text) if _FLOAT.match(text) else text
