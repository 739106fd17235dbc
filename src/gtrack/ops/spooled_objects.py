"""Git objects that a run kept in its spool because the repository had no room for them, or was read-only."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import zlib
from collections.abc import Iterator

from gtrack.branch.objects import BLOB, COMMIT, TREE
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GtrackError
from gtrack.ids import is_object_id
from gtrack.spool.directory import SpoolRun

__all__ = ["take_in_objects"]


_KINDS = {b"blob": BLOB, b"tree": TREE, b"commit": COMMIT}
_FAN = re.compile(r"[0-9a-f]{2}\Z")
_NAME = re.compile(r"(?:[0-9a-f]{38}|[0-9a-f]{62})\Z")


def take_in_objects(repo: Repository, run: SpoolRun) -> int:
    """Write a spool's loose objects to the repository, and keep the snapshot they make up; return how many were new.

    Raises:
        DamageError: An object is not what its name says.
        OSError: The disk is full or read-only.
    """
    copied, oid = 0, None
    for oid, path in _spooled(os.path.join(run.path, "objects")):
        if oid not in repo.objects:
            kind, data = _read(path)
            if repo.objects.id_of(kind, data) != oid:
                raise DamageError(f"{path} is damaged: its content has another object id")
            repo.objects.write(kind, data)
            copied += 1
    if oid is not None:  # the repository may have had room for all of them, and none for the link that keeps them
        _keep(repo, run)
    return copied


def _spooled(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (object id, path) of the regular files that are named like loose objects."""
    with contextlib.suppress(FileNotFoundError):
        for fan in sorted(filter(_FAN.match, os.listdir(folder))):
            for name in sorted(filter(_NAME.match, os.listdir(os.path.join(folder, fan)))):
                path = os.path.join(folder, fan, name)
                if stat.S_ISREG(os.lstat(path).st_mode):
                    yield fan + name, path


def _read(path: str) -> tuple[int, bytes]:
    """Return type and content of a loose object: a zlib stream of ``blob 12``, a zero byte and 12 bytes."""
    with open(path, "rb") as file:
        packed = file.read()
    try:
        head, _, data = zlib.decompress(packed).partition(b"\0")
        kind, size = head.split(b" ")
        if len(data) != int(size):
            raise ValueError
        return _KINDS[kind], data
    except (zlib.error, ValueError, KeyError):
        raise DamageError(f"{path} is damaged: it is not a git object") from None


def _keep(repo: Repository, run: SpoolRun) -> None:
    """Keep the snapshot from git's garbage collection, as the run would have done itself."""
    from gtrack.branch.chain import keep_snapshot

    for facts in filter(None, [run.start, *run.attempts()]):
        code = facts.get("code")
        snapshot, tree, head = (code.get(k) if isinstance(code, dict) else None for k in ("snapshot", "tree", "commit"))
        if repo.git is None or not isinstance(snapshot, str) or not isinstance(tree, str):
            continue
        if snapshot not in repo.objects or repo.tree_of(snapshot) != tree:
            continue
        # The run itself is worth recording also when the chain cannot be extended; `gtrack fsck` tells.
        with contextlib.suppress(GtrackError):
            keep_snapshot(
                repo.git,
                repo.paths.git_dir,
                snapshot,
                tree,
                head=head if isinstance(head, str) and is_object_id(head) else None,
                remote_ref_prefix=f"refs/remotes/{repo.remote}/" if repo.remote else None,
            )
