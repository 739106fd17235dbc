"""Opening an artifact with the desktop's viewer, which may do more with it than show it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping

from gtrack.errors import UsageError
from gtrack.text import clean

__all__ = ["active_content", "program", "show", "view_folder"]

_KEPT = 86_400.0
"""Seconds for which a copy stays that a viewer was given: it may read it late."""
_PASSIVE: Mapping[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "webp": (b"RIFF",),
    "bmp": (b"BM",),
    "wav": (b"RIFF",),
    "flac": (b"fLaC",),
    "ogg": (b"OggS",),
    "mp3": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "txt": (),
    "log": (),
    "csv": (),
    "tsv": (),
    "md": (),
    "json": (),
    "jsonl": (),
    "yaml": (),
    "yml": (),
}
"""Endings of files that viewers show and do not run, and how such files begin; text may begin with anything but markup.

Viewers go by the ending or by the beginning, so both must be known.
"""


def active_content(path: str, head: bytes) -> str | None:
    """Tell why a viewer might do more with a file than show it; None for pictures, sounds and plain text.

    Args:
        path: Its name, whose ending says what it is to be.
        head: Its first bytes.

    Example:
        >>> active_content("report.html", b"<html>")
        'a browser runs what an .html file holds'
    """
    ending = path.rpartition(".")[2].lower() if "." in path else ""
    if ending in ("html", "htm", "xhtml", "svg", "xml", "mhtml"):
        return f"a browser runs what an .{ending} file holds"
    if ending not in _PASSIVE:
        return f"what a desktop does with {f'an .{clean(ending)[:20]}' if ending else 'such a'} file is not known"
    begins = _PASSIVE[ending]
    if begins and not head.startswith(begins):
        return f"it is called .{ending} and does not begin like one"
    if not begins and (head.lstrip().startswith((b"<", b"#!", b"%PDF", b"[Desktop")) or b"\0" in head):
        return f"it is called .{ending} and does not begin like text"
    return None


def program(env: Mapping[str, str]) -> str:
    """Return the desktop's program that opens files.

    Raises:
        UsageError: There is none.
    """
    name = "open" if sys.platform == "darwin" else "xdg-open"
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    if found is None:
        raise UsageError(f"there is no {name} here to open files with", hint="gtrack artifact get writes the file")
    return found


def view_folder(home: str) -> str:
    """Return a new folder for a copy that a viewer is given; those of yesterday are removed.

    Args:
        home: gtrack's folder in the repository.
    """
    root = os.path.join(home, "opened")
    os.makedirs(root, mode=0o700, exist_ok=True)
    for name in os.listdir(root):
        path = os.path.join(root, name)
        with contextlib.suppress(OSError):
            if time.time() - os.lstat(path).st_mtime > _KEPT:
                shutil.rmtree(path)
    made = os.path.join(root, os.urandom(8).hex())
    os.mkdir(made, mode=0o700)
    return made


def show(path: str, env: Mapping[str, str]) -> None:
    """Open a file with the desktop's program.

    Raises:
        UsageError: There is none, or it failed.
    """
    command = [program(env), os.path.abspath(path)]
    done = subprocess.run(command, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise UsageError(f"{command[0]} could not open {clean(path)}", hint="gtrack artifact get writes the file")
