"""Loose objects: one file an object; see `gitrepository-layout <https://git-scm.com/docs/gitrepository-layout>`_.

Written here rather than by a git process, which costs as much as all the rest of a start, and rather than by dulwich,
which leaves lock files behind where it is killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import zlib

from gtrack.errors import DamageError
from gtrack.ids import is_object_id

__all__ = ["BLOB", "COMMIT", "TAG", "TREE", "object_id", "read_loose", "write_loose"]

COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4
"""Types of objects, by git's numbers for them."""

_NAMES = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}
_KINDS = {name: kind for kind, name in _NAMES.items()}
_COMPRESSION = 1
"""The level of zlib: git packs with its own later, and the fastest saves a third of the time here."""
_ATTEMPTS = 10


def object_id(kind: int, data: bytes, object_format: str = "sha1") -> str:
    """Return the id that an object has, written or not.

    Args:
        kind: Its type: :data:`COMMIT`, :data:`TREE` or :data:`BLOB`.
        data: Its content.
        object_format: ``sha1`` or ``sha256``.
    """
    digest = hashlib.new(object_format, _header(kind, data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def read_loose(objects: str, oid: str) -> tuple[int, bytes] | None:
    """Return type and content of a loose object; None when there is no such file.

    Args:
        objects: The object directory.
        oid: The object's id in hex.

    Raises:
        DamageError: The file does not hold the object that its name says.
    """
    if not is_object_id(oid):
        return None  # what stands in an object read before may be anything, and must not lead elsewhere
    try:
        with open(os.path.join(objects, oid[:2], oid[2:]), "rb") as file:
            packed = file.read()
    except FileNotFoundError:
        return None
    try:
        head, _, data = zlib.decompress(packed).partition(b"\0")
        kind = _KINDS[head.split(b" ")[0]]
    except (zlib.error, KeyError) as error:
        raise DamageError(f"git object {oid} is damaged: {error}", hint="git fsck --full") from error
    if object_id(kind, data, "sha1" if len(oid) == 40 else "sha256") != oid:
        raise DamageError(f"git object {oid} is damaged: its content has another id", hint="git fsck --full")
    return kind, data


def write_loose(objects: str, kind: int, data: bytes, object_format: str = "sha1") -> str:
    """Write an object and return its id; one that is there already gets a fresh time, which keeps it from git's gc.

    Args:
        objects: The object directory.
        kind: Its type.
        data: Its content.
        object_format: ``sha1`` or ``sha256``.

    Raises:
        OSError: The disk is full or read-only. Nothing of the object stays.
    """
    oid = object_id(kind, data, object_format)
    for attempt in range(_ATTEMPTS):
        try:
            _write(objects, oid, kind, data)
        except FileNotFoundError:
            # git gc removes folders that are empty for a moment, and files like ours when told to prune all.
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            break
    return oid


def _write(objects: str, oid: str, kind: int, data: bytes) -> None:
    """Write a file as git does: under a name of its own kind of temporary files, then renamed."""
    folder = os.path.join(objects, oid[:2])
    path = os.path.join(folder, oid[2:])
    try:
        # An old object that nothing refers to is what git prunes: a fresh time keeps it.
        os.utime(path)
    except (FileNotFoundError, PermissionError):
        pass  # absent, or another user's
    else:
        return
    packed = zlib.compress(_header(kind, data) + data, _COMPRESSION)
    shared = _shared_mode(objects)
    temporary = os.path.join(folder, f"tmp_obj_{os.urandom(8).hex()}")
    fd = _create(temporary, folder, shared)
    try:
        try:
            if shared is not None:
                os.fchmod(fd, shared & 0o444)
            rest = memoryview(packed)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _create(path: str, folder: str, shared: int | None) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        if shared is not None:
            os.chmod(folder, shared)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o444)


def _shared_mode(objects: str) -> int | None:
    """Return the mode of an object directory that several users write to (``core.sharedRepository``), else None.

    Git gave it that mode, and gives the same to what it makes below: a folder that only its maker can write would
    keep the others from recording.
    """
    mode = stat.S_IMODE(os.stat(objects).st_mode)
    return mode if mode & stat.S_IWGRP else None


def _header(kind: int, data: bytes) -> bytes:
    return b"%b %d\0" % (_NAMES[kind], len(data))
