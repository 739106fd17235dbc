"""Image files told by their first bytes: which format, how wide and how high, without decoding any of it.

Sources: PNG (https://www.w3.org/TR/png-3/), GIF (https://www.w3.org/Graphics/GIF/spec-gif89a.txt), JPEG
(https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1 and B.2), WebP
(https://developers.google.com/speed/webp/docs/riff_container and RFC 6386, 9.1).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["IMAGE_SUFFIXES", "ImageFile", "inspect_image"]

IMAGE_SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".gif": "gif"}
"""The endings of image files' names, and the format of each."""

_MARKERS = 10_000


@dataclass(frozen=True, slots=True)
class ImageFile:
    """What an image file says of itself: ``png``, ``jpeg``, ``webp`` or ``gif``; width and height in pixels."""

    format: str
    width: int
    height: int


def inspect_image(data: bytes) -> ImageFile | None:
    """Return what an image file is; None when it is of no format that browsers show, or damaged where it begins.

    Args:
        data: The file, or its first megabytes.
    """
    try:
        if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR":
            return _sized("png", *struct.unpack_from(">II", data, 16))
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return _sized("gif", *struct.unpack_from("<HH", data, 6))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[:3] == b"\xff\xd8\xff":
            return _jpeg(data)
    except struct.error:
        pass
    return None


def _sized(name: str, width: int, height: int) -> ImageFile | None:
    return ImageFile(name, width, height) if width and height else None


def _webp(data: bytes) -> ImageFile | None:
    kind = data[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return _sized("webp", (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1)
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", data, 21)
        return _sized("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return _sized("webp", width & 0x3FFF, height & 0x3FFF)
    return None


def _jpeg(data: bytes) -> ImageFile | None:
    """Walk from segment to segment to the start of frame."""
    at = 2
    for _ in range(_MARKERS):
        mark, code = struct.unpack_from(">BB", data, at)
        if mark != 0xFF:
            return None
        if code == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return _sized("jpeg", width, height)
        (length,) = struct.unpack_from(">H", data, at + 2)
        at += 2 + length
    return None
