"""Opening a run's folder for writing: by its creator, whole and at once, and by those who join."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Callable, Mapping

from gtrack.ids import new_session_id
from gtrack.spool.artifacts import ArtifactWriter
from gtrack.spool.directory import hold_folder, write_document
from gtrack.spool.identity import this_process
from gtrack.spool.journal import Heir, Journal
from gtrack.spool.ledger import Ledger
from gtrack.spool.records import NO_RANK

__all__ = ["SpoolWriter", "create_run", "join_run"]

Trouble = Callable[[str, Exception], None]

_ATTEMPTS = 50
_FACTS = ("start.yaml", ".attempt.yaml")


class SpoolWriter:
    """The open journal and ledger of this process.

    Args:
        folder: The run's folder.
        session: The session.
        rank: The process's rank, or -1.
        on_trouble: See :class:`gtrack.spool.journal.Journal`.
        next_steps: The step that comes next for each key of a resumed run.

    Raises:
        OSError: The files cannot be made.
    """

    def __init__(
        self,
        folder: str,
        session: str,
        *,
        rank: int = NO_RANK,
        on_trouble: Trouble,
        next_steps: Mapping[str, int] | None = None,
    ) -> None:
        self.session = session
        self.id = new_session_id()
        self.pid = os.getpid()
        self._folder = folder
        self.ledger = Ledger(self.stem + ".jsonl")
        try:
            self.journal = Journal(
                self.stem + ".journal",
                rank,
                on_trouble=on_trouble,
                on_first=lambda: self.ledger.append("first", {}),
                next_steps=next_steps,
            )
            identity = this_process(locked=self.journal.locked)
            self.ledger.append("writer", {**identity.to_dict(), "rank": None if rank == NO_RANK else rank})
        except BaseException:
            self.ledger.close()
            raise
        self._artifacts: ArtifactWriter | None = None
        self._lock = threading.Lock()

    @property
    def artifacts(self) -> ArtifactWriter:
        """What captures artifacts; its files are made with the first of them."""
        if self._artifacts is None:
            with self._lock:
                self._artifacts = self._artifacts or ArtifactWriter(self.stem, self.ledger)
        return self._artifacts

    @property
    def folder(self) -> str:
        """The run's folder."""
        return self._folder

    @property
    def stem(self) -> str:
        """The path of this process's files, without their endings."""
        return os.path.join(self._folder, f"{self.session}-{self.id}")

    def moved_to(self, folder: str) -> None:
        """Note that the folder was renamed; open files follow by themselves."""
        self._folder = folder

    def sync(self) -> None:
        """Ask the disk to keep everything, against power loss."""
        self.journal.sync()
        if self._artifacts is not None:
            self._artifacts.sync()
        self.ledger.sync()

    def close(self) -> None:
        """Close both files; the journal's lock goes last, since it tells that all is written."""
        with contextlib.suppress(OSError):
            self.ledger.append("closed", {})
        self.ledger.close()
        if self._artifacts is not None:
            self._artifacts.close()
        self.journal.close()

    def abandon_in_child(self, heir: Heir) -> None:
        """Let go of the files in a forked child; see :meth:`gtrack.spool.journal.Journal.abandon_in_child`."""
        self.ledger.abandon_in_child()
        if self._artifacts is not None:
            self._artifacts.abandon_in_child()
        self.journal.abandon_in_child(heir)


def create_run(
    spool: str,
    run_id: str,
    session: str,
    facts: Mapping[str, object],
    *,
    resume: bool = False,
    repository: str | None = None,
    rank: int = NO_RANK,
    on_trouble: Trouble,
    next_steps: Mapping[str, int] | None = None,
    prepared: str | None = None,
) -> SpoolWriter:
    """Create a live run's folder as the owner of a session.

    The folder is made aside and renamed into place: nobody sees a run that is half there, and its owner's lock is
    held from the first moment on.

    Args:
        spool: The spool.
        run_id: The run.
        session: The session.
        facts: The document that becomes ``run.yaml``, or the attempt of a resume.
        resume: The facts are those of a resume.
        repository: The repository's common directory, for spools that several repositories share.
        rank: This process's rank, or -1.
        on_trouble: See :class:`gtrack.spool.journal.Journal`.
        next_steps: The step that comes next for each key of a resumed run.
        prepared: A folder below the spool that already holds something of the run, to be renamed.

    Raises:
        OSError: The spool cannot be written.
    """
    os.makedirs(spool, mode=0o700, exist_ok=True)
    target = os.path.join(spool, run_id)
    new = prepared or os.path.join(spool, f".new-{run_id}-{session}")
    os.makedirs(new, mode=0o700, exist_ok=True)
    writer = SpoolWriter(new, session, rank=rank, on_trouble=on_trouble, next_steps=next_steps)
    try:
        owner = {"session": session, "writer": writer.id, "started": facts["started"], "repository": repository or ""}
        write_document(os.path.join(new, f"{session}.owner.yaml"), {**owner, **this_process().to_dict()})
        name = f"{session}.attempt.yaml" if resume else "start.yaml"
        write_document(os.path.join(new, name), facts)
        _put_in_place(new, target)
    except BaseException:
        writer.close()
        shutil.rmtree(new, ignore_errors=True)
        raise
    writer.moved_to(target)
    return writer


def join_run(
    spool: str,
    run_id: str,
    session: str,
    *,
    rank: int = NO_RANK,
    on_trouble: Trouble,
    next_steps: Mapping[str, int] | None = None,
) -> SpoolWriter:
    """Open a journal and a ledger in a run that another process created, or is about to create.

    Args:
        spool: The spool.
        run_id: The run.
        session: The session.
        rank: This process's rank, or -1.
        on_trouble: See :class:`gtrack.spool.journal.Journal`.
        next_steps: The step that comes next for each key of a resumed run.

    Raises:
        OSError: The spool cannot be written.
    """
    folder = os.path.join(spool, run_id)
    for _ in range(_ATTEMPTS):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with hold_folder(folder) as there:
            if there:
                return SpoolWriter(folder, session, rank=rank, on_trouble=on_trouble, next_steps=next_steps)
    raise OSError(errno.EBUSY, "the run's folder keeps being moved", folder)


def _put_in_place(new: str, target: str) -> None:
    for _ in range(_ATTEMPTS):
        try:
            os.rename(new, target)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        # Workers of the same launch, or an earlier session, are here already: add to their folder.
        with hold_folder(target) as there:
            if there:
                _add_to(new, target)
                break
    else:
        raise OSError(errno.EBUSY, "the run's folder keeps being moved", target)
    fd = os.open(os.path.dirname(target), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _add_to(new: str, target: str) -> None:
    """Move the files of a new session into a folder; killed at any moment, it leaves no session without its owner.

    The owner's file goes first, since a start without an owner would look like one whose owner is gone; the facts go
    last, since a resume without its journal would look like one that runs for ever.
    """
    names = sorted(os.listdir(new), key=lambda name: (name.endswith(_FACTS), not name.endswith(".owner.yaml")))
    for name in names:
        source, place = os.path.join(new, name), os.path.join(target, name)
        if os.path.isdir(place):  # git objects of an earlier session, in a repository that cannot be written
            shutil.copytree(source, place, dirs_exist_ok=True)
            shutil.rmtree(source)
        else:
            os.rename(source, place)
    os.rmdir(new)
