"""References, as git keeps them in files: read, compared and set; gtrack's own only.

A reference is a file that holds an object id or the name of another reference, else a line of ``packed-refs``. It is
set by writing ``<file>.lock`` and renaming that, as git itself does (git-update-ref, gitrepository-layout).
"""

from __future__ import annotations

import contextlib
import os
import time

from gtrack.errors import ConflictError, DamageError, RepositoryError
from gtrack.ids import is_object_id

__all__ = ["Refs"]

_PATIENCE = 10.0
_LEFT = 2.0
"""Seconds after which an empty lock of ours was left: it is filled in less than a millisecond."""
_DEPTH = 5
"""How many symbolic references git follows."""
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Refs:
    """The references of a repository.

    Args:
        git_dir: The checkout's git directory.
        common_dir: The repository's common directory.
        home: gtrack's folder, where it notes that it is about to set a reference.
    """

    def __init__(self, git_dir: str, common_dir: str, home: str) -> None:
        self._git_dir = git_dir
        self._common = common_dir
        self._home = home
        self._packed: tuple[tuple[int, int, int], bytes] | None = None

    def read(self, name: str) -> str | None:
        """Return the object id a reference leads to, or None when there is no such reference.

        Raises:
            DamageError: It leads nowhere.
            OSError: It cannot be read.
        """
        return self._follow(name)[1]

    def names(self, prefix: str) -> list[str]:
        """Return the names of the references below a prefix such as ``refs/remotes/``."""
        found = {line.partition(b" ")[2].decode("utf-8", "replace") for line in self._packed_lines()}
        for folder, _, files in os.walk(os.path.join(self._common, *prefix.split("/")[:-1])):
            inside = os.path.relpath(folder, self._common)
            found |= {f"{inside}/{name}" for name in files if not name.endswith(".lock")}
        return sorted(name for name in found if name.startswith(prefix))

    def compare_and_set(self, name: str, old: str | None, new: str) -> bool:
        """Set a reference if it still has the value it had.

        Args:
            name: The full name.
            old: The value it must have, or None when it must not exist.
            new: The value to set.

        Returns:
            False when it has another value by now.

        Raises:
            RepositoryError: A reference of another kind is in the way.
            ConflictError: Somebody keeps it locked.
            OSError: The disk is full or read-only.
        """
        self._make_room(name)
        marker = os.path.join(self._home, "setting-ref")
        path = os.path.join(self._common, *self._follow(name)[0].split("/"))
        lock = path + ".lock"
        was_killed = _remove_left_lock(lock, marker)
        _mark(marker, new)
        deadline = time.monotonic() + _PATIENCE
        try:
            while True:
                try:
                    fd = _open_lock(lock)
                except FileExistsError:
                    if time.monotonic() > deadline:
                        raise ConflictError(
                            f"{lock} exists: git is busy with the branch, or was killed there",
                            hint=f"if no git is running: rm {lock}",
                        ) from None
                    time.sleep(0.02)
                    if was_killed:
                        _remove_left_lock(lock, marker)
                else:
                    return self._set(name, path, fd, old, new)
        finally:
            _mark(marker, "")

    def _set(self, name: str, path: str, fd: int, old: str | None, new: str) -> bool:
        """Write and rename the lock file; take it back when there is trouble, on a full disk too."""
        lock = path + ".lock"
        try:
            try:
                if self.read(name) != old:
                    os.unlink(lock)
                    return False
                data = new.encode() + b"\n"
                while data:
                    data = data[os.write(fd, data) :]
                os.fsync(fd)
            finally:
                os.close(fd)
            _remove_empty(path)
            os.replace(lock, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(lock)
            raise
        return True

    def _follow(self, name: str) -> tuple[str, str | None]:
        """Return the last reference of a chain of symbolic ones, and the object id it holds."""
        for _ in range(_DEPTH + 1):
            text = self._loose(name)
            if text is None:
                return name, self._from_packed(name)
            if not text.startswith("ref:"):
                if not is_object_id(text):
                    raise DamageError(f"the reference {name} is damaged: it holds {text!r:.60}", hint="git fsck")
                return name, text
            name = text.removeprefix("ref:").strip()
            if not name.startswith("refs/") or ".." in name.split("/"):
                raise DamageError(f"a symbolic reference leads to {name!r:.60}", hint="git fsck")
        raise DamageError(f"the reference {name} leads to itself", hint="git fsck")

    def _loose(self, name: str) -> str | None:
        # HEAD and its like belong to one checkout, the others to the whole repository.
        root = self._common if name.startswith("refs/") else self._git_dir
        try:
            with open(os.path.join(root, *name.split("/")), "rb") as file:
                return file.read(4096).decode("utf-8", "surrogateescape").strip()
        except _ABSENT:
            return None

    def _from_packed(self, name: str) -> str | None:
        wanted = b" " + name.encode("utf-8", "surrogateescape")
        found = [line for line in self._packed_lines(wanted) if line.endswith(wanted)]
        return found[0][: -len(wanted)].decode() if found else None

    def _packed_lines(self, wanted: bytes = b" ") -> list[bytes]:
        """Return the lines of ``packed-refs`` that name a reference and hold some bytes."""
        path = os.path.join(self._common, "packed-refs")
        try:
            found = os.stat(path)
            key = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._packed is None or self._packed[0] != key:
                with open(path, "rb") as file:
                    self._packed = key, file.read()
        except FileNotFoundError:
            return []
        data = self._packed[1]
        if wanted not in data:
            return []
        return [line for line in data.splitlines() if wanted in line and not line.startswith((b"#", b"^"))]

    def _make_room(self, name: str) -> None:
        """Explain a branch that stands where ours must be: ``gtrack/x`` makes ``gtrack`` impossible."""
        parts = name.split("/")
        inside = self.names(name + "/")
        above = [n for n in ("/".join(parts[:i]) for i in range(3, len(parts))) if self.read(n) is not None]
        for other in inside + above:
            raise RepositoryError(
                f"the branch {other.removeprefix('refs/heads/')!r} stands in the way of the branch "
                f"{name.removeprefix('refs/heads/')!r}: git cannot hold both",
                hint=f"rename it, or choose another name: git config gtrack.branch {parts[-1]}-runs",
            )


def _mark(marker: str, new: str) -> None:
    """Note what a reference is about to be set to, or that none is; in place, since making a file costs more."""
    fd = os.open(marker, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, new.encode())
    finally:
        os.close(fd)


def _remove_left_lock(lock: str, marker: str) -> bool:
    """Remove the lock of a gtrack that held the repository's lock before us, and was killed while setting a reference.

    It left its marker too. But a lock beside a marker may also be git's, which packs references at this moment, and
    must not be taken from it: ours holds what the marker names, or nothing yet, and then it grows old.

    Returns:
        Whether there was such a gtrack.
    """
    meant = b""
    with contextlib.suppress(FileNotFoundError):
        with open(marker, "rb") as file:
            meant = file.read().strip()
        if not meant:
            return False
        with open(lock, "rb") as file:
            held = file.read().strip()
            age = time.time() - os.fstat(file.fileno()).st_mtime
        if (held == meant) if held else (age > _LEFT):
            os.unlink(lock)
    return bool(meant)


def _open_lock(path: str) -> int:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)


def _remove_empty(path: str) -> None:
    """Remove empty folders in a reference's place: what deleted branches leave behind."""
    if os.path.isdir(path):
        for folder, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
