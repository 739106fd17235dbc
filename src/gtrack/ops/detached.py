"""Processes that outlive the training: how they are started, and how one is kept beside a live run.

Imported by the training, so it loads nothing heavy and starts processes without the interpreter's lock being held
for longer than that takes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

__all__ = ["Job", "Keeper", "hold", "is_held", "recorder_lock", "start", "sweep_locks"]

_START = """\
import os, sys
os.closerange(3, min(os.sysconf("SC_OPEN_MAX"), 1 << 16))
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
sys.path.append(sys.argv.pop(1))
from gtrack.ops.recorder import main
main(sys.argv[1])
"""
"""What runs in the new process. Descriptors that the training left inheritable, a lock for instance, are not ours to
keep; it is nobody's child, so a training that waits for all of its children does not wait for it; and it holds no
folder, so that nothing stands in the way of removing one."""

_PATHS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL", "GTRACK_SPOOL", "XDG_STATE_HOME")
"""Variables that may be relative to the folder that the process leaves."""

_FIRST_RETRY = 1.0
_LAST_RETRY = 600.0
_STEADY = 60.0
"""Seconds: how soon a recorder that is gone is started again, at first and at most, and when it has proved itself."""

_PATIENCE = 100
"""Milliseconds to try for a lock."""

_starters: list[int] = []


@dataclass(frozen=True, slots=True)
class Job:
    """What a detached process is to do: to stay with a live run, or without one to record what has ended.

    Attributes:
        root: The repository.
        push: ``off``, ``end`` or ``segment``; None to ask the process's own environment.
        spool: The spool that holds the run.
        run_id: The live run.
        session: The session whose owner started this.
        every: Seconds between two segments.
    """

    root: str
    push: str | None = None
    spool: str = ""
    run_id: str = ""
    session: str = ""
    every: float = 0.0

    def to_text(self) -> str:
        """Return the job as the argument of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Job:
        """Read what :meth:`to_text` gave."""
        return cls(**json.loads(text))


def start(job: Job, env: Mapping[str, str]) -> None:
    """Start a process that outlives this one; it is not waited for.

    Args:
        job: What it is to do.
        env: The environment.

    Raises:
        OSError: It cannot be started.
    """
    _reap()
    if not sys.executable:  # embedded in another program
        raise FileNotFoundError("there is no Python interpreter to start")
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    argv = [sys.executable, "-P", "-c", _START, package, job.to_text()]
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    variables = _variables(env)
    # Not what the training's signals are set to: it may have blocked some in this thread.
    _starters.append(os.posix_spawn(sys.executable, argv, variables, file_actions=nowhere, setsigmask=()))


def _variables(env: Mapping[str, str]) -> dict[str, str]:
    out = {**env, "GTRACK_QUIET": "1"}
    for name in _PATHS:
        if out.get(name) and not os.path.isabs(out[name]):
            with contextlib.suppress(OSError):  # the present folder has been removed
                out[name] = os.path.abspath(out[name])
    # A pool of threads for linear algebra, of which there is none.
    return {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **out}


def _reap() -> None:
    """Take leave of the starters that are done, so that a long training collects no zombies."""
    for pid in list(_starters):
        try:
            done = os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:
            done = True  # the training has waited for any child, and got this one
        if done:
            _starters.remove(pid)


def recorder_lock(home: str, run_id: str, session: str) -> str:
    """Return the path of the lock of a live run's recorder.

    Args:
        home: gtrack's folder in the repository.
        run_id: The run.
        session: The session: the recorder of a resume does not wait for one that still pushes what was before.
    """
    return os.path.join(home, "recorders", f"{run_id}-{session}")


@contextlib.contextmanager
def hold(path: str) -> Iterator[bool]:
    """Hold a lock file that is there only while somebody holds it; yields False when another process does.

    Args:
        path: The file. Its folder is made if need be.

    Raises:
        OSError: The file cannot be made.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    fd = _open_held(path)
    if fd is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(fd)


def _open_held(path: str) -> int | None:
    """Return the descriptor of a lock file whose lock is now ours, or None when another process holds it."""
    for _ in range(_PATIENCE):
        fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)  # somebody may only be looking whether it is held
        except OSError:
            return fd  # no locks on this disk
        else:
            if _is_at(fd, path):
                return fd
            # Whoever held it before has removed the very file that was opened here: the next one is it.
        os.close(fd)
    return None


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def sweep_locks(home: str) -> None:
    """Remove the lock files that killed recorders left behind.

    Args:
        home: gtrack's folder in the repository.
    """
    folder = os.path.join(home, "recorders")
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if not is_held(os.path.join(folder, name)):
                with hold(os.path.join(folder, name)):
                    pass  # taken, and so removed


def is_held(path: str) -> bool:
    """Tell whether a process holds a lock file; on a disk without locks, whether the file is there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(fd)


class Keeper:
    """Keeps a recorder beside a live run: starts it, and starts it again when somebody killed it.

    Args:
        job: The recorder's job.
        home: gtrack's folder in the repository.
    """

    def __init__(self, job: Job, home: str) -> None:
        self._job = job
        self._lock = recorder_lock(home, job.run_id, job.session)
        self._started = self._next = float("-inf")
        self._retry = _FIRST_RETRY

    @property
    def is_at_work(self) -> bool:
        """True while the recorder runs."""
        return is_held(self._lock)

    def look(self, env: Mapping[str, str]) -> None:
        """Start the recorder if there is none; one that does not stay is tried ever less often.

        Args:
            env: The environment of the process to start.
        """
        now = time.monotonic()
        if now < self._next:
            return
        if self.is_at_work:
            if now - self._started >= _STEADY:
                self._retry = _FIRST_RETRY
            return
        self._started, self._next = now, now + self._retry
        self._retry = min(self._retry * 2, _LAST_RETRY)
        with contextlib.suppress(OSError):  # too many processes, perhaps: the run's end records it all the same
            start(self._job, env)
