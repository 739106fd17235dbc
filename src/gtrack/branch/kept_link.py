"""Whether a snapshot is in the chain still, told without git: most starts find what the start before left.

A link is a commit, so what follows from its id never changes: once git has said that the history of a link holds a
snapshot, it does for as long as ``refs/gtrack/code`` is at that link.
"""

from __future__ import annotations

import contextlib
import os

from gtrack.branch.chain import CODE_REF
from gtrack.branch.loose import COMMIT, object_id, write_loose
from gtrack.branch.repository import Repository
from gtrack.branch.snapshot_cache import read_checked, write_checked
from gtrack.errors import GtrackError

__all__ = ["is_kept", "note_kept"]

_NAME = "chain-cache"


def is_kept(repo: Repository, snapshot: str) -> bool:
    """Tell whether the chain is known to hold a snapshot; False also where that has to be asked of git.

    The link itself is given a fresh time, or written again should git have lost it.

    Args:
        repo: The repository.
        snapshot: The id of the snapshot, which is in the repository.
    """
    found = read_checked(os.path.join(repo.paths.home, _NAME))
    if found is None or found.get("snapshot") != snapshot:
        return False
    with contextlib.suppress(GtrackError, OSError):
        link, data = str(found.get("link")), str(found.get("object")).encode()
        if repo.refs.read(CODE_REF) == link == object_id(COMMIT, data, repo.object_format):
            write_loose(os.path.join(repo.paths.common_dir, "objects"), COMMIT, data, repo.object_format)
            return True
    return False


def note_kept(repo: Repository, snapshot: str, link: str) -> None:
    """Note that the history of a link holds a snapshot; that it cannot be noted is no trouble."""
    with contextlib.suppress(GtrackError, OSError, ValueError):
        data = repo.objects.read(link, COMMIT).decode()
        write_checked(os.path.join(repo.paths.home, _NAME), {"snapshot": snapshot, "link": link, "object": data})
