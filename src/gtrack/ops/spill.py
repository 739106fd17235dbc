"""Long values: kept beside a document as files of their own, so that no size is fatal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from gtrack.format import names, yaml

__all__ = ["LONG", "MARK", "restore_long_values", "spill_long_values"]

LONG = 64 << 10
"""Bytes from which a param or tag value gets a file of its own."""
MARK = "$values"
_MAX_DOCUMENT = 900_000


def spill_long_values(body: Mapping[str, object]) -> tuple[dict[str, object], dict[str, bytes]]:
    """Replace long texts among params, tags and notes by the names of files that hold them.

    Args:
        body: A document.

    Returns:
        The document that fits, and the files by name.
    """
    files: dict[str, bytes] = {}
    out = dict(body)
    for limit in (LONG, 4096, 256):
        for name in ("params", "tags", "notes"):
            if name in out:
                out[name] = _shorten(out[name], limit, files)
        if len(yaml.dump(out)) <= _MAX_DOCUMENT:
            return out, files
    for name in ("params", "tags", "notes"):
        # Very many short values: the whole map becomes one file.
        value = out.get(name)
        if value and len(repr(value)) > _MAX_DOCUMENT // 4:
            data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            files[names.values(data)] = data
            marker = {MARK: names.values(data), "bytes": len(data), "json": True}
            out[name] = [marker] if name == "notes" else {MARK: marker}
    return out, files


def restore_long_values(value: object, read: Callable[[str], bytes | None]) -> object:
    """Put long values back.

    Args:
        value: A value of a document.
        read: Returns the content of a ``values-*`` file of the same run, or None when it is not at hand.
    """
    if isinstance(value, list):
        return [restore_long_values(item, read) for item in value]
    if not isinstance(value, Mapping):
        return value
    marker: Mapping[str, object] = value
    if len(value) == 1 and isinstance(inner := value.get(MARK), Mapping):
        marker = inner
    name = marker.get(MARK)
    data = read(name) if isinstance(name, str) else None
    if data is None:
        return {key: restore_long_values(item, read) for key, item in value.items()}
    return _parsed(data) if marker.get("json") else data.decode("utf-8", "replace")


def _parsed(data: bytes) -> object:
    """A map that was too long for its document."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


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
