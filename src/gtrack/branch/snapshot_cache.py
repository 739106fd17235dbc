"""What git said of an index, remembered: asking it again costs a start several processes.

Only what follows from the bytes of the index alone is kept here: its tree, and its entries that are no plain files.
Git ends an index with a checksum of it (`index-format <https://git-scm.com/docs/index-format>`_), and that is the key:
no time, size or inode is trusted, so that an index written twice within a tick of the clock is no danger. Whatever
depends on the working tree, on attributes, filters or configuration is asked of git at every start.

The files are overwritten in place, since making a file costs more than writing it. A torn one is told by its digest
and is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gtrack.branch.status import Entry

__all__ = ["IndexFacts", "cache_path", "index_key", "read_checked", "recall", "remember", "write_checked"]

_TRAILER = 32
"""Bytes of the longest checksum; of a shorter one the bytes before it belong to the content anyway."""
_SHORTEST = 20
_MAX_BYTES = 1 << 20
_MAX_ENTRIES = 1000
"""A sparse checkout has as many odd entries as files; reading them back would cost what it saves."""


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What follows from an index.

    Args:
        tree: The id of the tree it makes, or None when it was not asked for.
        entries: Its submodules and hidden files, as :func:`gtrack.branch.status.read_entries` gives them.
    """

    tree: str | None
    entries: tuple[Entry, ...]


def cache_path(git_dir: str, common_dir: str) -> str:
    """Return where the facts of a working tree's index are kept; a linked worktree has an index of its own."""
    name = "snapshot-cache" if git_dir == common_dir else f"snapshot-cache-{os.path.basename(git_dir)}"
    return os.path.join(common_dir, "gtrack", name)


def index_key(index: str) -> str | None:
    """Return what tells the content of an index from that of any other, or None.

    None where there is no index, and where git was told to write no checksum (``index.skipHash``).

    Args:
        index: The path of an index.
    """
    try:
        with open(index, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TRAILER))
            trailer = file.read(_TRAILER)
    except OSError:
        return None
    return f"{size} {trailer.hex()}" if any(trailer[-_SHORTEST:]) else None


def recall(path: str, key: str) -> IndexFacts | None:
    """Return what is known of the index of a key, or None.

    Args:
        path: The cache, as :func:`cache_path` has it.
        key: What :func:`index_key` gave.
    """
    found = read_checked(path)
    if found is None or found.get("index") != key:
        return None
    with contextlib.suppress(KeyError, TypeError):
        return IndexFacts(found["tree"], tuple(Entry(*entry) for entry in found["entries"]))
    return None


def remember(path: str, key: str, facts: IndexFacts) -> None:
    """Keep what git said of an index; that it cannot be kept is no trouble."""
    if len(facts.entries) <= _MAX_ENTRIES:
        entries = [[entry.path, entry.mode, entry.id, entry.tag] for entry in facts.entries]
        write_checked(path, {"index": key, "tree": facts.tree, "entries": entries})


def read_checked(path: str) -> dict[str, Any] | None:
    """Return the document of a file that :func:`write_checked` wrote; None when it is absent or torn."""
    try:
        with open(path, "rb") as file:
            digest, _, data = file.read(_MAX_BYTES).partition(b"\n")
        if digest != _digest(data):
            return None
        found = json.loads(data)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_checked(path: str, document: Mapping[str, object]) -> None:
    """Overwrite a small file with a document; do without where that is not possible."""
    data = json.dumps(document, sort_keys=True).encode()
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            whole = _digest(data) + b"\n" + data
            if os.write(fd, whole) == len(whole):
                os.ftruncate(fd, len(whole))
        finally:
            os.close(fd)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
