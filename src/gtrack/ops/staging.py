"""A private copy of a run's folder from anywhere: nothing in it is trusted, and nothing in it is changed.

Links, pipes and devices are refused, sizes are bounded, git objects are checked against their names. The copy holds
still while it is sealed, and makes a read-only folder as good as any other.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zlib
from collections.abc import Collection

from gtrack.errors import DamageError
from gtrack.ops.staging_artifacts import copy_artifact_files
from gtrack.ops.untrusted_files import names_in, opened
from gtrack.spool.directory import Writer

__all__ = ["copy_run", "signature"]

_NAME = re.compile(
    r"(?:start\.yaml|[0-9a-f]{8}\.(?:owner|attempt)\.yaml"
    r"|(?P<stem>[0-9a-f]{8}-[0-9a-f]{8})\.(?:journal|jsonl|system|pack|console(?:\.tail|\.old)?))\Z"
)
_FILES = re.compile(r"(?P<stem>[0-9a-f]{8}-[0-9a-f]{8})\.files\Z")
_FAN = re.compile(r"[0-9a-f]{2}\Z")
_OBJECT = re.compile(r"[0-9a-f]{38}(?:[0-9a-f]{24})?\Z")
_LIMITS = {".yaml": 1 << 20, ".journal": 4 << 30, ".system": 4 << 30, ".jsonl": 256 << 20, ".pack": 64 << 30}
"""The largest files that are taken, in bytes, by their ending; journals of 4 GiB hold 130 million values."""
_MAX_CONSOLE = 1 << 20
_MAX_OBJECT = 256 << 20
_MAX_OBJECTS = 1 << 30
_CHUNK = 1 << 20


def copy_run(source: str, target: str, *, without: Collection[Writer] = (), closed: Collection[Writer] = ()) -> None:
    """Copy a run's folder.

    Args:
        source: The folder.
        target: A folder that does not exist.
        without: Processes whose files are left out.
        closed: Processes to be told dead in the copy.

    Raises:
        DamageError: Something in the folder is not what gtrack puts there.
        OSError: It cannot be read, or the copy cannot be written.
    """
    left_out = {f"{writer.session}-{writer.id}" for writer in without}
    os.mkdir(target, 0o700)
    for name in names_in(source):
        match = _NAME.match(name)
        if match is None or match["stem"] in left_out:
            continue
        limit = _LIMITS.get(os.path.splitext(name)[1], _MAX_CONSOLE)
        _copy_file(os.path.join(source, name), os.path.join(target, name), limit)
    for match in filter(None, map(_FILES.match, names_in(source))):
        if match["stem"] not in left_out:
            copy_artifact_files(source, target, match["stem"])
    for writer in closed:
        path = os.path.join(target, f"{writer.session}-{writer.id}.jsonl")
        fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(b'\n{"kind":"closed"}\n')
    _copy_objects(os.path.join(source, "objects"), os.path.join(target, "objects"))


def signature(folder: str) -> list[tuple[str, int, int]]:
    """Return name, size and time of what gtrack put into a folder, to see whether it has changed.

    Raises:
        DamageError: One of the files is a link, a pipe or a device.
        OSError: The folder cannot be read.
    """
    out = []
    for name in names_in(folder):
        if _NAME.match(name):
            found = os.lstat(os.path.join(folder, name))
            if not stat.S_ISREG(found.st_mode):
                raise DamageError(f"{name} is not a plain file")
            out.append((name, found.st_size, found.st_mtime_ns))
        elif _FILES.match(name):
            out.append((name, 0, os.lstat(os.path.join(folder, name)).st_mtime_ns))
    return out


def _copy_file(source: str, target: str, limit: int) -> None:
    with opened(source, limit) as fd:
        # The size now: what a process that is to be told dead still appends can wait for the next time.
        left = os.fstat(fd).st_size
        with open(target, "xb") as out:
            while left and (data := os.read(fd, min(left, _CHUNK))):
                out.write(data)
                left -= len(data)
        found = os.fstat(fd)
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_objects(source: str, target: str) -> None:
    """Copy the git objects of a snapshot, each checked against its name."""
    if not os.path.lexists(source):
        return
    left = _MAX_OBJECTS
    for fan in filter(_FAN.match, names_in(source)):
        for name in filter(_OBJECT.match, names_in(os.path.join(source, fan))):
            path = os.path.join(source, fan, name)
            with opened(path, _MAX_OBJECT) as fd:
                left -= os.fstat(fd).st_size
                if left < 0:
                    raise DamageError(f"its git objects have more than {_MAX_OBJECTS:,} bytes")
                _check_object(fd, fan + name)
            os.makedirs(os.path.join(target, fan), mode=0o700, exist_ok=True)
            _copy_file(path, os.path.join(target, fan, name), _MAX_OBJECT)


def _check_object(fd: int, oid: str) -> None:
    """Compare a loose object with its id, a piece at a time: a small file may unpack to a very large one."""
    inflate = zlib.decompressobj()
    digest = hashlib.new("sha1" if len(oid) == 40 else "sha256", usedforsecurity=False)
    size = 0
    try:
        while data := os.read(fd, _CHUNK):
            while data:
                piece = inflate.decompress(data, _CHUNK)
                digest.update(piece)
                size += len(piece)
                if size > _MAX_OBJECT:
                    raise DamageError(f"the git object {oid[:12]} unpacks to more than {_MAX_OBJECT:,} bytes")
                data = inflate.unconsumed_tail
                if inflate.eof:
                    break
    except zlib.error as error:
        raise DamageError(f"the git object {oid[:12]} is damaged: {error}") from None
    if not inflate.eof or digest.hexdigest() != oid:
        raise DamageError(f"the git object {oid[:12]} is not what its name says")
