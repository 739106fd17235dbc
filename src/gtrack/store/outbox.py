"""What this clone may still have to send: a small file for every object, ``<root>/<digest>``.

The mark is made before the commit that names the object, and goes when the object was sent and checked and that commit
is at the remote. A mark too many costs one look; a mark too few would lose the only copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gtrack.ids import is_object_id, is_run_id
from gtrack.store.cache import is_digest

__all__ = ["Outbox", "Waiting"]

_MAX_BYTES = 1 << 20
_MAX_RUNS = 1000
"""Runs that one mark names: who sends needs to know one that is at the remote, and people want to know a few."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An object that may have to be sent.

    Attributes:
        digest: Its SHA-256.
        size: In bytes.
        blob: Its id as a git object, where it is small enough for the built-in store; else None.
        runs: The runs that named it here, in the order in which they did.
        sent: When it was sent and checked, microseconds since the epoch; None before.
        place: Where it was sent to, as the sender calls it; None before.
    """

    digest: str
    size: int
    blob: str | None = None
    runs: tuple[str, ...] = ()
    sent: int | None = None
    place: str | None = None


class Outbox:
    """The marks of one clone. Safe across processes.

    Args:
        root: The folder; made with the first mark.
        sync: Ask the disk to keep each mark; who makes many asks once, afterwards.
    """

    def __init__(self, root: str, *, sync: bool = True) -> None:
        self.root = root
        self._sync = sync

    def add(self, digest: str, size: int, blob: str | None, run_id: str) -> None:
        """Mark an object that a run names, before the commit that says so.

        Raises:
            OSError: The disk is full or read-only.
        """
        with self._alone():
            present = self.get(digest)
            if present is not None and present.sent is None and run_id in present.runs:
                return
            # A run that names it anew may belong to a remote that has lost it, or never had it.
            runs = tuple(dict.fromkeys([*(present.runs if present is not None else ()), run_id]))[-_MAX_RUNS:]
            self._write(Waiting(digest, size, blob, runs))

    def mark_sent(self, digest: str, time: int, place: str) -> None:
        """Note that an object was sent and checked; the mark stays until its commit is at the remote.

        Args:
            digest: The object.
            time: When, microseconds since the epoch.
            place: Where to.
        """
        with self._alone():
            present = self.get(digest)
            if present is not None:
                self._write(replace(present, sent=time, place=place))

    def remove(self, digest: str) -> None:
        """Take a mark away; none is no error."""
        with self._alone(), contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(digest))

    def get(self, digest: str) -> Waiting | None:
        """Return the mark of an object, or None."""
        try:
            with open(self._path(digest), "rb") as file:
                data = file.read(_MAX_BYTES)
        except FileNotFoundError:
            return None
        return _parse(digest, data)

    def entries(self) -> Iterator[Waiting]:
        """Yield the marks, in the order of the digests."""
        try:
            names = sorted(filter(is_digest, os.listdir(self.root)))
        except FileNotFoundError:
            return
        for name in names:
            found = self.get(name)
            if found is not None:
                yield found

    def __len__(self) -> int:
        try:
            return sum(1 for name in os.listdir(self.root) if is_digest(name))
        except FileNotFoundError:
            return 0

    def _path(self, digest: str) -> str:
        if not is_digest(digest):
            raise ValueError(f"{digest!r:.80} is not a SHA-256")
        return os.path.join(self.root, digest)

    def _write(self, waiting: Waiting) -> None:
        body = {"size": waiting.size, "blob": waiting.blob, "runs": list(waiting.runs)}
        if waiting.sent is not None:
            body |= {"sent": waiting.sent, "place": waiting.place}
        path = self._path(waiting.digest)
        aside = os.path.join(self.root, ".new")
        fd = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(json.dumps(body).encode() + b"\n")
            file.flush()
            if self._sync:
                os.fsync(file.fileno())
        os.replace(aside, path)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time change marks; on a disk without locks they take their chance."""
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        fd = os.open(os.path.join(self.root, ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _parse(digest: str, data: bytes) -> Waiting:
    """Read a mark; of a damaged one the digest alone is known, which is what matters."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = {}
    body = body if isinstance(body, dict) else {}
    size, blob, sent, place, runs = (body.get(name) for name in ("size", "blob", "sent", "place", "runs"))
    return Waiting(
        digest,
        size if isinstance(size, int) else -1,
        blob if isinstance(blob, str) and is_object_id(blob) else None,
        tuple(run for run in runs if isinstance(run, str) and is_run_id(run)) if isinstance(runs, list) else (),
        sent if isinstance(sent, int) else None,
        place if isinstance(place, str) else None,
    )
