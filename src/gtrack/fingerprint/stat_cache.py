"""Digests of files that have not changed since they were computed, by what the file system says of them.

As git's index does: a file is the same while its size, times and inode are. One that was changed so lately that another
change could leave its times as they are is not trusted ("racy git", https://git-scm.com/docs/racy-git).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time

__all__ = ["Known", "Stamp", "StatCache", "stamp_of"]

_VERSION = 1
_RACY = 2_000_000_000
"""Nanoseconds within which a file system may give two changes the same time: FAT's are of 2 s."""
_MOST_ROOTS = 500
_LINE = 1 << 16
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, RecursionError)
"""What a cache may do to its reader that is absent, damaged or another version's."""

Stamp = tuple[int, int, int, int]
"""Size, modification and change time in nanoseconds, inode."""
Known = dict[str, tuple[Stamp, str]]
"""Each file's stamp and digest, by its path."""


def stamp_of(stat: os.stat_result) -> Stamp:
    """Return what tells a changed file from an unchanged one."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


class StatCache:
    """Digests by file or folder, in files of their own. What cannot be read or written is not there.

    Args:
        folder: Where to keep them; None to keep nothing.
        now_ns: The time, in nanoseconds since the epoch.
    """

    def __init__(self, folder: str | None, *, now_ns: int | None = None) -> None:
        self._folder = folder
        self._began = time.time_ns() if now_ns is None else now_ns

    def whole(self, root: str, signature: str) -> str | None:
        """Return what was kept of all of a folder under that signature of its stamps, without reading the rest."""
        with contextlib.suppress(*_UNREADABLE), open(self._path(root), encoding="utf-8") as file:
            version, known, result = json.loads(file.readline(_LINE))
            if (version, known) == (_VERSION, signature) and _is_digest(result):
                return str(result)
        return None

    def files(self, root: str) -> Known:
        """Return the digests of the files of a folder, as far as they are known."""
        known: Known = {}
        with contextlib.suppress(*_UNREADABLE), open(self._path(root), encoding="utf-8") as file:
            if json.loads(file.readline(_LINE))[0] == _VERSION:
                for line in file:
                    path, (size, modified, changed, inode), digest = json.loads(line)
                    if _is_digest(digest):
                        known[path] = ((size, modified, changed, inode), digest)
        return known

    def keep(self, root: str, signature: str, result: str, files: Known) -> None:
        """Keep what was computed. Files that were changed just now are left out, and with them the whole."""
        settled = {path: entry for path, entry in files.items() if max(entry[0][1:3]) < self._began - _RACY}
        head = [_VERSION, signature if len(settled) == len(files) else "", result]
        lines = [head, *([path, stamp, digest] for path, (stamp, digest) in settled.items())]
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            self._make_room(self._folder)
            path = self._path(root)
            aside = f"{path}.{os.getpid()}"
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines)
            os.replace(aside, path)

    def _path(self, root: str) -> str:
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
        return os.path.join(self._folder, name) if self._folder is not None else os.devnull

    def _make_room(self, folder: str) -> None:
        """Remove what was used longest ago, once there are many."""
        with os.scandir(folder) as entries:
            found = list(entries)
        if len(found) < _MOST_ROOTS:
            return
        found.sort(key=lambda entry: entry.stat().st_mtime_ns)
        for entry in found[: len(found) // 2]:
            os.unlink(entry.path)


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(char in "0123456789abcdef" for char in value)
