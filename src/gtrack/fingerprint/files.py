"""Files and folders: the digest of their bytes, computed again only where something changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gtrack.fingerprint.canonical import framed
from gtrack.fingerprint.parallel import processors
from gtrack.fingerprint.stat_cache import Stamp, StatCache, stamp_of

__all__ = ["Files", "digest_path"]

_DIRECTORY = b"gtrack directory 1\n"
_MOST_TRIES = 3
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Files:
    """What a path holds.

    Attributes:
        digest: Of a file, the SHA-256 of its bytes, as ``sha256sum`` prints it; of a folder, that of its files' paths
            and digests.
        bytes: The size of all of it.
        files: How many files a folder has; None for a file.
        left_out: What in a folder is no file: sockets, devices, links to nowhere.
        unsteady: Files that changed while they were read.
    """

    digest: str
    bytes: int
    files: int | None = None
    left_out: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What a walk found: paths relative to the root, in the order of their bytes."""

    files: list[tuple[str, Stamp]]
    left_out: list[str]


def digest_path(path: str, cache: StatCache) -> Files:
    """Return the digest of a file or a folder.

    A folder is its regular files, by their paths: names are compared byte by byte, links are followed, empty folders
    and modes do not count.

    Args:
        path: An absolute path.
        cache: What is known of it.

    Raises:
        OSError: It cannot be read.
        ValueError: It is neither a file nor a folder.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        found = _walk(path)
    elif stat.S_ISREG(status.st_mode):
        found = _Found([("", stamp_of(status))], [])
    else:
        raise ValueError("it is neither a file nor a folder")
    is_folder = stat.S_ISDIR(status.st_mode)
    size = sum(stamp[0] for _, stamp in found.files)
    signature = _signature(found.files)
    count = len(found.files) if is_folder else None
    whole = cache.whole(path, signature)
    if whole is not None:
        return Files(whole, size, count, tuple(found.left_out))
    digests, unsteady = _digests(path, found.files, cache)
    total = _merkle(digests) if is_folder else digests[""][1]
    cache.keep(path, signature, total, {name: entry for name, entry in digests.items() if name not in unsteady})
    return Files(total, size, count, tuple(found.left_out), tuple(sorted(unsteady)))


def _walk(root: str) -> _Found:
    found = _Found([], [])
    status = os.stat(root)
    _enter(root, "", ((status.st_dev, status.st_ino),), found)
    found.files.sort(key=lambda entry: os.fsencode(entry[0]))
    return found


def _enter(folder: str, prefix: str, above: tuple[tuple[int, int], ...], found: _Found) -> None:
    """Add what is in a folder; one that is a link to a folder above it is left out."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat()
            except OSError:
                found.left_out.append(prefix + entry.name)
                continue
            if stat.S_ISREG(status.st_mode):
                found.files.append((prefix + entry.name, stamp_of(status)))
            elif stat.S_ISDIR(status.st_mode) and len(above) < _DEEPEST:
                folders.append((entry.name, (status.st_dev, status.st_ino)))
            else:
                found.left_out.append(prefix + entry.name)
    for name, identity in folders:
        if identity in above:
            found.left_out.append(prefix + name)
        else:
            _enter(os.path.join(folder, name), f"{prefix}{name}/", (*above, identity), found)


def _signature(files: list[tuple[str, Stamp]]) -> str:
    return hashlib.sha256(repr(files).encode("utf-8", "surrogateescape")).hexdigest()


def _merkle(digests: dict[str, tuple[Stamp, str]]) -> str:
    digest = hashlib.sha256(_DIRECTORY)
    for path, (_, one) in digests.items():
        digest.update(framed(os.fsencode(path)) + bytes.fromhex(one))
    return digest.hexdigest()


def _digests(
    root: str, files: list[tuple[str, Stamp]], cache: StatCache
) -> tuple[dict[str, tuple[Stamp, str]], set[str]]:
    """Return the digest of each file in the order given, and which of them changed while they were read."""
    known = cache.files(root)
    out = {path: entry if (entry := known.get(path)) and entry[0] == stamp else (stamp, "") for path, stamp in files}
    unsteady = set()
    missing = [path for path, (_, digest) in out.items() if not digest]
    for path, entry, steady in _hash_all(root, missing):
        out[path] = entry
        if not steady:
            unsteady.add(path)
    return out, unsteady


def _hash_all(root: str, paths: list[str]) -> Iterator[tuple[str, tuple[Stamp, str], bool]]:
    def one(path: str) -> tuple[str, tuple[Stamp, str], bool]:
        return path, *_hash(os.path.join(root, path) if path else root)

    if len(paths) < 2:
        yield from map(one, paths)
        return
    with ThreadPoolExecutor(processors(), "gtrack-hash") as pool:
        yield from pool.map(one, paths)


def _hash(path: str) -> tuple[tuple[Stamp, str], bool]:
    """Return a file's stamp and digest; False when it changed each time it was read."""
    for _ in range(_MOST_TRIES):
        with open(path, "rb") as file:
            before = stamp_of(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = stamp_of(os.fstat(file.fileno()))
        if before == after:
            return (after, digest), True
    return (after, digest), False
