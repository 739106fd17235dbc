"""The recorder: a process that stays with a live run, commits its values now and then, and records its end.

It is nobody's child, has no terminal and holds nothing of the training's; see :mod:`gtrack.ops.detached`. What it
does is what any gtrack command would do a little later, so it may be killed at any moment. Its complaints go to
``recorder.log`` in gtrack's folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from gtrack.branch.repository import Repository
from gtrack.config import Settings, environment
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.ops.detached import Job, hold, recorder_lock, sweep_locks
from gtrack.ops.owner import Owner
from gtrack.ops.push_turns import take_turn
from gtrack.ops.recorder_log import note
from gtrack.spool.directory import SpoolRun

if TYPE_CHECKING:
    from gtrack.ops.live import LiveRun

__all__ = ["main"]

_NICE = 5
_COURTESY = 10.0
"""Seconds that an owner gets to record the end itself, as it does when it can."""
_LAST_WORDS = 0.2
"""Seconds for the console of a killed process to be written down."""
_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main(text: str) -> None:
    """Entry point of the detached process.

    Args:
        text: The job, as :meth:`gtrack.ops.detached.Job.to_text` gives it.
    """
    _settle_in()
    env = environment()
    job = Job.from_text(text)
    with contextlib.suppress(GtrackError, OSError):  # the repository has been removed: nobody is left to be told
        with Repository(job.root, env) as repo:
            home = repo.paths.home
        try:
            if job.run_id:
                with hold(recorder_lock(home, job.run_id, job.session)) as alone:
                    if alone:
                        _Recorder(job, home, env).stay()
            else:
                _Recorder(job, home, env).record_ended()
        except Exception as error:  # a bug of ours: the next command records what this process did not
            note(home, f"the recorder ended: {_said(error)}")


def _settle_in() -> None:
    """Be in nobody's way; and end with the run, not with the terminal or when the scheduler announces the end."""
    for number in _SIGNALS:
        # A handler, since git processes started from here would inherit that a signal is ignored.
        signal.signal(number, _go_on)
    with contextlib.suppress(OSError):
        os.nice(_NICE)


def _go_on(_number: int, _frame: object) -> None:
    """Take a signal without an answer."""


class _Recorder:
    """The work of one detached process.

    Args:
        job: What to do.
        home: gtrack's folder in the repository.
        env: The environment.
    """

    def __init__(self, job: Job, home: str, env: Mapping[str, str]) -> None:
        self._job = job
        self._home = home
        self._env = env
        self._run = SpoolRun(os.path.join(job.spool, job.run_id))
        self._told = ""

    def stay(self) -> None:
        """Commit a segment whenever one is due, until the owner has ended and the end is recorded."""
        from gtrack.ops.live import LiveRun

        live = LiveRun(self._run)
        _import_what_sealing_needs()
        with Owner(self._run, self._job.session) as owner:
            with Repository(self._job.root, self._env) as repo:
                due = time.monotonic()
                while not owner.has_ended(due - time.monotonic()):
                    self._commit_segment(repo, live)
                    due = max(due + self._job.every, time.monotonic())
            self._wait_for_the_owners_record(owner)
        self.record_ended()

    def record_ended(self) -> None:
        """Record every run that has ended, and push if that is wanted."""
        from gtrack.ops.recover import recover
        from gtrack.ops.team import effective

        settings = Settings.from_env(self._env)
        spools = [*([self._job.spool] if self._job.spool else []), *settings.extra_spools]
        with Repository(self._job.root, self._env) as repo:
            try:
                for path, reason in recover(repo, spools).failed:
                    self._tell(f"{path} could not be recorded: {reason}")
            except (GtrackError, OSError) as error:
                self._tell(f"what ended could not be recorded: {_said(error)}")
            push = self._job.push or effective(settings, repo, warn=self._tell).push or "off"
        sweep_locks(self._home)
        if push != "off":
            self._push()

    def _commit_segment(self, repo: Repository, live: LiveRun) -> None:
        try:
            with repo.lock():
                committed = live.commit(repo)
        except (GtrackError, OSError, ValueError, KeyError) as error:
            self._tell(f"a segment could not be committed: {_said(error)}")
            return
        finally:
            repo.objects.refresh()  # hours may pass, and git may repack meanwhile
        self._told = ""
        if committed is not None and self._job.push == "segment":
            self._push()

    def _wait_for_the_owners_record(self, owner: Owner) -> None:
        """Let the owner record the end, if it lives; two who do the same work help nobody."""
        deadline = time.monotonic() + _COURTESY
        while os.path.isdir(self._run.path) and not owner.is_gone() and time.monotonic() < deadline:
            time.sleep(0.05)
        if os.path.isdir(self._run.path) and owner.is_gone():
            time.sleep(_LAST_WORDS)

    def _push(self) -> None:
        try:
            take_turn(self._home, partial(_push_everything, self._job.root, self._env))
        except Exception as error:  # whatever the network does, the segments go on
            self._tell(f"the push failed: {_said(error)}")

    def _tell(self, text: str) -> None:
        """Write to the log; the same trouble at every segment is told once."""
        if text != self._told:
            self._told = text
            note(self._home, f"run {self._job.run_id[:SHORT]}: {text}" if self._job.run_id else text)


def _push_everything(root: str, env: Mapping[str, str]) -> None:
    from gtrack.ops.share import push_quietly

    with Repository(root, env) as repo:  # opened anew: its remote may be another one by now
        if repo.remote is not None:
            push_quietly(repo)


def _import_what_sealing_needs() -> None:
    """Do the slow imports before the first lock, so that nobody waits for them."""
    import numpy as np

    from gtrack.format.parquet import encode_metrics

    one = np.zeros(1, np.int64)
    encode_metrics(one, ["a"], one, one, one.astype(np.float64))


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, GtrackError | OSError) else f"{type(error).__name__}: {error}"
