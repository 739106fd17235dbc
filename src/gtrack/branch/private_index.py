"""A private copy of the index: made, brought up to date, removed; the user's own is only read."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from gtrack.branch.edits import Edits
from gtrack.branch.status import ABSENT, Where
from gtrack.branch.untracked import Selection
from gtrack.errors import GitError, RepositoryError

__all__ = ["index_copy", "is_about_room", "is_writable", "scratch_folder", "spooled_store", "update_index"]

# safecrlf would refuse a file whose line endings git is told to convert; a snapshot takes it as `git add` would.
_CONFIG = ("-c", "core.safecrlf=false", "-c", "advice.addEmbeddedRepo=false")
_REFUSED = 64
_STALE = 24 * 3600
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM})
_NO_ROOM_TEXTS = (
    *map(os.strerror, _NO_ROOM - {errno.EACCES, errno.EPERM}),
    "insufficient permission for adding an object",
)


def update_index(where: Where, edits: Edits, selection: Selection) -> list[str]:
    """Bring the copied index up to date; return the paths that git could not take.

    Raises:
        GitError: Git failed, or refused more than a few.
    """
    lines = [_index_line("0", "0" * len(change.head_id), change.path) for change in edits.remove]
    for change in edits.restore:
        mode = "0" if change.head_mode == ABSENT else change.head_mode
        lines.append(_index_line(mode, change.head_id, change.path))
    if lines:
        where.run("update-index", "-z", "--index-info", input=os.fsencode("".join(lines)))
    refused: list[str] = []
    _stage(where, [*edits.stage, *selection.taken], refused)
    return refused


def _index_line(mode: str, object_id: str, path: str) -> str:
    """Return a line of ``git update-index --index-info``; mode 0 removes the path."""
    return f"{mode} {object_id}\t{path}\0"


def _stage(where: Where, paths: Sequence[str], refused: list[str]) -> None:
    """Add files to the copied index; halve what git refuses until it is known which file it was."""
    if not paths:
        return
    args = [*_CONFIG, "update-index", "--add", "--remove", "--replace", "-z", "--stdin"]
    try:
        where.run(*args, input=b"".join(os.fsencode(path) + b"\0" for path in paths))
    except GitError as error:
        if is_about_room(error):
            raise
        if len(paths) > 1:
            _stage(where, paths[: len(paths) // 2], refused)
            _stage(where, paths[len(paths) // 2 :], refused)
            return
        if len(refused) == _REFUSED:
            raise  # not one odd file, but a filter or a disk that fails
        refused.append(paths[0])


def is_writable(objects: str) -> bool:
    """Tell whether an object directory can be written."""
    return os.access(objects, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def is_about_room(error: GitError | OSError) -> bool:
    """Tell whether the repository cannot take the objects, so that another directory may do better."""
    if isinstance(error, GitError):
        return any(text in str(error) for text in _NO_ROOM_TEXTS)
    return error.errno in _NO_ROOM


def spooled_store(objects: str, spool_objects: str | None) -> tuple[str, dict[str, str]]:
    """Return the directory for objects that the repository cannot take, and the variables that tell git so.

    Args:
        objects: The repository's object directory.
        spool_objects: The other one; made when needed.

    Raises:
        RepositoryError: There is no other one.
    """
    if spool_objects is None:
        raise RepositoryError(f"{objects} cannot be written", hint="set GTRACK_SPOOL to a directory that can")
    os.makedirs(spool_objects, mode=0o700, exist_ok=True)
    quoted = '"' + objects.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return spool_objects, {"GIT_OBJECT_DIRECTORY": spool_objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted}


@contextmanager
def index_copy(git_dir: str, folder: str) -> Iterator[str]:
    """Yield the path of a private copy of the index, in a folder that is removed afterwards."""
    try:
        index = os.path.join(folder, "index")
        with suppress(FileNotFoundError):  # nothing was ever added
            # With its time: git compares it with the files' to know which it cannot trust by their time alone.
            shutil.copy2(os.path.join(git_dir, "index"), index)
        yield index
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch_folder(home: str | None, spool_objects: str | None) -> str:
    """Return a new directory of mode 0700: in gtrack's own, else beside the spooled objects, else the system's."""
    import tempfile

    if home is not None:
        with suppress(OSError):
            os.makedirs(home, mode=0o700, exist_ok=True)
            _sweep(home)
            return tempfile.mkdtemp(prefix="snapshot-", dir=home)
    spool = os.path.dirname(spool_objects) if spool_objects else None
    return tempfile.mkdtemp(prefix="snapshot-", dir=spool)


def _sweep(home: str) -> None:
    """Remove what a killed process left behind."""
    with os.scandir(home) as entries:
        for entry in entries:
            if entry.name.startswith("snapshot-") and entry.stat().st_mtime < time.time() - _STALE:
                shutil.rmtree(entry.path, ignore_errors=True)
