"""What of a page Streamlit reads as Markdown: bodies, labels, help, captions, pills, cells of HTML tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

_READ = frozenset({"body", "label", "help", "content", "caption", "captions", "delta"})
_AS_IT_IS = frozenset({"code", "text", "bidi_component", "iframe", "json"})
"""Elements that show text as it is."""


def marked_texts(at: AppTest) -> list[tuple[str, str]]:
    """Return the texts that Streamlit reads as Markdown, each after the kind of the element that has it."""
    return [found for node in _nodes(at._tree) for found in _of(node)]


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in getattr(node, "children", {}).values():
        yield from _nodes(child)


def _of(node: Any) -> Iterator[tuple[str, str]]:
    proto = getattr(node, "proto", None)
    if proto is None or node.type in _AS_IT_IS:
        return
    if node.type == "table":
        for name, values in node.value.items():
            yield from ((node.type, str(text)) for text in (name, *values))
        return
    if node.type == "dataframe":
        for column in json.loads(proto.columns or "{}").values():
            if isinstance(column, dict) and column.get("help"):
                yield node.type, column["help"]
        return
    for text in _fields(proto):
        yield node.type, text


def _fields(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for inner in values:
                yield from _fields(inner)
        elif field.name in _READ:
            yield from map(str, values)
