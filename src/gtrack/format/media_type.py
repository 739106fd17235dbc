"""Media types of files by the endings of their names; the same on every machine, whatever its mime.types says."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["OCTETS", "media_type", "sound_type"]

OCTETS = "application/octet-stream"
"""The type of what is not known."""

_SOUND = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,80}\Z")
# What the standard library does not know, or knows only of some versions.
_TYPES = {
    "arrow": "application/vnd.apache.arrow.file",
    "avif": "image/avif",
    "bz2": "application/x-bzip2",
    "ckpt": OCTETS,
    "csv": "text/csv",
    "feather": "application/vnd.apache.arrow.file",
    "flac": "audio/flac",
    "gz": "application/gzip",
    "jsonl": "application/jsonl",
    "log": "text/plain",
    "md": "text/markdown",
    "npy": OCTETS,
    "onnx": OCTETS,
    "parquet": "application/vnd.apache.parquet",
    "pickle": OCTETS,
    "pkl": OCTETS,
    "pt": OCTETS,
    "pth": OCTETS,
    "py": "text/x-python",
    "safetensors": OCTETS,
    "toml": "application/toml",
    "ts": "text/plain",
    "wav": "audio/wav",
    "webp": "image/webp",
    "xz": "application/x-xz",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zst": "application/zstd",
}


def media_type(path: str) -> str:
    """Return the media type that a path's ending stands for.

    Example:
        >>> media_type("plots/roc.png")
        'image/png'
    """
    stem, dot, ending = path.rpartition("/")[2].rpartition(".")
    return _by_ending(ending.lower()) if dot and stem and len(ending) <= 16 else OCTETS


@lru_cache(maxsize=256)
def _by_ending(ending: str) -> str:
    known = _TYPES.get(ending)
    if known is not None:
        return known
    from mimetypes import MimeTypes

    # A table of its own: the global one has what this machine adds to it.
    found = MimeTypes().types_map[True].get(f".{ending}", OCTETS)
    return found if sound_type(found) else OCTETS


def sound_type(text: object) -> bool:
    """Tell whether something is a media type, in lower case and without parameters.

    Example:
        >>> sound_type("image/svg+xml"), sound_type("text/html; charset=utf-8")
        (True, False)
    """
    return isinstance(text, str) and _SOUND.match(text) is not None
