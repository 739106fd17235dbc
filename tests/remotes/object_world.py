"""Objects to send, and clones that send and fetch them through the built-in git store."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from clones import Clone
from servers import Server, run

from gtrack.branch.loose import object_id
from gtrack.branch.object_fetch import fetch_blobs, read_object
from gtrack.branch.object_store import Sent, send
from gtrack.branch.object_tree import OBJECTS
from gtrack.branch.objects import BLOB
from gtrack.branch.tracking import clone_id, tracking

SENDER = f"""
import os, signal, sys
from gtrack.branch import object_store
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import tracking
from gtrack.branch.transport import Transport
sys.path.insert(0, {str(Path(__file__).parent)!r})
from object_world import some
path, first, count, batch, dies_after = sys.argv[1], *map(int, sys.argv[2:6])
object_store._BATCH = batch
contents = some(count, first)
batches = 0
def on_sent(digests):
    global batches
    batches += 1
    if batches == dies_after:
        os.kill(os.getpid(), signal.SIGKILL)
with Repository(path, dict(os.environ)) as repo:
    names = tracking(repo)
    sent = object_store.send(
        repo, Transport(repo, names.remote), names, contents, contents.__getitem__, on_sent=on_sent)
    assert sent.digests == set(contents), sent
"""
"""A process that sends objects: PATH FIRST COUNT BATCH DIES_AFTER."""


def some(count: int, first: int = 0, size: int = 100) -> dict[str, bytes]:
    """Return contents by digest: the ``first`` and those that follow, no two alike."""
    made = [f"content {number} ".encode() * (size // 10) for number in range(first, first + count)]
    return {hashlib.sha256(data).hexdigest(): data for data in made}


def blob_of(clone: Clone, data: bytes) -> str:
    """Return the git id of a content, as a manifest names it."""
    return object_id(BLOB, data, clone.repo.object_format)


def give(clone: Clone, contents: Mapping[str, bytes]) -> Sent:
    """Send objects from a clone."""
    return send(clone.repo, clone.transport(), tracking(clone.repo), contents, contents.__getitem__)


def take(clone: Clone, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Fetch objects into a clone, and return what can be read there of them."""
    blobs = {digest: blob_of(clone, data) for digest, data in contents.items()}
    fetch_blobs(clone.repo, tracking(clone.repo), blobs.values())
    found = {digest: read_object(clone.repo, digest, blob) for digest, blob in blobs.items()}
    return {digest: data for digest, data in found.items() if data is not None}


def kept_there(server: Server, name: str, clone: Clone) -> set[str]:
    """Return the digests in a clone's reference at the remote, as plain git sees them; all of it is sound."""
    server.git(name, "fsck", "--full", "--strict", "--no-dangling")
    listed = server.git(name, "ls-tree", "-r", "--name-only", OBJECTS + clone_id(clone.repo)).splitlines()
    assert all(path == f"{path[3:5]}/{path[3:]}" for path in listed)
    return {path[3:] for path in listed}


def sender(clone: Clone, first: int, count: int, *, batch: int = 1000, dies_after: int = 0) -> list[str]:
    """Return the command of a process that sends objects."""
    return [sys.executable, "-c", SENDER, str(clone.path), *map(str, (first, count, batch, dies_after))]


def absent(clone: Clone, contents: Iterable[bytes]) -> int:
    """Return how many contents are no object of a clone, as plain git sees it."""
    ids = [blob_of(clone, data) for data in contents]
    feed = "".join(f"{oid}\n" for oid in ids).encode()
    checked = run("git", "cat-file", "--batch-check", cwd=clone.path, env={"GIT_NO_LAZY_FETCH": "1"}, feed=feed)
    return sum(line.endswith(" missing") for line in checked.splitlines())
