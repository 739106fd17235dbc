"""The built-in git store: small objects of artifacts, kept by references of their own at the tracking remote.

=============================================  =======================================================
at the remote, and here for this clone         what it is
=============================================  =======================================================
``refs/gtrack/objects/<clone>``                a commit whose tree is ``<aa>/<digest>``: the objects that
                                               this clone sent, by the SHA-256 of their content
``refs/gtrack/object-lists/<clone>``           a commit whose file ``blobs`` lists their git ids
=============================================  =======================================================

Copies of the remote's are ``refs/gtrack/remotes/<remote>/objects/<clone>`` and ``.../object-lists/<clone>``. Every
clone has references of its own, so nobody races for one, and no default refspec names them: a clone or a fetch of git's
does not bring them. An object is fetched by its git id alone (:mod:`gtrack.branch.object_fetch`); the lists, which are
small, tell who asks what there is.

A reference's new commit has the published one as its only parent, however many attempts went before: a push is a
fast-forward, and nothing that was lost meanwhile (``git gc --prune=now`` at the worst moment) stays in its history.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gtrack.branch.bulk_objects import blob_sizes
from gtrack.branch.commit_objects import write_commit
from gtrack.branch.loose import write_loose
from gtrack.branch.object_tree import LISTS, OBJECTS, copy_of, held, is_digest, write_tree
from gtrack.branch.objects import BLOB, BLOB_MODE, COMMIT
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import Tracking, clone_id
from gtrack.branch.transport import ABSENT, Outcome, Status, Transport, Update
from gtrack.errors import ConflictError, DamageError, GtrackError, NetworkError

__all__ = ["LARGEST", "MUCH", "Sent", "forget", "held", "send"]

LARGEST = 1 << 20
"""Bytes of the largest object that the git store takes."""
MUCH = 500_000_000
"""Bytes in this clone's reference from which on a store would serve better."""

