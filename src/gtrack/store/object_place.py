"""A store in a bucket or container, through fsspec: objects appear when they are whole, and have no folders."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from gtrack.store.place import Content, Progress, Stored

__all__ = ["ObjectPlace", "modified_of"]


class ObjectPlace:
    """A store in a bucket; see :class:`gtrack.store.place.Place`.

    An upload that was cut off leaves nothing, and starts again.

    Args:
        fs: fsspec's filesystem.
        root: The bucket and the prefix in it.
    """

    def __init__(self, fs: Any, root: str) -> None:
        self.fs = fs
        self.root = root.rstrip("/")

    def prepare(self) -> None:
        """There is nothing to make: a bucket is its owner's affair."""

    def stat(self, key: str) -> Stored | None:
        """Tell what is under a name, or None."""
        info = self._info(key)
        return None if info is None else Stored(key, int(info["size"]), modified_of(info))

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return bytes of an object."""
        data: bytes = self.fs.cat_file(self._at(key), start=start, end=start + length)
        return data

    def put(self, key: str, content: Content, progress: Progress) -> None:
        """Send a file; it is hashed before, since the client reads it by itself."""
        md5 = hashlib.md5(usedforsecurity=False)
        for block in content.blocks():
            md5.update(block)
            progress(0)  # a chance to stop
        self.fs.put_file(content.path, self._at(key))
        info = self._info(key) or {}
        told = _md5_of(info)
        if info.get("size") != content.size or told not in (None, md5.digest()):
            self.remove(key)
            raise OSError(f"{key} did not arrive as it was sent")
        progress(content.size)

    def write(self, key: str, data: bytes) -> None:
        """Write a small object at once."""
        self.fs.pipe_file(self._at(key), data)

    def remove(self, key: str) -> None:
        """Remove an object."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self._at(key))

    def entries(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below a folder."""
        self.fs.invalidate_cache()
        found: Mapping[str, Any] = self.fs.find(self._at(prefix).rstrip("/"), detail=True)
        start = self.fs._strip_protocol(self.root).strip("/") + "/"
        for path, info in found.items():
            yield Stored(path.strip("/").removeprefix(start), int(info["size"]), modified_of(info))

    def refresh(self, key: str) -> bool:  # noqa: ARG002  # the signature is a place's
        """Make an object as young as one that is sent now."""
        return False

    def close(self) -> None:
        """Connections are the client's."""

    def _at(self, key: str) -> str:
        return f"{self.root}/{key}"

    def _info(self, key: str) -> Mapping[str, Any] | None:
        self.fs.invalidate_cache()
        try:
            info: Mapping[str, Any] = self.fs.info(self._at(key))
        except FileNotFoundError:
            return None
        return info if info.get("type", "file") == "file" else None


def modified_of(info: Mapping[str, Any]) -> float | None:
    """Return when an object was written, as the clients of S3, Google and Azure tell it; None where they do not."""
    for name in ("LastModified", "last_modified", "updated", "mtime", "created"):
        value = info.get(name)
        if isinstance(value, str) and value:
            with contextlib.suppress(ValueError):
                value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.timestamp()
    return None


def _md5_of(info: Mapping[str, Any]) -> bytes | None:
    """Return the MD5 that a store has computed itself: Google's ``md5Hash``, Azure's ``content_md5``."""
    said = info.get("md5Hash")
    if isinstance(said, str):
        with contextlib.suppress(ValueError):
            return base64.b64decode(said)
    settings = info.get("content_settings")
    computed = settings.get("content_md5") if isinstance(settings, Mapping) else None
    return bytes(computed) if isinstance(computed, bytes | bytearray) else None
