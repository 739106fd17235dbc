"""Sending what this clone has to send: to the store, or where there is none to the built-in git store.

Nothing here holds back the records. What cannot be sent stays marked in the outbox; a mark goes when its object was
sent and checked and the commit that names it is at the remote, which :func:`settle` is told afterwards.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from gtrack.branch.object_store import LARGEST, send
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import Tracking
from gtrack.branch.transport import Transport
from gtrack.clock import iso, now_ns
from gtrack.errors import GtrackError
from gtrack.ops.objects import object_cache, opened_store, outbox_of
from gtrack.ops.store_settings import repository_id, repository_remote, store_choice
from gtrack.store.members import Member, register
from gtrack.store.meter import Meter, Silent
from gtrack.store.outbox import Waiting
from gtrack.store.place import Place
from gtrack.store.transfer import send_object
from gtrack.store.trouble import at_once, said_by, store_trouble
from gtrack.store.url import Location
from gtrack.store.workers import in_parallel

__all__ = ["ObjectsSent", "Unsent", "send_objects", "settle"]

_ENOUGH = 3
"""Objects that fail one after the other, each after all its attempts: the store is taken to be down."""
_BELIEVED_US = 3_600_000_000
"""Microseconds for which a mark that says that its object was sent is believed, while the commit is not at the remote.

Less than gc waits between condemning and removing: an object that was found in a store may have been old already.
"""
_NO_STORE = "no store is configured, and the built-in one takes files up to 1 MiB"


@dataclass(frozen=True, slots=True)
class Unsent:
    """An object that waits here.

    Attributes:
        digest: Its SHA-256.
        size: In bytes.
        why: What it waits for.
        runs: The runs that name it.
    """

    digest: str
    size: int
    why: str
    runs: tuple[str, ...]


@dataclass(slots=True)
class ObjectsSent:
    """What came of sending objects.

    Attributes:
        place: The store, or the git remote, safe to print; None when nothing had to be sent.
        sent: How many were sent.
        size: Their bytes.
        present: How many were there already.
        waiting: Those that stay here.
        trouble: Why the store could not be used at all.
        todo: What to type about those that wait.
        much: The built-in store holds so much of this clone's that a store would serve better.
        looked_at: The marks that were there when it began.
        believed: From when on what they say is believed, microseconds since the epoch.
    """

    place: str | None = None
    sent: int = 0
    size: int = 0
    present: int = 0
    waiting: list[Unsent] = field(default_factory=list)
    trouble: str | None = None
    todo: str | None = None
    much: bool = False
    looked_at: tuple[Waiting, ...] = ()
    believed: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return it as a map, as ``--json`` prints it."""
        return {
            "place": self.place,
            "sent": self.sent,
            "bytes": self.size,
            "present": self.present,
            "trouble": self.trouble,
            "waiting": [
                {"digest": each.digest, "size": each.size, "why": each.why, "runs": list(each.runs)}
                for each in self.waiting
            ],
        }


def send_objects(
    repo: Repository,
    transport: Transport,
    names: Tracking,
    *,
    progress: Meter | None = None,
    at_most: int | None = None,
) -> ObjectsSent:
    """Send what is marked in the outbox. Whatever goes wrong with it is in the answer: the records are not held back.

    Args:
        repo: The repository.
        transport: The connection to the tracking remote, for the built-in store.
        names: Its references.
        progress: Told how far it has come.
        at_most: Bytes to send; what goes beyond them waits for a push that somebody asks for.
    """
    outbox = outbox_of(repo)
    if not len(outbox):
        return ObjectsSent()
    with repo.lock():  # who seals marks and commits under it: of each mark the commit is there
        marks = tuple(outbox.entries())
    sending = _Sending(repo, marks, progress or Silent())
    try:
        with _alone(repo):
            sending.keep_to(at_most)
            choice = store_choice(repo)
            if choice is None:
                sending.to_git(transport, names)
            elif not choice.agreed:
                sending.nowhere(f"nobody here agreed to use {choice.location.shown}", "gtrack store accept")
            else:
                sending.to_store(choice.location)
    except (GtrackError, OSError) as error:
        sending.nowhere(said_by(error), error.hint if isinstance(error, GtrackError) else None)
    return sending.out


def settle(repo: Repository, sent: ObjectsSent) -> None:
    """Take away the marks of what was sent, now that the remote has the commits that name it.

    Args:
        repo: The repository.
        sent: What :func:`send_objects` returned before these commits were pushed.
    """
    done = [mark for mark in sent.looked_at if mark.digest not in {each.digest for each in sent.waiting}]
    if not done:
        return
    outbox = outbox_of(repo)
    with repo.lock():  # or a run that names one of them anew could lose its mark
        for mark in done:
            present = outbox.get(mark.digest)
            if present is None or present.sent is None or present.sent < sent.believed:
                continue  # sent too long ago, and nobody could look now: the next push does
            if set(present.runs) <= set(mark.runs):
                outbox.remove(mark.digest)


