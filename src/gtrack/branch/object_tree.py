"""Where the built-in git store keeps its objects: references, and trees ``<aa>/<digest>`` of blobs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gtrack.branch.objects import BLOB_MODE, TREE_MODE, Tree
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import clone_id
from gtrack.errors import DamageError

__all__ = ["LISTS", "OBJECTS", "copy_of", "held", "is_digest", "write_tree"]

OBJECTS, LISTS = "refs/gtrack/objects/", "refs/gtrack/object-lists/"
"""Where the references are, at the remote and, for those of this clone, here."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def copy_of(ref: str, remote: str) -> str:
    """Return what the remote's reference is called here.

    Args:
        ref: ``refs/gtrack/objects/...`` or ``refs/gtrack/object-lists/...``, or a pattern.
        remote: The remote's name.
    """
    return f"refs/gtrack/remotes/{remote}/{ref.removeprefix('refs/gtrack/')}"


def is_digest(text: str) -> bool:
    """Tell whether a text is a SHA-256 in 64 lower-case hex digits."""
    return _DIGEST.match(text) is not None


def held(repo: Repository, commit: str | None = None) -> dict[str, str]:
    """Return what a commit of the git store keeps: git ids by digest. What is malformed in it is passed over.

    Args:
        repo: The repository.
        commit: The commit; that of this clone's own reference by default.
    """
    if commit is None:
        commit = repo.refs.read(OBJECTS + clone_id(repo))
    out: dict[str, str] = {}
    for folder in _folders(repo, commit).values():
        out.update(folder)
    return out


def write_tree(repo: Repository, blobs: Mapping[str, str]) -> str:
    """Write a tree of objects and return its id.

    Args:
        repo: The repository.
        blobs: Git ids by digest.
    """
    folders: dict[str, Tree] = {}
    for digest, oid in blobs.items():
        folders.setdefault(digest[:2], {})[digest.encode()] = (BLOB_MODE, oid)
    return repo.objects.write_tree({
        name.encode(): (TREE_MODE, repo.objects.write_tree(folder)) for name, folder in folders.items()
    })  # fmt: skip


def _folders(repo: Repository, commit: str | None) -> dict[str, dict[str, str]]:
    """Return git ids by digest, for each folder that can be read."""
    if commit is None:
        return {}
    out: dict[str, dict[str, str]] = {}
    try:
        root = repo.objects.tree(repo.tree_of(commit))
    except (KeyError, DamageError):
        return {}  # what is lost is written again, from the cache
    for name, (mode, oid) in root.items():
        if mode != TREE_MODE:
            continue
        try:
            entries = repo.objects.tree(oid)
        except (KeyError, DamageError):
            continue
        shown = name.decode("ascii", "replace")
        out[shown] = {
            digest: blob
            for digest, (kind, blob) in ((raw.decode("ascii", "replace"), entry) for raw, entry in entries.items())
            if kind == BLOB_MODE and is_digest(digest) and digest.startswith(shown)
        }
    return out
