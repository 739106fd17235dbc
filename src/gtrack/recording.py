"""This process's part in a live run: its open files, and what happens when they cannot be written."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gtrack import lifecycle
from gtrack.capture.cgroup import oom_kill_count
from gtrack.clock import now_ns
from gtrack.config import Settings, environment
from gtrack.errors import GtrackError, UsageError
from gtrack.ids import SHORT
from gtrack.notices import Notices
from gtrack.ops.begin import Identity, Request, begin, join
from gtrack.run_system import start_sampler
from gtrack.spool.writing import SpoolWriter

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.state import RunState
    from gtrack.ops.detached import Keeper
    from gtrack.spool.console import Console
    from gtrack.spool.system import SystemSampler

__all__ = ["Recording"]

_SYNC_EVERY = 5.0
_SEGMENT_EVERY = 600.0
_LATE_KEY = 128
_LATE_KEYS = 1000
"""How long names may be, and how many, under which calls after the end are counted."""


class Recording:
    """The files that one process writes for one run.

    Nothing here raises because of the disk: it warns once, and training goes on.

    Args:
        identity: The run, the session and this process's part in it.
        settings: The environment's settings.
        repo: The repository, or None.
        root: The repository's path, where it is to be opened when it is needed.
        spool: The spool that holds the run, for a process that joins it.
        next_steps: The step that comes next for each key of a resumed run.
        on_open: Called with the writer when files have been opened.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        settings: Settings,
        repo: Repository | None = None,
        root: str | None = None,
        spool: str | None = None,
        next_steps: Mapping[str, int],
        on_open: Callable[[SpoolWriter], None],
    ) -> None:
        self.identity = identity
        self.settings = settings
        self.notices = Notices(quiet=settings.quiet, run=identity.run_id)
        self.root = repo.paths.root if repo is not None else root
        self.spool = spool
        self.next_steps = next_steps
        self.status: str | None = None
        self.writer: SpoolWriter | None = None
        self.at_first_metric: Callable[[], None] | None = None
        self._repo = repo
        self._on_open = on_open
        self._oom_kills = oom_kill_count() if identity.owner else None
        self._missed: dict[str, int] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._console: Console | None = None
        self._keeper: Keeper | None = None
        self._sampler: SystemSampler | None = None

    def begin(self, request: Request, *, why_no_repository: str) -> None:
        """Create the run's folder, or join it, in the first spool that can be written."""
        writer = begin(
            self.identity,
            request,
            repo=self._repo,
            settings=self.settings,
            env=environment(),
            on_trouble=self.on_trouble,
            warn=self.notices.warn,
            why_no_repository=why_no_repository,
        )
        if writer is not None:
            self.spool = os.path.dirname(writer.folder)
            self._opened(writer)
            self._sampler = start_sampler(
                self.identity, self.settings, writer.stem, env=environment(), note=self._note_of_system
            )

    def open(self, keys: object = ()) -> SpoolWriter | None:
        """Return the open files, opened now in a process that has not logged yet.

        Args:
            keys: The names of what is about to be logged, to count it should the run have ended.
        """
        writer = self.writer
        if writer is not None:
            return writer
        with self._lock:
            if self.status is not None:
                self._late(keys)
                return None
            if self.spool is None or self.writer is not None:
                return self.writer
            try:
                writer = join(self.spool, self.identity, on_trouble=self.on_trouble, next_steps=self.next_steps)
            except OSError as error:
                self.on_trouble("spool", error)
                return None
            self._opened(writer)
            return writer

    def note_down(self, kind: str, fields: Mapping[str, object]) -> None:
        """Write a line to the ledger."""
        writer = self.open()
        if writer is None:
            return
        try:
            writer.ledger.append(kind, fields)
        except OSError as error:
            self.on_trouble(kind, error)

    def keep_console(self) -> None:
        """Keep what is printed from here on."""
        from gtrack.spool.console import Console

        if self.writer is None:
            return
        self._console = Console.start(self.writer.stem, env=environment())
        if self._console is None:
            self.notices.warn("the console output cannot be kept")

    def close(self, status: str, error: BaseException | Mapping[str, object] | None) -> bool | None:
        """Write the end and close the files; whether there were any, or None when the run had ended before."""
        with self._lock:
            if self.status is not None:
                return None
            self.status = status
            writer, self.writer = self.writer, None
        self._stop.set()
        if self._console is not None:
            self._console.stop()
        if self._sampler is not None:
            self._sampler.stop()
        if writer is None:
            return False
        if self.identity.owner:
            self._write_end(writer, status, error)
        writer.close()
        return True

    def record(self) -> RunState | None:
        """Put the closed run on the branch, and return its state when that was done."""
        if self.spool is None:
            return None
        from gtrack.ops.finish import finish

        # That the run is kept elsewhere was told when it began.
        warn = self._warn_of_disk if self._is_at_home() else _say_nothing
        repo = self.repository()
        state = finish(self.identity.run_id, self.spool, repo, owner=self.identity.owner, warn=warn)
        self._push(repo, recorded=state is not None)
        return state

    def _push(self, repo: Repository | None, *, recorded: bool) -> None:
        """Have the recorded run pushed, if that is wanted, by a process that nobody waits for."""
        push = self.settings.push or "off"
        at_work = self._keeper is not None and self._keeper.is_at_work  # it pushes when it has seen the end
        if push == "off" or repo is None or not recorded or at_work or not self.identity.owner:
            return
        from gtrack.ops.finish import push_detached

        try:
            push_detached(repo, push=push)
        except (GtrackError, OSError) as error:
            self.notices.warn(f"the run is recorded and was not pushed: {error}")

    def repository(self) -> Repository | None:
        """Return the repository; a process that joined the run opens it anew."""
        if self._repo is None and self.root is not None:
            from gtrack.branch.repository import Repository

            try:
                self._repo = Repository(self.root, environment())
            except (GtrackError, OSError) as error:
                self.notices.warn(str(error))
            else:
                lifecycle.at_exit(self._repo.close)
        return self._repo

    def on_trouble(self, key: str, error: Exception) -> None:
        """Warn once a kind of trouble; training goes on, unless the user asked for strictness.

        Args:
            key: What was not logged.
            error: An OSError, or the reason why a value was refused.
        """
        if isinstance(error, OSError) and self.status is not None:
            self._late((key,))
            return
        if self.settings.strict:
            raise UsageError(f"{key!r:.80} was not logged: {error}") from error
        if isinstance(error, OSError):
            self._warn_of_disk(f"values are not being recorded: {error.strerror or error}")
        else:
            self.notices.warn(f"{key!r:.80} was not logged: {error}", once=f"refused {key!r:.80}")

    def after_fork_in_child(self, heir: Callable[..., Any]) -> None:
        """Let go of the parent's files; the first log call in the child opens its own.

        Args:
            heir: What takes the calls that still go to the parent's journal.
        """
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self.identity = Identity(self.identity.run_id, self.identity.session, owner=False, rank=self.identity.rank)
        self._repo = None  # its open files share their positions with the parent's
        self._console = None
        self._keeper = None
        if self._sampler is not None:
            self._sampler.abandon_in_child()
            self._sampler = None
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.abandon_in_child(heir)

    def _opened(self, writer: SpoolWriter) -> None:
        self.writer = writer
        writer.journal.on_many = self._warn_of_keys
        writer.journal.after_first = self.at_first_metric if self.identity.owner else None
        self._on_open(writer)
        threading.Thread(target=self._keep_safe, name="gtrack-sync", daemon=True).start()

    def _keep_safe(self) -> None:
        """Now and then ask the disk to keep what was written, and see that a recorder commits segments if wanted."""
        stop, writer, every = self._stop, self.writer, self._segment_every()
        began = synced = time.monotonic()
        while not stop.wait(min(_SYNC_EVERY, every or _SYNC_EVERY)) and writer is not None:
            now = time.monotonic()
            if now - synced >= _SYNC_EVERY:
                synced = now
                with contextlib.suppress(OSError):  # a full disk may have room again later; the log calls tell
                    writer.sync()
            if every and now - began >= every:
                self._look_after_recorder(every)

    def _segment_every(self) -> float | None:
        """Seconds between segments; a run that is to be pushed as it goes has some in any case."""
        if self.settings.segment_every is None and self.settings.push == "segment":
            return _SEGMENT_EVERY
        return self.settings.segment_every

    def _look_after_recorder(self, every: float) -> None:
        from gtrack.ops.detached import Job, Keeper

        repo, run = self._repo, self.identity
        if repo is None or self.spool is None or not run.owner:
            return
        if self._keeper is None:
            job = Job(repo.paths.root, self.settings.push or "off", self.spool, run.run_id, run.session, every)
            self._keeper = Keeper(job, repo.paths.home)
        self._keeper.look(environment())

    def _write_end(self, writer: SpoolWriter, status: str, error: BaseException | Mapping[str, object] | None) -> None:
        end = {"status": status, "ended": now_ns() // 1000}
        try:
            writer.ledger.append("end", {**end, "error": self._describe(error, writer.stem + ".journal")})
        except OSError as trouble:
            with contextlib.suppress(OSError):  # a full disk may have room for less
                writer.ledger.append("end", end)
            self._warn_of_disk(f"how the run ended could not be written: {trouble.strerror or trouble}")

    def _describe(self, error: BaseException | Mapping[str, object] | None, journal: str) -> object:
        if not isinstance(error, BaseException):
            return error
        from gtrack.ops.failure import describe_failure

        return describe_failure(error, journal=journal, oom_kills=self._oom_kills)

    def _late(self, keys: object) -> None:
        """Warn once of a call after the end, and count its values as rejected."""
        for key in keys if isinstance(keys, Iterable) else ():
            name = key if isinstance(key, str) and 0 < len(key) <= _LATE_KEY and len(self._missed) < _LATE_KEYS else "?"
            if not self._missed and self.identity.owner and self.spool is not None:
                lifecycle.at_exit(self._record_late)
            self._missed[name] = self._missed.get(name, 0) + 1
        message = f"run {self.identity.run_id[:SHORT]} has ended: what is logged to it now is not recorded"
        if self.settings.strict:
            raise UsageError(message, hint="start a new run, or resume this one: start_run(run_id=..., resume=True)")
        self.notices.warn(message)

    def _record_late(self) -> None:
        if not self.identity.owner:
            return  # a forked child inherits what its parent has to do
        repo = self.repository()
        if repo is not None and self.spool is not None:
            from gtrack.ops.late import record_late

            record_late(self.identity, self.spool, repo, self._missed, warn=self.notices.warn)

    def _note_of_system(self, text: str) -> None:
        """Say once that the machine, or a part of it, is not measured: no trouble of the training's."""
        if self.status is None:
            self.notices.warn(f"system metrics: {text}")

    def _warn_of_disk(self, text: str) -> None:
        """Warn of what a full or broken disk does; once, whatever else it does later."""
        self.notices.warn(text, once="disk")

    def _warn_of_keys(self, count: int) -> None:
        text = f"more than {count:,} metrics are logged: is a step or an id part of their names?"
        self.notices.warn(f"{text} All are kept, and listings get slow", once="many metrics")

    def _is_at_home(self) -> bool:
        """Tell whether the run's files are where they belong."""
        if self._repo is None or self.spool is None:
            return not self.identity.owner
        return self.spool == os.path.abspath(self.settings.spool or self._repo.paths.spool)


def _say_nothing(text: str) -> None:
    """Take a warning that the user has had already."""