class _Sending:
    """The objects of one push."""

    def __init__(self, repo: Repository, marks: Sequence[Waiting], meter: Meter) -> None:
        self.repo = repo
        self.cache = object_cache(repo)
        self.outbox = outbox_of(repo)
        self.meter = meter
        self.marks = {mark.digest: mark for mark in marks}
        self.out = ObjectsSent(looked_at=tuple(marks), believed=now_ns() // 1000 - _BELIEVED_US)

    def keep_to(self, at_most: int | None) -> None:
        """Leave the largest where they are, until the others are no more than so many bytes."""
        left = sum(mark.size for mark in self.marks.values())
        for mark in sorted(self.marks.values(), key=lambda each: -each.size):
            if at_most is None or left <= at_most:
                return
            left -= mark.size
            del self.marks[mark.digest]
            if mark.sent is None:
                self._waits(mark, "it is left for a push that somebody asks for")
                self.out.todo = "gtrack push"

    def nowhere(self, why: str, todo: str | None) -> None:
        """Let all that is not sent wait."""
        self.out.trouble, self.out.todo = why, todo
        told = {each.digest for each in self.out.waiting}
        for mark in self.marks.values():
            current = self.outbox.get(mark.digest)
            if mark.digest not in told and (current is None or current.sent is None):
                self._waits(mark, why)

    def to_store(self, location: Location) -> None:
        """Send everything to a store."""
        self.out.place = location.shown
        todo = self._unsent(location.value)
        if not todo:
            return
        what = f"cannot write to {location.shown}"
        with opened_store(self.repo, location) as place:
            with store_trouble(what, credentials=location.credentials):
                self._register(place)
            self._send(place, location, todo)

    def to_git(self, transport: Transport, names: Tracking) -> None:
        """Send what is small enough to the tracking remote."""
        where = f"git {names.remote}"
        todo = self._unsent(where)
        small = [mark.digest for mark in todo if 0 <= mark.size <= LARGEST]
        for mark in todo:
            if not 0 <= mark.size <= LARGEST:
                self._waits(mark, _NO_STORE)
                self.out.todo = "gtrack store set s3://BUCKET/PREFIX, or any other place, then gtrack push"
        if not small:
            return
        self.out.place = names.remote

        def on_sent(digests: Collection[str]) -> None:
            for digest in digests:
                self._is_there(self.marks[digest], where)

        done = send(self.repo, transport, names, small, self.cache.read, on_sent=on_sent)
        self.out.much = done.asks_for_store
        for digest in small:
            if digest not in done.digests:
                self._waits(self.marks[digest], done.failed.get(digest) or f"{names.remote} refused it: {done.refused}")

    def _unsent(self, where: str) -> list[Waiting]:
        """Return what is to be sent: what was sent so long ago that it may have been collected as nobody's, too."""
        old = self.out.believed
        return [m for m in self.marks.values() if m.sent is None or m.place != where or m.sent < old]

    def _register(self, place: Place) -> None:
        member = Member(repository_id(self.repo), repository_remote(self.repo), iso(now_ns() // 1000))
        at_once(lambda: register(place, member))

    def _send(self, place: Place, location: Location, todo: Sequence[Waiting]) -> None:
        stop = threading.Event()

        def work(mark: Waiting) -> bool:
            size = mark.size if mark.size >= 0 else os.stat(self.cache.path(mark.digest)).st_size
            return send_object(place, self.cache, mark.digest, size, stop, self.meter.moved)

        self.meter.start(f"sending to {location.shown}", len(todo), sum(max(0, mark.size) for mark in todo))
        failures = 0
        try:
            with contextlib.closing(in_parallel(todo, work, stop)) as done:
                for mark, came in done:
                    failures = self._note(mark, came, location, failures)
                    if failures >= _ENOUGH:
                        return
        finally:
            self.meter.end()

    def _note(self, mark: Waiting, came: bool | Exception, location: Location, failures: int) -> int:
        """Note what came of an object, and return how many in a row have failed by now."""
        if not isinstance(came, Exception):
            self._is_there(mark, location.value, new=came)
            self.meter.finished()
            return 0
        self._waits(mark, said_by(came))
        failures += not isinstance(came, GtrackError)
        if failures >= _ENOUGH:
            self.nowhere(f"cannot write to {location.shown}: {said_by(came)}", "gtrack store check")
        return failures

    def _is_there(self, mark: Waiting, where: str, *, new: bool = True) -> None:
        self.outbox.mark_sent(mark.digest, now_ns() // 1000, where)
        if new:
            self.out.sent += 1
            self.out.size += max(0, mark.size)
        else:
            self.out.present += 1

    def _waits(self, mark: Waiting, why: str) -> None:
        self.out.waiting.append(Unsent(mark.digest, max(0, mark.size), why, mark.runs))


@contextmanager
def _alone(repo: Repository) -> Iterator[None]:
    """Let one process of a clone send at a time: what is unfinished in a store is the clone's."""
    fd = os.open(os.path.join(repo.paths.home, "sending.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