_BY = "gtrack <gtrack@localhost>"
_LIST = b"blobs"
_BATCH_BYTES, _BATCH = 64 << 20, 2000
"""What is sent at once: a push that is broken off begins again with these alone. Of more than 100 objects a server
keeps the pack that came (``receive.unpackLimit``), and looks for no deltas in it at every fetch."""
_TRIES = 6
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending objects.

    Attributes:
        digests: Those that are at the remote now.
        failed: Why others were not sent, by digest; ``refused`` is not repeated here.
        refused: Why the server does not take such a reference, in its words; None where it does.
        size: Bytes of all that this clone keeps in the git store, before compression.
    """

    digests: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)
    refused: str | None = None
    size: int = 0

    @property
    def asks_for_store(self) -> bool:
        """Whether this is more than a git repository should carry."""
        return self.size > MUCH


def send(
    repo: Repository,
    transport: Transport,
    names: Tracking,
    digests: Iterable[str],
    read: Callable[[str], bytes],
    *,
    on_sent: Callable[[Collection[str]], None] | None = None,
) -> Sent:
    """Send objects to the tracking remote's git store. What is there already is not sent again.

    In batches, each complete by itself: killed anywhere, the next call goes on; of two at once neither loses anything.

    Args:
        repo: The repository.
        transport: The connection to the remote.
        names: The remote's references.
        digests: The SHA-256 of the objects, in hex.
        read: Returns the content of an object, verified. What it raises is told in :attr:`Sent.failed`.
        on_sent: Called with the digests of each batch as soon as the remote has it.

    Raises:
        NetworkError: The remote could not be reached, or broke off.
        LockedError: The repository stayed locked.
        OSError: The disk is full or read-only.
    """
    sender = _Sender(repo, transport, names)
    there, failed, refused = set[str](), dict[str, str](), None
    wanted = list(dict.fromkeys(digests))
    for batch in _batches(repo, wanted, read, failed):
        refused = sender.send(batch)
        if refused is not None:
            break
        there.update(batch)
        if on_sent is not None:
            on_sent(batch)
    size = sum(max(0, size) for size in blob_sizes(repo, list(held(repo).values())).values()) if wanted else 0
    return Sent(frozenset(there), failed, refused, size)


def forget(repo: Repository, transport: Transport, names: Tracking, digests: Collection[str]) -> None:
    """Take objects out of this clone's part of the git store, there and here.

    Their bytes go when git collects garbage. What another process of this clone sent meanwhile stays.

    Args:
        repo: The repository.
        transport: The connection to the remote.
        names: The remote's references.
        digests: The SHA-256 of the objects, in hex.

    Raises:
        NetworkError: The remote could not be reached, or refuses.
        ConflictError: The reference kept moving.
    """
    gone = frozenset(digests)
    if gone & held(repo).keys():
        refused = _Sender(repo, transport, names).rewrite(gone)
        if refused is not None:
            raise NetworkError(f"{names.remote} refuses to let objects go: {refused}")


class _Sender:
    """This clone's references, here and at a remote."""

    def __init__(self, repo: Repository, transport: Transport, names: Tracking) -> None:
        self._repo = repo
        self._transport = transport
        clone = clone_id(repo)
        self._objects, self._list = OBJECTS + clone, LISTS + clone
        self._copies = {ref: copy_of(ref, names.remote) for ref in (self._objects, self._list)}
        self._remote = names.remote

    def send(self, blobs: Mapping[str, str]) -> str | None:
        """Add blobs, and push; return why the server refuses them, or None."""
        return self._push(lambda: self._updates(self._grow(blobs)))

    def rewrite(self, gone: Collection[str]) -> str | None:
        """Take objects out, and push; return why the server refuses that, or None."""
        return self._push(lambda: self._updates(self._shrink(gone), lease=True))

    def _push(self, updates: Callable[[], list[Update]]) -> str | None:
        for attempt in range(_TRIES):
            asked = updates()
            outcome = self._transport.push(asked)[self._objects] if asked else Outcome(Status.UNCHANGED)
            if outcome.status is Status.REFUSED:
                return "; ".join([outcome.reason, *outcome.said[:3]])[:500]
            if outcome.status is not Status.RACED:
                return None
            # Another process of this clone was first, or our own reference was lost here, or the copy of it.
            time.sleep(random.uniform(0, _PAUSE * attempt))  # noqa: S311  jitter, not a secret
            self._transport.fetch(self._copies)
            self._repo.objects.refresh()
        raise ConflictError(f"{self._objects} at {self._remote} kept moving", hint="gtrack push")

    def _updates(self, tip: str, *, lease: bool = False) -> list[Update]:
        blobs = sorted(set(held(self._repo, tip).values()))
        listed = self._write_list(blobs, () if lease else self._parents(self._list))
        expected = {ref: (self._published(ref) or ABSENT) if lease else None for ref in self._copies}
        tips = {self._objects: tip, self._list: listed}
        return [Update(ref, new, expected[ref], local=self._copies[ref]) for ref, new in tips.items()]

    def _published(self, ref: str) -> str | None:
        return self._repo.refs.read(self._copies[ref])

    def _parents(self, ref: str) -> list[str]:
        published = self._published(ref)
        return [] if published is None else [published]

    def _grow(self, blobs: Mapping[str, str]) -> str:
        """Return the commit with all that is published, is still here, or is new; set the reference to it."""
        repo = self._repo
        with repo.lock():
            tip, published = repo.refs.read(self._objects), self._published(self._objects)
            there = held(repo, published) if published else {}
            ours = {**(held(repo, tip) if tip else {}), **blobs}
            lost = set(repo.objects.absent(oid for digest, oid in ours.items() if digest not in there))
            kept = {digest: oid for digest, oid in ours.items() if digest in there or oid not in lost}
            return self._set(tip, {**kept, **there}, self._parents(self._objects))

    def _shrink(self, gone: Collection[str]) -> str:
        repo = self._repo
        with repo.lock():
            tip, published = repo.refs.read(self._objects), self._published(self._objects)
            both = {**(held(repo, tip) if tip else {}), **(held(repo, published) if published else {})}
            return self._set(tip, {digest: oid for digest, oid in both.items() if digest not in gone}, [])

    def _set(self, tip: str | None, blobs: Mapping[str, str], parents: list[str]) -> str:
        """Set our reference to a commit of these blobs; the one it has will do when it is the same. Holds the lock."""
        repo = self._repo
        tree = write_tree(repo, blobs)
        for present in {tip, *parents} - {None}:
            if _is_same(repo, present, tree, parents):
                commit = str(present)
                break
        else:
            subject = f"{len(blobs):,} objects of artifacts"
            commit = write_commit(repo, tree, parents, by=_BY, subject=subject)
        if commit != tip and not repo.refs.compare_and_set(self._objects, tip, commit):
            raise ConflictError(f"{self._objects} was changed by another program", hint="gtrack push")
        return commit

    def _write_list(self, blobs: list[str], parents: Collection[str]) -> str:
        repo = self._repo
        data = "".join(f"{oid}\n" for oid in blobs).encode()
        blob = write_loose(os.path.join(repo.paths.common_dir, "objects"), BLOB, data, repo.object_format)
        tree = repo.objects.write_tree({_LIST: (BLOB_MODE, blob)})
        for parent in parents:
            if repo.tree_of(parent) == tree:
                return parent
        return write_commit(repo, tree, list(parents), by=_BY, subject=f"{len(blobs):,} objects of artifacts")


def _is_same(repo: Repository, commit: str | None, tree: str, parents: list[str]) -> bool:
    """Tell whether a commit will do for one with a tree and parents: it is that one, or is the parent itself."""
    if commit is None:
        return False
    try:
        head = repo.objects.read(commit, COMMIT).split(b"\n\n", 1)[0].decode("utf-8", "replace").splitlines()
    except (KeyError, DamageError):
        return False
    own = [line.removeprefix("parent ") for line in head if line.startswith("parent ")]
    return head[0] == f"tree {tree}" and (commit in parents or own == parents)


def _batches(
    repo: Repository, digests: Iterable[str], read: Callable[[str], bytes], failed: dict[str, str]
) -> Iterator[dict[str, str]]:
    """Write objects as blobs, and yield their git ids by digest, batch by batch; note what cannot be read."""
    folder = os.path.join(repo.paths.common_dir, "objects")
    present = held(repo)
    batch: dict[str, str] = {}
    size = 0
    lost = set(repo.objects.absent(present.values()))
    for digest in digests:
        oid = present.get(digest)
        if oid is None or oid in lost:
            try:
                data = _content(digest, read)
            except (GtrackError, KeyError, OSError) as error:
                failed[digest] = getattr(error, "message", str(error))
                continue
            # Not through repo.objects, which remembers what it wrote: this may be much.
            oid = write_loose(folder, BLOB, data, repo.object_format)
            size += len(data)
        batch[digest] = oid
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def _content(digest: str, read: Callable[[str], bytes]) -> bytes:
    if not is_digest(digest):
        raise DamageError(f"{digest!r:.80} is not the SHA-256 of an object")
    data = read(digest)
    if len(data) > LARGEST:
        raise DamageError(f"{len(data):,} bytes are more than the git store takes ({LARGEST:,})")
    return data
