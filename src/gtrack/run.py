"""The live run: what a training script holds and logs to."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gtrack import lifecycle
from gtrack.capture.cgroup import oom_kill_count
from gtrack.capture.launcher import detect_launcher
from gtrack.clock import now_ns
from gtrack.config import Settings, environment
from gtrack.errors import GtrackError, UsageError
from gtrack.format.plain import to_plain
from gtrack.ids import SHORT
from gtrack.info import RunInfo
from gtrack.notices import Notices
from gtrack.ops.begin import Identity, Request, begin, join
from gtrack.spool.journal import Refused
from gtrack.spool.records import NO_RANK
from gtrack.spool.writing import SpoolWriter

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.spool.console import Console

__all__ = ["Run"]

_SYNC_EVERY = 5.0
_LATE_KEY = 128
_LATE_KEYS = 1000
"""How long names may be, and how many, under which calls after the end are counted."""
_GOALS = ("min", "max")
_STATUSES = ("finished", "failed", "killed", "preempted")


class Run:
    """A run that is being recorded. Made by :func:`gtrack.start_run`; a context manager.

    Logging is safe from any thread, and from forked or spawned children, which write files of their own. No log call
    raises because the tracker has trouble: it warns once, and training goes on.

    Attributes:
        id: The run's id, 32 hex digits.
        name: The run's name.
        experiment: The experiment it belongs to.
        parent: The id of its parent run, or None.

    Example:
        >>> with gtrack.start_run(experiment="churn", params={"lr": 0.05}) as run:
        ...     run.log({"train_loss": 0.3, "val_auc": 0.9}, step=0)
    """

    def __init__(
        self,
        identity: Identity,
        request: Request,
        *,
        repo: Repository | None,
        settings: Settings,
        console: bool = False,
        announce: bool = True,
        why_no_repository: str = "there is no git repository here",
    ) -> None:
        self.id = identity.run_id
        self.name = request.name
        self.experiment = request.experiment
        self.parent = request.parent
        self._identity = identity
        self._settings = settings
        self._repo = repo
        self._root = None if repo is None else repo.paths.root
        self._oom_kills = oom_kill_count()
        self._next_steps = request.next_steps
        self._notices = Notices(quiet=settings.quiet, run=self.id)
        self._params: dict[str, Any] = dict(request.params)
        self._tags: dict[str, Any] = dict(request.tags)
        self._started = time.monotonic()
        self._status: str | None = None
        self._missed: dict[str, int] = {}
        self._lock = threading.RLock()
        self._console: Console | None = None
        self._stop = threading.Event()
        self._spool: str | None = None
        self._writer: SpoolWriter | None = begin(
            identity,
            request,
            repo=repo,
            settings=settings,
            env=environment(),
            on_trouble=self._on_trouble,
            warn=self._notices.warn,
            why_no_repository=why_no_repository,
        )
        if self._writer is not None:
            self._spool = os.path.dirname(self._writer.folder)
            self._hand_out(self._writer)
            threading.Thread(target=self._keep_safe, name="gtrack-sync", daemon=True).start()
        lifecycle.register(self)
        if announce and identity.owner:
            self._notices.say(f"run {self.id[:SHORT]} {self.name} started (experiment {self.experiment})")
        if console and self._writer is not None:
            self._start_console(self._writer)

    # -- metrics

    def log_metric(self, key: str, value: float, step: int | None = None) -> None:
        """Log one value of a metric.

        When this returns, killing the process cannot lose the value. Costs about two microseconds.

        Args:
            key: The metric's name, at most 512 bytes in UTF-8.
            value: Anything with ``__float__``; NaN and infinities are kept.
            step: A 64-bit integer; without one, the metric's next integer.

        Example:
            >>> run.log_metric("val_auc", 0.91, step=10)
        """
        # While the run is open this method is shadowed by the journal's own append, see _hand_out.
        writer = self._open_writer((key,))
        if writer is not None:
            writer.journal.append(key, value, step)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log several metrics of one moment; see :meth:`log_metric`.

        Args:
            metrics: Values by name. Nested maps are joined with dots.
            step: The step of all of them; without one, each metric's next integer.
        """
        writer = self._writer or self._open_writer(metrics)
        if writer is None:
            return
        if not isinstance(metrics, Mapping):
            self._on_trouble("?", Refused(f"log takes a dict of metrics, not {type(metrics).__name__}"))
            return
        try:
            if any(isinstance(value, Mapping) for value in metrics.values()):
                metrics = dict(_flatten(metrics))
        except Exception as error:  # a map within itself, or one that is none: what can be had is tried one by one
            self._on_trouble("?", Refused(f"the metrics could not be read: {type(error).__name__}"))
        writer.journal.append_all(metrics, step)

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log several metrics of one moment; the same as :meth:`log_metrics`."""
        self.log_metrics(metrics, step)

    def define_metric(self, key: str, goal: str | None = None) -> None:
        """Say of a metric whether lower or higher is better.

        Args:
            key: The metric's name.
            goal: ``"min"`` or ``"max"``.

        Raises:
            UsageError: The goal is neither.
        """
        if goal not in _GOALS:
            raise UsageError(f"the goal of {key!r} is {goal!r}", hint='use goal="min" or goal="max"')
        self._note_down("logged", {"goals": {str(key): goal}})

    # -- everything else

    def log_param(self, key: str, value: object) -> object:
        """Log one param; see :meth:`log_params`.

        Returns:
            The value, so that it can be logged where it is used.
        """
        self.log_params(_entry(key, value))
        return value

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log params: what the run was given.

        Args:
            params: Values of any type, nested as they are; what is no JSON-like value is kept as text.
        """
        plain = to_plain(params)
        if not isinstance(plain, dict):
            self._on_trouble("params", Refused(f"log_params takes a dict, not {type(params).__name__}"))
            return
        for key, value in plain.items():
            present = self._params.get(key)
            if key in self._params and present != value and not isinstance(value, dict):
                self._notices.warn(
                    f"param {key!r:.60} was {present!r:.40} and is now {value!r:.40}; the last one stands"
                )
        self._params.update(plain)
        self._note_down("logged", {"params": plain})

    def set_tag(self, key: str, value: object) -> None:
        """Set one tag: a word about the run, to find it by."""
        self.set_tags(_entry(key, value))

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags.

        Args:
            tags: Values by name.
        """
        plain = to_plain(tags)
        if not isinstance(plain, dict):
            self._on_trouble("tags", Refused(f"set_tags takes a dict, not {type(tags).__name__}"))
            return
        self._tags.update(plain)
        self._note_down("logged", {"tags": plain})

    def note(self, text: str) -> None:
        """Write down a remark about the run."""
        self._note_down("note", {"text": str(to_plain(text))})

    def describe(
        self,
        *,
        params: Mapping[str, object],
        tags: Mapping[str, object],
        name: str | None,
        experiment: str | None,
        notes: Sequence[str] = (),
    ) -> None:
        """Record what a process that joins or resumes the run gave to ``start_run``."""
        facts = {"params": dict(params), "tags": dict(tags), "name": name, "experiment": experiment}
        given = {key: value for key, value in facts.items() if value}
        if given:
            self._note_down("logged", given)
        for text in notes:
            self.note(text)

    def record_seed(self, facts: Mapping[str, object]) -> None:
        """Record what :func:`gtrack.set_seed` did."""
        self._note_down("logged", {"seed": dict(facts)})

    # -- state

    @property
    def params(self) -> dict[str, Any]:
        """The params as logged so far by this process."""
        return dict(self._params)

    @property
    def tags(self) -> dict[str, Any]:
        """The tags as set so far by this process."""
        return dict(self._tags)

    @property
    def active(self) -> bool:
        """True until the run is ended."""
        return self._status is None

    @property
    def status(self) -> str:
        """``running``, or how the run ended."""
        return self._status or "running"

    @property
    def info(self) -> RunInfo:
        """The run's id, name, experiment and status under the names that MLflow has for them."""
        return RunInfo(self.id, self.name, self.experiment, self.status.upper())

    @property
    def owner(self) -> bool:
        """True in the process that started the run: its end is the run's end."""
        return self._identity.owner

    @property
    def console_stem(self) -> str | None:
        """The path of this process's console files, without their endings; None when nothing is recorded."""
        writer = self._open_writer()
        return None if writer is None else writer.stem

    def environ(self) -> dict[str, str]:
        """Return the environment variables by which a child process joins this run.

        Example:
            >>> subprocess.run(["python", "worker.py"], env={**os.environ, **run.environ()})
        """
        out = {"GTRACK_RUN_ID": self.id, "GTRACK_SESSION": self._identity.session}
        if self._spool is not None:
            out["GTRACK_SPOOL"] = self._spool
        return out

    def end(self, status: str = "finished", error: BaseException | Mapping[str, object] | None = None) -> None:
        """End the run and record it on the branch. Ending twice is harmless.

        Args:
            status: ``finished``, ``failed``, ``killed`` or ``preempted``.
            error: The exception that ended it, if any; or what is known of it: type, message, traceback, cause.

        Raises:
            UsageError: There is no such status.
        """
        if status not in _STATUSES:
            raise UsageError(f"{status!r} is not a status", hint="use one of " + ", ".join(_STATUSES))
        wrote = self._close(status, error)
        if wrote is None:
            return
        state = None
        if wrote and self._spool is not None:
            from gtrack.ops.finish import finish

            # That the run is kept elsewhere was told when it began.
            warn = self._warn_of_disk if self._is_at_home() else _say_nothing
            state = finish(self.id, self._spool, self._repository(), warn=warn)
        if self._identity.owner:
            self._say_goodbye(state)

    def end_abruptly(self, status: str) -> None:
        """End the run from a signal handler: write the end, and let a separate process record it."""
        if self._close(status, None) and self._root is not None:
            from gtrack.ops.finish import record_detached

            record_detached(self._root, environment())

    def _close(self, status: str, error: BaseException | Mapping[str, object] | None) -> bool | None:
        """Write the end and close the files; whether there were any, or None when the run had ended before."""
        with self._lock:
            if self._status is not None:
                return None
            self._status = status
            writer, self._writer = self._writer, None
            self.__dict__.pop("log_metric", None)
        self._stop.set()
        if self._console is not None:
            self._console.stop()
        lifecycle.forget(self)
        if writer is None:
            return False
        if self._identity.owner:
            end = {"status": status, "ended": now_ns() // 1000}
            try:
                writer.ledger.append("end", {**end, "error": self._describe(error, writer.stem + ".journal")})
            except OSError as trouble:
                with contextlib.suppress(OSError):  # a full disk may have room for less
                    writer.ledger.append("end", end)
                self._warn_of_disk(f"how the run ended could not be written: {trouble.strerror or trouble}")
        writer.close()
        return True

    def _describe(self, error: BaseException | Mapping[str, object] | None, journal: str) -> object:
        if not isinstance(error, BaseException):
            return error
        from gtrack.ops.failure import describe_failure

        return describe_failure(error, journal=journal, oom_kills=self._oom_kills)

    def _repository(self) -> Repository | None:
        """The repository; a process that joined the run opens it anew."""
        if self._repo is None and self._root is not None:
            from gtrack.branch.repository import Repository

            try:
                self._repo = Repository(self._root, environment())
            except (GtrackError, OSError) as error:
                self._notices.warn(str(error))
            else:
                lifecycle.at_exit(self._repo.close)
        return self._repo

    def _warn_of_disk(self, text: str) -> None:
        """Warn of what a full or broken disk does; once, whatever else it does later."""
        self._notices.warn(text, once="disk")

    def _is_at_home(self) -> bool:
        """Tell whether the run's files are where they belong."""
        if self._repo is None or self._spool is None:
            return not self._identity.owner
        return self._spool == os.path.abspath(self._settings.spool or self._repo.paths.spool)

    def _say_goodbye(self, state: object) -> None:
        from gtrack.model.state import RunState
        from gtrack.ops.headline import headline_metrics, number

        metrics = headline_metrics(state) if isinstance(state, RunState) else []
        shown = ", ".join(f"{key}={number(value)}" for key, value in metrics)
        took = _duration(time.monotonic() - self._started)
        line = f"run {self.id[:SHORT]} {self.name} {self._status} in {took}"
        if state is None and self._spool is not None:
            line += f"; it waits in {self._spool}"
        self._notices.say(f"{line}: {shown}" if shown else line)

    # -- the life of the process

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if lifecycle.preempted():
            self.end("preempted", exc)
        elif lifecycle.is_clean_exit(exc):
            self.end()
        else:
            self.end("failed", exc)

    def __reduce__(self) -> tuple[Callable[..., Run], tuple[Any, ...]]:
        """Pickle by reference: the other process joins the run."""
        where = (self._spool, self._root, dict(self._next_steps))
        return _join, (self.id, self._identity.session, self.name, self.experiment, *where)

    def __repr__(self) -> str:
        return f"<gtrack.Run {self.id[:SHORT]} {self.name} {self.status}>"

    def _repr_html_(self) -> str:
        from html import escape

        cells = [("run", f"{self.name} ({self.id[:SHORT]})"), ("experiment", self.experiment), ("status", self.status)]
        cells += [(str(key), str(value)[:200]) for key, value in list(self._params.items())[:20]]
        rows = "".join(f"<tr><th style='text-align:left'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in cells)
        return f"<table>{rows}</table>"

    def after_fork_in_child(self) -> None:
        """Let go of the parent's files; the first log call in the child opens its own."""
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._identity = Identity(self.id, self._identity.session, owner=False, rank=self._identity.rank)
        self._repo = None  # its open files share their positions with the parent's
        self._console = None
        writer, self._writer = self._writer, None
        self.__dict__.pop("log_metric", None)
        if writer is not None:
            writer.abandon_in_child(self.log_metric)

    def _hand_out(self, writer: SpoolWriter) -> None:
        """Let callers of ``log_metric`` reach the journal without a call in between: it halves the overhead."""
        self.__dict__["log_metric"] = writer.journal.append

    def _open_writer(self, keys: object = ()) -> SpoolWriter | None:
        writer = self._writer
        if writer is not None:
            return writer
        with self._lock:
            if self._status is not None:
                self._late(keys)
                return None
            if self._spool is None or self._writer is not None:
                return self._writer
            try:
                self._writer = join(
                    self._spool, self._identity, on_trouble=self._on_trouble, next_steps=self._next_steps
                )
            except OSError as error:
                self._on_trouble("spool", error)
                return None
            self._hand_out(self._writer)
            threading.Thread(target=self._keep_safe, name="gtrack-sync", daemon=True).start()
            return self._writer

    def _note_down(self, kind: str, fields: Mapping[str, object]) -> None:
        writer = self._open_writer()
        if writer is None:
            return
        try:
            writer.ledger.append(kind, fields)
        except OSError as error:
            self._on_trouble(kind, error)

    def _late(self, keys: object) -> None:
        """Warn once of a call after the end, and count its values as rejected."""
        for key in keys if isinstance(keys, Iterable) else ():
            name = key if isinstance(key, str) and 0 < len(key) <= _LATE_KEY and len(self._missed) < _LATE_KEYS else "?"
            if not self._missed and self._identity.owner and self._spool is not None:
                lifecycle.at_exit(self._record_late)
            self._missed[name] = self._missed.get(name, 0) + 1
        message = f"run {self.id[:SHORT]} has ended: what is logged to it now is not recorded"
        if self._settings.strict:
            raise UsageError(message, hint="start a new run, or resume this one: start_run(run_id=..., resume=True)")
        self._notices.warn(message)

    def _record_late(self) -> None:
        if not self._identity.owner:
            return  # a forked child inherits what its parent has to do
        repo = self._repository()
        if repo is not None and self._spool is not None:
            from gtrack.ops.late import record_late

            record_late(self._identity, self._spool, repo, self._missed, warn=self._notices.warn)

    def _on_trouble(self, key: str, error: Exception) -> None:
        """Warn once a kind of trouble; training goes on, unless the user asked for strictness."""
        if isinstance(error, OSError) and self._status is not None:
            self._late((key,))
            return
        if self._settings.strict:
            raise UsageError(f"{key!r:.80} was not logged: {error}") from error
        if isinstance(error, OSError):
            self._warn_of_disk(f"values are not being recorded: {error.strerror or error}")
        else:
            self._notices.warn(f"{key!r:.80} was not logged: {error}", once=f"refused {key!r:.80}")

    def _keep_safe(self) -> None:
        """Now and then ask the disk to keep what was written, and commit a segment where that is wanted."""
        stop, writer, every = self._stop, self._writer, self._settings.segment_every
        pause = min(_SYNC_EVERY, every or _SYNC_EVERY)
        last = time.monotonic()
        while not stop.wait(pause) and writer is not None:
            with contextlib.suppress(OSError):  # a full disk may have room again later; the log calls tell
                writer.sync()
            if every and time.monotonic() - last >= every and self._root is not None and self._identity.owner:
                last = time.monotonic()
                from gtrack.ops.finish import record_detached

                record_detached(self._root, environment(), live=self.id)

    def _start_console(self, writer: SpoolWriter) -> None:
        from gtrack.spool.console import Console

        self._console = Console.start(writer.stem, env=environment())
        if self._console is None:
            self._notices.warn("the console output cannot be kept")


def _join(
    run_id: str,
    session: str,
    name: str,
    experiment: str,
    spool: str | None,
    root: str | None,
    next_steps: Mapping[str, int],
) -> Run:
    """Join a run from another process, as unpickling does."""
    settings = Settings.from_env(environment())
    run = Run.__new__(Run)
    run.id, run.name, run.experiment, run.parent = run_id, name, experiment, None
    launcher = detect_launcher(environment())
    rank = NO_RANK if launcher is None or launcher.rank is None else launcher.rank
    run._identity = Identity(run_id, session, owner=False, rank=rank)
    run._settings = settings
    run._repo, run._root = None, root
    run._oom_kills = None
    run._next_steps = next_steps
    run._notices = Notices(quiet=settings.quiet, run=run_id)
    run._params, run._tags = {}, {}
    run._started = time.monotonic()
    run._status = None
    run._missed = {}
    run._lock = threading.RLock()
    run._console = None
    run._stop = threading.Event()
    run._spool = spool
    run._writer = None
    lifecycle.register(run)
    return run


def _entry(key: object, value: object) -> dict[Any, object]:
    """One entry of a map; what cannot be a key is one as text, since no log call raises."""
    try:
        return {key: value}
    except TypeError:
        return {str(to_plain(key)): value}


def _say_nothing(text: str) -> None:
    """Take a warning that the user has had already."""


def _flatten(metrics: Mapping[str, object], prefix: str = "") -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    for key, value in metrics.items():
        name = f"{prefix}{key}"
        out.extend(_flatten(value, name + ".") if isinstance(value, Mapping) else [(name, value)])
    return out


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"
