"""Small system files, read without ever raising: an odd machine gives None or nothing."""

from __future__ import annotations

import os

__all__ = ["list_names", "read_bytes", "read_text"]


def read_bytes(root: str, path: str, limit: int = 65_536) -> bytes | None:
    """Return the first ``limit`` bytes of a file, or None where it cannot be read.

    Args:
        root: The directory that stands for ``/``; tests pass a made-up tree.
        path: The file's path below ``root``, without a leading slash.
        limit: How many bytes to read at most. The kernel composes files of ``/proc`` while they are read, so a
            small limit saves real time on a machine of many processors.
    """
    try:
        with open(os.path.join(root, path), "rb") as file:
            return file.read(limit)
    except (OSError, ValueError):
        return None


def read_text(root: str, path: str, limit: int = 65_536) -> str | None:
    """Return the first ``limit`` bytes of a file as text, or None where it cannot be read."""
    data = read_bytes(root, path, limit)
    return None if data is None else data.decode("utf-8", "replace")


def list_names(root: str, path: str) -> list[str]:
    """Return the sorted names in a directory, or nothing where it cannot be read."""
    try:
        return sorted(os.listdir(os.path.join(root, path)))
    except (OSError, ValueError):
        return []
