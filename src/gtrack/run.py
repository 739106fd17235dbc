"""The live run: what a training script holds and logs to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gtrack import lifecycle
from gtrack.capture.launcher import detect_launcher
from gtrack.config import Settings, environment
from gtrack.errors import UsageError
from gtrack.format.plain import to_plain
from gtrack.ids import SHORT
from gtrack.info import RunInfo
from gtrack.ops.begin import Identity, Request
from gtrack.recording import Recording
from gtrack.run_artifacts import ArtifactLogging
from gtrack.run_checkpoints import CheckpointLogging
from gtrack.run_data import DataLogging
from gtrack.run_lineage import LineageLogging
from gtrack.run_media import MediaLogging
from gtrack.run_models import ModelLogging
from gtrack.spool.journal import Refused
from gtrack.spool.records import NO_RANK
from gtrack.spool.writing import SpoolWriter

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.state import RunState

__all__ = ["Run"]

_GOALS = ("min", "max")
_STATUSES = ("finished", "failed", "killed", "preempted")


class Run(LineageLogging, DataLogging, MediaLogging, CheckpointLogging, ModelLogging, ArtifactLogging):
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
        self._params: dict[str, Any] = dict(request.params)
        self._tags: dict[str, Any] = dict(request.tags)
        self._started = time.monotonic()
        self._recording = Recording(
            identity, settings=settings, repo=repo, next_steps=request.next_steps, on_open=self._hand_out
        )
        if request.lacking is not None:
            self._recording.at_first_metric = partial(self._tell_lacking, request.lacking)
        self._recording.begin(request, why_no_repository=why_no_repository)
        lifecycle.register(self)
        if announce and identity.owner:
            self._recording.notices.say(f"run {self.id[:SHORT]} {self.name} started (experiment {self.experiment})")
        if console:
            self._recording.keep_console()

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
        writer = self._recording.open((key,))
        if writer is not None:
            writer.journal.append(key, value, step)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log several metrics of one moment; see :meth:`log_metric`.

        Args:
            metrics: Values by name. Nested maps are joined with dots.
            step: The step of all of them; without one, each metric's next integer.
        """
        writer = self._recording.writer or self._recording.open(metrics)
        if writer is not None:
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
        self._note_goal(str(key), goal)
        self._recording.note_down("logged", {"goals": {str(key): goal}})

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
            self._recording.on_trouble("params", Refused(f"log_params takes a dict, not {type(params).__name__}"))
            return
        for key, value in plain.items():
            present = self._params.get(key)
            if key in self._params and present != value and not isinstance(value, dict):
                self._recording.notices.warn(
                    f"param {key!r:.60} was {present!r:.40} and is now {value!r:.40}; the last one stands"
                )
        self._params.update(plain)
        self._recording.note_down("logged", {"params": plain})

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
            self._recording.on_trouble("tags", Refused(f"set_tags takes a dict, not {type(tags).__name__}"))
            return
        self._tags.update(plain)
        self._recording.note_down("logged", {"tags": plain})

    def note(self, text: str) -> None:
        """Write down a remark about the run."""
        self._recording.note_down("note", {"text": str(to_plain(text))})

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
            self._recording.note_down("logged", given)
        for text in notes:
            self.note(text)

    def record_seed(self, facts: Mapping[str, object]) -> None:
        """Record what :func:`gtrack.set_seed` did."""
        self._recording.note_down("logged", {"seed": dict(facts)})

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
        return self._recording.status is None

    @property
    def status(self) -> str:
        """``running``, or how the run ended."""
        return self._recording.status or "running"

    @property
    def info(self) -> RunInfo:
        """The run's id, name, experiment and status under the names that MLflow has for them."""
        return RunInfo(self.id, self.name, self.experiment, self.status.upper())

    @property
    def owner(self) -> bool:
        """True in the process that started the run: its end is the run's end."""
        return self._recording.identity.owner

    @property
    def console_stem(self) -> str | None:
        """The path of this process's console files, without their endings; None when nothing is recorded."""
        writer = self._recording.open()
        return None if writer is None else writer.stem

    def environ(self) -> dict[str, str]:
        """Return the environment variables by which a child process joins this run.

        Example:
            >>> subprocess.run(["python", "worker.py"], env={**os.environ, **run.environ()})
        """
        out = {"GTRACK_RUN_ID": self.id, "GTRACK_SESSION": self._recording.identity.session}
        if self._recording.spool is not None:
            out["GTRACK_SPOOL"] = self._recording.spool
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
        state = self._recording.record() if wrote else None
        if self.owner:
            self._say_goodbye(state)

    def end_abruptly(self, status: str) -> None:
        """End the run from a signal handler: write the end, and let a separate process record it."""
        if self._close(status, None) and self._recording.root is not None:
            from gtrack.ops.finish import record_detached

            record_detached(self._recording.root, environment(), push=self._recording.settings.push)

    def _close(self, status: str, error: BaseException | Mapping[str, object] | None) -> bool | None:
        if self._recording.status is None:
            self.__dict__.pop("log_metric", None)
        wrote = self._recording.close(status, error)
        if wrote is not None:
            lifecycle.forget(self)
        return wrote

    def _tell_lacking(self, lacking: Callable[[Mapping[str, object], Mapping[str, object]], str | None]) -> None:
        """Warn of what the policy misses; called within the first log call, which nothing here may fail."""
        with contextlib.suppress(Exception):
            text = lacking(self._params, self._tags)
            if text is not None:
                self._recording.notices.warn(text, once="policy")

    def _say_goodbye(self, state: RunState | None) -> None:
        from gtrack.ops.headline import headline_metrics, number

        metrics = headline_metrics(state) if state is not None else []
        shown = ", ".join(f"{key}={number(value)}" for key, value in metrics)
        took = _duration(time.monotonic() - self._started)
        line = f"run {self.id[:SHORT]} {self.name} {self.status} in {took}"
        if state is None and self._recording.spool is not None:
            line += f"; it waits in {self._recording.spool}"
        self._recording.notices.say(f"{line}: {shown}" if shown else line)

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
        part = self._recording
        where = (part.spool, part.root, dict(part.next_steps))
        return _join, (self.id, part.identity.session, self.name, self.experiment, *where)

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
        self.__dict__.pop("log_metric", None)
        self._recording.after_fork_in_child(self.log_metric)

    def _hand_out(self, writer: SpoolWriter) -> None:
        """Let callers of ``log_metric`` reach the journal without a call in between: it halves the overhead."""
        self.__dict__["log_metric"] = writer.journal.append


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
    run = Run.__new__(Run)
    run.id, run.name, run.experiment, run.parent = run_id, name, experiment, None
    launcher = detect_launcher(environment())
    rank = NO_RANK if launcher is None or launcher.rank is None else launcher.rank
    run._params, run._tags = {}, {}
    run._started = time.monotonic()
    run._recording = Recording(
        Identity(run_id, session, owner=False, rank=rank),
        settings=Settings.from_env(environment()),
        root=root,
        spool=spool,
        next_steps=next_steps,
        on_open=run._hand_out,
    )
    lifecycle.register(run)
    return run


def _entry(key: object, value: object) -> dict[Any, object]:
    """One entry of a map; what cannot be a key is one as text, since no log call raises."""
    try:
        return {key: value}
    except TypeError:
        return {str(to_plain(key)): value}


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"
