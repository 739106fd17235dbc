"""The files of a folder that is to be kept, and what of it cannot be."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Below", "files_below"]

_MOST = 1_000_000


@dataclass(slots=True)
class Below:
    """What is in a folder.

    Attributes:
        files: Plain files and links to such: the path, and the path below the folder.
        left_out: What is neither, each with why.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def files_below(folder: str) -> Below:
    """Return the files of a folder and of those in it, in a fixed order.

    Links to files are followed. Links to folders are not, since they may lead back; git's own folders are no content.

    Args:
        folder: The folder.
    """
    found = Below()
    waiting = [(folder, "")]
    while waiting and len(found.files) < _MOST:
        path, below = waiting.pop()
        try:
            entries = sorted(_entries(path))
        except OSError as error:
            found.left_out.append(f"{below or path} ({error.strerror})")
            continue
        folders = []
        for name, kind in entries:
            inner = f"{below}/{name}" if below else name
            if kind is None:
                found.files.append((os.path.join(path, name), inner))
            elif kind:
                found.left_out.append(f"{inner} ({kind})")
            else:
                folders.append((os.path.join(path, name), inner))
        waiting += reversed(folders)
    return found


def _entries(path: str) -> Iterator[tuple[str, str | None]]:
    """Yield names, each with None for a file, nothing for a folder, and for anything else why it is left out."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, "git's own" if entry.name == ".git" else ""
                continue
            try:
                mode = entry.stat().st_mode
            except OSError as error:
                yield entry.name, "a link that leads nowhere" if entry.is_symlink() else str(error.strerror)
                continue
            if stat.S_ISREG(mode):
                yield entry.name, None
            else:
                yield entry.name, "a link to a folder" if stat.S_ISDIR(mode) else "no plain file"
