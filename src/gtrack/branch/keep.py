"""Copies of recent commits' objects, so that nothing git may do to loose objects loses a run.

``git gc --prune=now`` beside any writer can delete objects that are written and not yet referenced; git documents
this hazard. Each commit to the branch leaves its objects in ``<git dir>/gtrack/kept/<commit>``, for a day. Content
addressing makes the repair exact: the same bytes give the same ids.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib

from gtrack.branch.repository import Repository
from gtrack.errors import DamageError

__all__ = ["DAY", "keep_objects", "readable_tip", "restore_objects", "sweep"]

DAY = 86400.0


def keep_objects(repo: Repository, commit: str) -> None:
    """Keep a copy of the objects just written for a commit."""
    folder = os.path.join(repo.paths.home, "kept")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    packed = b"".join(b"%d %d\n%b" % (kind, len(data), data) for kind, data in repo.objects.written.values())
    path = os.path.join(folder, commit)
    fd = os.open(path + ".new", os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(zlib.compress(packed, 1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
    except OSError:
        os.unlink(path + ".new")
        raise


def readable_tip(repo: Repository) -> str | None:
    """Return the branch's tip after making sure that its commit and tree are here.

    Raises:
        DamageError: They are not, and no copy is either.
    """
    tip = repo.tip
    if tip is None:
        return None
    try:
        repo.objects.tree(repo.tree_of(tip))
    except KeyError:
        restore_objects(repo)
        try:
            repo.objects.tree(repo.tree_of(tip))
        except KeyError:
            raise DamageError(
                f"{repo.branch} points at {tip[:12]}, whose objects are missing", hint="gtrack fsck --repair"
            ) from None
    return tip


def restore_objects(repo: Repository) -> int:
    """Write every kept object that is missing from the repository, and return how many there were."""
    restored = 0
    repo.objects.refresh()
    for path in _kept(repo):
        for kind, data, oid in _read(repo, path):
            if oid not in repo.objects:
                repo.objects.write(kind, data)
                restored += 1
    repo.objects.written.clear()
    return restored


def sweep(repo: Repository, *, older_than: float = DAY) -> None:
    """Remove copies older than a day whose commit is here; the caller holds the lock."""
    for path in _kept(repo):
        with contextlib.suppress(OSError):
            if time.time() - os.stat(path).st_mtime < older_than:
                continue
            if path.endswith(".new") or all(oid in repo.objects for _, _, oid in _read(repo, path)):
                os.unlink(path)


def _kept(repo: Repository) -> list[str]:
    folder = os.path.join(repo.paths.home, "kept")
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except FileNotFoundError:
        return []


def _read(repo: Repository, path: str) -> list[tuple[int, bytes, str]]:
    """Return (kind, content, id) of the objects in one kept file; a torn file holds none."""
    try:
        with open(path, "rb") as file:
            packed = zlib.decompress(file.read())
    except (OSError, zlib.error):
        return []
    out, at = [], 0
    while at < len(packed):
        line = packed.index(b"\n", at)
        kind, size = map(int, packed[at:line].split())
        data = packed[line + 1 : line + 1 + size]
        out.append((kind, data, repo.objects.id_of(kind, data)))
        at = line + 1 + size
    return out
