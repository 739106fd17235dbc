"""Long values: kept beside a document as files of their own, so that no size is fatal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gtrack.errors import UsageError
from gtrack.format import names, yaml
from gtrack.model.fold import merge_params

__all__ = ["LONG", "MARK", "Spilled", "restore_long_values", "spill_long_values"]

LONG = 64 << 10
"""Bytes from which a param or tag value gets a file of its own."""
MARK = "$values"
_MAX_DOCUMENT = 900_000
_SPILLED = ("params", "tags", "notes", "data", "uses")
_LISTS = ("notes", "data", "uses")


class Spilled(NamedTuple):
    """A document that fits.

    Attributes:
        body: The document.
        data: The document as YAML.
        files: What it no longer holds itself, by the names of the files.
    """

    body: dict[str, object]
    data: bytes
    files: dict[str, bytes]


def spill_long_values(body: Mapping[str, object]) -> Spilled:
    """Replace long texts among params, tags, notes, inputs and edges by the names of files that hold them.

    Args:
        body: A document.

    Raises:
        UsageError: It is too long all the same.
    """
    files: dict[str, bytes] = {}
    out = dict(body)
    for limit in (LONG, 4096, 256):
        for name in _SPILLED:
            if name in out:
                out[name] = _shorten(out[name], limit, files)
        data = _fitting(out)
        if data is not None:
            return Spilled(out, data, files)
    # Very many short values: a whole map becomes one file, the largest first.
    for name in sorted(_SPILLED, key=lambda name: -len(repr(out.get(name)))):
        value = out.get(name)
        if not value:
            continue
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        file = names.values(text)
        files[file] = text
        marker = {MARK: file, "bytes": len(text), "json": True}
        # Under the file's name, so that two documents of a run can both have such a map.
        out[name] = [marker] if name in _LISTS else {file: marker}
        data = _fitting(out)
        if data is not None:
            return Spilled(out, data, files)
    return Spilled(out, yaml.dump(out), files)


def _fitting(body: Mapping[str, object]) -> bytes | None:
    """Return a document as YAML, or None when it is too long."""
    try:
        data = yaml.dump(body)
    except UsageError:
        return None
    return data if len(data) <= _MAX_DOCUMENT else None


def restore_long_values(value: object, read: Callable[[str], bytes | None]) -> object:
    """Put long values back.

    Args:
        value: A value of a document.
        read: Returns the content of a ``values-*`` file of the same run, or None when it is not at hand.
    """
    return _Restorer(read).whole(value)


class _Restorer:
    """Puts long values back, each file read once: a hostile document may name one a million times, or in a circle."""

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self._read = read
        self._texts: dict[str, str | None] = {}
        self._maps: dict[str, object] = {}

    def whole(self, value: object, *, nested: bool = False) -> object:
        if isinstance(value, list):
            out: list[object] = []
            for item in value:
                whole = self.whole(item, nested=nested)
                # A list that was too long for its document.
                out.extend(whole if isinstance(whole, list) and isinstance(item, Mapping) else [whole])
            return out
        if not isinstance(value, Mapping):
            return value
        found = self._file_of(value, nested)
        if found is not None:
            return found
        restored: dict[str, object] = {}
        for key, item in value.items():
            whole = self.whole(item, nested=nested)
            if isinstance(item, Mapping) and item.get(MARK) == key and isinstance(whole, Mapping):
                merge_params(restored, whole)
            else:
                restored[key] = whole
        return restored

    def _file_of(self, marker: Mapping[str, object], nested: bool) -> object | None:
        """Return what the file holds that a marker names; None when it is no marker, or the file is not at hand."""
        name = marker.get(MARK)
        if not isinstance(name, str):
            return None
        if name not in self._texts:
            data = self._read(name)
            self._texts[name] = None if data is None else data.decode("utf-8", "replace")
        text = self._texts[name]
        if text is None or not marker.get("json") or nested:
            return text
        if name not in self._maps:
            try:
                # What was too long even for the map went to files of its own before.
                self._maps[name] = self.whole(json.loads(text), nested=True)
            except (ValueError, RecursionError):
                self._maps[name] = text
        return self._maps[name]


def _shorten(value: object, limit: int, files: dict[str, bytes]) -> object:
    if isinstance(value, str) and len(value) > limit // 4:
        data = value.encode("utf-8", "replace")
        if len(data) > limit:
            files[names.values(data)] = data
            return {MARK: names.values(data), "bytes": len(data)}
    if isinstance(value, Mapping):
        return {key: _shorten(item, limit, files) for key, item in value.items()}
    if isinstance(value, list):
        return [_shorten(item, limit, files) for item in value]
    return value
