"""A store in S3, or in what speaks its language: sessions and credentials are s3fs's, the operations S3's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from gtrack.store.multipart import PART, Uploads, content_md5, send_in_parts
from gtrack.store.object_place import ObjectPlace
from gtrack.store.place import Content, Progress, Stored

__all__ = ["S3Place"]

_SINGLE = 2 * PART
"""From this size on an object is sent in parts."""
_LARGEST_COPY = 5 << 30


class S3Place(ObjectPlace):
    """A store in S3; see :class:`gtrack.store.place.Place`.

    An upload of 16 MiB and more is sent in parts, and the next one goes on with those that are there.

    Args:
        fs: s3fs's filesystem.
        root: The bucket and the prefix in it.
        uploads: What is remembered of uploads that have begun.
    """

    def __init__(self, fs: Any, root: str, uploads: Uploads) -> None:
        super().__init__(fs, root)
        self._uploads = uploads
        self._bucket, _, self._prefix = self.root.partition("/")

    def stat(self, key: str) -> Stored | None:
        """Tell what is under a name, or None."""
        try:
            head: Mapping[str, Any] = self.fs.call_s3("head_object", **self._where(key))
        except FileNotFoundError:
            return None
        return Stored(key, int(head["ContentLength"]), head["LastModified"].timestamp())

    def put(self, key: str, content: Content, progress: Progress) -> None:
        """Send a file: whole, or in parts where it is large."""
        where = self._where(key)
        if content.size >= _SINGLE:
            send_in_parts(self.fs.call_s3, where, content, self._uploads, progress)
        else:
            data = b"".join(content.blocks())
            md5 = hashlib.md5(data, usedforsecurity=False).digest()
            self.fs.call_s3("put_object", **where, Body=data, ContentMD5=content_md5(md5))
            progress(len(data))
        found = self.stat(key)
        if found is None or found.size != content.size:
            raise OSError(f"{key} did not arrive as it was sent")

    def refresh(self, key: str) -> bool:
        """Make an object as young as one that is sent now: S3 copies it onto itself."""
        found = self.stat(key)
        if found is None or found.size > _LARGEST_COPY:
            return False
        where = self._where(key)
        self.fs.call_s3("copy_object", **where, CopySource=dict(where), MetadataDirective="REPLACE")
        return True

    def _where(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}/{key}" if self._prefix else key}
