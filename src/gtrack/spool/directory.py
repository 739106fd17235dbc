"""A live run's folder: what is in it, how it comes to be, and which of its sessions have ended.

::

    <spool>/<run id>/
        start.yaml                    facts known at the start; by the run's creator
        <session>.attempt.yaml        the same of a resume
        <session>.owner.yaml          the process whose end is the session's end; never published
        <session>-<writer>.journal    metric records of one process
        <session>-<writer>.system     what it measured of the machine
        <session>-<writer>.jsonl      params, tags, notes, the end
        <session>-<writer>.console*   console output

A folder appears whole, by a rename, with its owner's lock already held.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gtrack.format import yaml
from gtrack.ids import is_run_id
from gtrack.spool.identity import Identity, is_alive, is_held
from gtrack.spool.ledger import first_entry, read_ledger

__all__ = ["SpoolRun", "Writer", "hold_folder", "list_spool", "read_document", "write_document"]

_JOURNAL = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})\.journal\Z")
_OWNER = re.compile(r"([0-9a-f]{8})\.owner\.yaml\Z")
_ATTEMPT = re.compile(r"([0-9a-f]{8})\.attempt\.yaml\Z")
_NEWBORN = 60.0
"""Seconds for which a journal without a header counts as just being opened."""
_UNBORN = 3600.0
"""Seconds after which a folder that was not yet renamed into place is a leftover: snapshots may take minutes."""
_PATIENCE = 200
"""Milliseconds to wait for a folder that is just being moved."""


@dataclass(frozen=True, slots=True)
class Writer:
    """One process's files in a run's folder."""

    folder: str
    session: str
    id: str

    @property
    def stem(self) -> str:
        """The path of the writer's files, without their endings."""
        return os.path.join(self.folder, f"{self.session}-{self.id}")

    @property
    def journal(self) -> str:
        """Path of the metric records."""
        return self.stem + ".journal"

    @property
    def ledger(self) -> str:
        """Path of the JSON lines."""
        return self.stem + ".jsonl"

    def entries(self) -> list[dict[str, object]]:
        """Return the lines of the ledger; none when there is no ledger."""
        try:
            return list(read_ledger(self.ledger))
        except OSError:
            return []

    def is_alive(self) -> bool:
        """Tell whether the process may still write."""
        identity = Identity.from_dict(first_entry(self.ledger) or {})
        if identity is not None and not identity.locked and any(e["kind"] in ("end", "closed") for e in self.entries()):
            return False
        with contextlib.suppress(OSError):
            found = os.stat(self.journal)
            # Between the creation of a journal and its lock it looks abandoned.
            if found.st_size < 32 and time.time() - found.st_mtime < _NEWBORN:
                return True
        return is_alive(self.journal, identity)


@dataclass(frozen=True, slots=True)
class SpoolRun:
    """A run's folder in a spool."""

    path: str

    @property
    def id(self) -> str:
        """The run's id."""
        return os.path.basename(self.path)[:32]

    @property
    def start(self) -> dict[str, object] | None:
        """The facts known at the start; None where only workers wrote here, or the run was resumed."""
        return read_document(os.path.join(self.path, "start.yaml"))

    def writers(self) -> list[Writer]:
        """Return the processes that wrote here, in a fixed order."""
        matches = (_JOURNAL.match(name) for name in self._names())
        return [Writer(self.path, m[1], m[2]) for m in matches if m]

    def may_have_ended(self) -> bool:
        """Tell whether a writer's lock is free, which takes a tenth of the time of :meth:`Writer.is_alive`."""
        return not all(is_held(writer.journal) for writer in self.writers())

    def owners(self) -> dict[str, str]:
        """Return the owning writer of each session."""
        out = {}
        for name in self._names():
            match = _OWNER.match(name)
            document = read_document(os.path.join(self.path, name)) if match else None
            if match and document is not None:
                out[match[1]] = str(document.get("writer", ""))
        return out

    def owner_document(self, session: str) -> dict[str, object]:
        """Return what is known of a session's owner."""
        return read_document(os.path.join(self.path, f"{session}.owner.yaml")) or {}

    def attempts(self) -> list[dict[str, object]]:
        """Return the resumes recorded here."""
        found = (read_document(os.path.join(self.path, n)) for n in self._names() if _ATTEMPT.match(n))
        return [document for document in found if document is not None]

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path))
        except OSError:
            return []


def list_spool(spool: str) -> Iterator[SpoolRun]:
    """Yield the runs in a spool; leftovers of starts that were killed are removed when old."""
    try:
        names = sorted(os.listdir(spool))
    except OSError:
        return
    for name in names:
        path = os.path.join(spool, name)
        if is_run_id(name):
            yield SpoolRun(path)
        elif name.startswith(".new-"):
            with contextlib.suppress(OSError):
                if time.time() - os.stat(path).st_mtime > _UNBORN:
                    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def hold_folder(path: str, *, alone: bool = False) -> Iterator[bool]:
    """Keep a run's folder in its place while a process adds its files, or keep files out of it while it is moved.

    Without this a process that joins a run, or logs to it for the first time after a fork, could open its journal in
    a folder that a command has found complete and is putting aside.

    Args:
        path: The folder.
        alone: Nobody else may hold it: to move it.

    Yields:
        False when the folder is not there, or, with ``alone``, when somebody holds it.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _lock_folder(fd, alone=alone) and _is_at(fd, path)
    finally:
        os.close(fd)


def _lock_folder(fd: int, *, alone: bool) -> bool:
    for _ in range(1 if alone else _PATIENCE):
        try:
            fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break  # no locks on this disk
        else:
            return True
    return not alone  # a log call must not hang for this; one more move is always in time


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def write_document(path: str, document: Mapping[str, object]) -> None:
    """Write a YAML file so that it is either whole or absent, also after a power loss."""
    data = yaml.dump(document)
    fd = os.open(path + ".new", os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def read_document(path: str) -> dict[str, object] | None:
    """Read a YAML file of the spool; None when it is absent or damaged."""
    try:
        with open(path, "rb") as file:
            return yaml.load(file.read())
    except (OSError, ValueError):
        return None
