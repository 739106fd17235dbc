"""Large objects in S3: sent in parts, each checked by the server, resumed with the parts that are there.

The id of an upload is remembered here, so that a clone goes on with its own and never touches another's. See
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gtrack.errors import DamageError
from gtrack.store.place import Content, Progress

__all__ = ["PART", "Uploads", "content_md5", "send_in_parts"]

PART = 8 << 20
"""Bytes of a part, more where there would be over 10,000 of them; S3 wants 5 MiB at least."""
_MOST_PARTS = 10_000

Call = Callable[..., Any]
"""Calls an operation of S3's by its name."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """What is remembered of uploads that have begun.

    Args:
        folder: Where; made when something is first remembered.
        store: The store, since an upload id means something there alone.
    """

    folder: str
    store: str

    def get(self, digest: str, part: int) -> str | None:
        """Return the id of the upload of an object in parts of that size, or None."""
        try:
            with open(self._path(digest), encoding="utf-8") as file:
                found = json.loads(file.read(1 << 16))
        except (OSError, ValueError):
            return None
        if not isinstance(found, dict) or (found.get("store"), found.get("part")) != (self.store, part):
            return None
        upload = found.get("upload")
        return upload if isinstance(upload, str) else None

    def set(self, digest: str, part: int, upload: str) -> None:
        """Remember an upload."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        draft = f"{self._path(digest)}.{os.getpid()}.new"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump({"store": self.store, "part": part, "upload": upload}, file)
        os.replace(draft, self._path(digest))

    def forget(self, digest: str) -> None:
        """Forget an upload that is done with."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(digest))

    def _path(self, digest: str) -> str:
        return os.path.join(self.folder, digest)


def send_in_parts(call: Call, where: dict[str, str], content: Content, uploads: Uploads, progress: Progress) -> None:
    """Send a file in parts; it appears when the last one is there.

    Args:
        call: Calls S3.
        where: ``Bucket`` and ``Key``.
        content: The file.
        uploads: What is remembered of uploads.
        progress: Told of the bytes.

    Raises:
        DamageError: The file is not what it should be: what was sent of it is thrown away.
    """
    size = max(PART, -(-content.size // _MOST_PARTS))
    upload, there = _resume(call, where, uploads, content.digest, size)
    if upload is None:
        upload = str(call("create_multipart_upload", **where)["UploadId"])
        uploads.set(content.digest, size, upload)
    this = {**where, "UploadId": upload}
    parts: list[dict[str, object]] = []
    at = 0
    try:
        for number, block in enumerate(content.blocks(size), 1):
            md5 = hashlib.md5(block, usedforsecurity=False)
            etag = there.get(number)
            if etag is None or etag[1] != len(block) or etag[0].strip('"') != md5.hexdigest():
                sent = call("upload_part", **this, PartNumber=number, Body=block, ContentMD5=content_md5(md5.digest()))
                etag = (str(sent["ETag"]), len(block))
            parts.append({"PartNumber": number, "ETag": etag[0]})
            at += len(block)
            progress(at)
    except DamageError:
        uploads.forget(content.digest)
        with contextlib.suppress(Exception):
            call("abort_multipart_upload", **this)
        raise
    call("complete_multipart_upload", **this, MultipartUpload={"Parts": parts})
    uploads.forget(content.digest)


def content_md5(digest: bytes) -> str:
    """Return an MD5 as the header ``Content-MD5`` has it: the server compares it with what it got."""
    return base64.b64encode(digest).decode()


def _resume(
    call: Call, where: dict[str, str], uploads: Uploads, digest: str, size: int
) -> tuple[str | None, dict[int, tuple[str, int]]]:
    """Return the upload that was begun and its parts: their ETags and sizes."""
    upload = uploads.get(digest, size)
    if upload is None:
        return None, {}
    parts: dict[int, tuple[str, int]] = {}
    marker = 0
    try:
        while True:
            page = call("list_parts", **where, UploadId=upload, PartNumberMarker=marker)
            for part in page.get("Parts", ()):
                parts[int(part["PartNumber"])] = (str(part["ETag"]), int(part["Size"]))
            if not page.get("IsTruncated"):
                return upload, parts
            marker = int(page["NextPartNumberMarker"])
    except FileNotFoundError:  # NoSuchUpload: completed, or thrown away there
        uploads.forget(digest)
        return None, {}
