"""How runs end when nobody ends them: interpreter exit, uncaught exceptions, signals, forks.

Hooks are set when the first run starts and chain what they find. Signal handlers are set in the main thread only, and
taken back when the last run ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from gtrack.run import Run

__all__ = ["at_exit", "forget", "is_clean_exit", "preempted", "register"]

_runs: list[Run] = []
_threads: dict[int, int] = {}
"""By the identity of a run, the thread that started it."""
_closers: list[Callable[[], None]] = []
_lock = threading.RLock()
_uncaught: BaseException | None = None
_preempted = False
_hooked = False
_previous: dict[int, Any] = {}


def register(run: Run) -> None:
    """Watch over a run until it ends."""
    global _hooked, _preempted  # noqa: PLW0603
    with _lock:
        if not _runs:
            _preempted = False
        _runs.append(run)
        _threads[id(run)] = threading.get_ident()
        if not _hooked:
            _hooked = True
            atexit.register(_at_exit)
            os.register_at_fork(after_in_child=_after_fork)
            _chain_excepthook()
            _chain_thread_excepthook()
            _chain_exit()
        _watch_signals()


def forget(run: Run) -> None:
    """Stop watching over a run."""
    with _lock:
        _threads.pop(id(run), None)
        if run in _runs:
            _runs.remove(run)
        if not _runs:
            _unwatch_signals()


def at_exit(close: Callable[[], None]) -> None:
    """Call something when the interpreter exits, after the runs have been ended."""
    _closers.append(close)


def preempted() -> bool:
    """Tell whether the process was asked to stop by its scheduler."""
    return _preempted


def is_clean_exit(error: BaseException | None) -> bool:
    """Tell whether a ``with`` block ended well: without an exception, or with ``sys.exit(0)``."""
    return error is None or (isinstance(error, SystemExit) and error.code in (None, 0))


def _at_exit() -> None:
    """End what is open, children before parents."""
    for run in reversed(list(_runs)):
        if _preempted:
            run.end("preempted")
        elif _uncaught is not None and not is_clean_exit(_uncaught):
            run.end("failed", _uncaught)
        else:
            run.end()
    for close in reversed(_closers):
        close()
    if isinstance(_uncaught, KeyboardInterrupt):
        # Python dies of SIGINT after an interrupt, which is how shells know to stop their loops. It goes by the last
        # code that was compiled from text, and recording a run compiles some (namedtuple, dataclass).
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102


def _after_fork() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    for run in list(_runs):
        run.after_fork_in_child()


def _chain_excepthook() -> None:
    previous: Callable[..., Any] = sys.excepthook

    def remember(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        global _uncaught  # noqa: PLW0603
        _uncaught = error
        previous(kind, error, trace)

    sys.excepthook = remember


def _chain_thread_excepthook() -> None:
    """A thread that dies of an exception takes the runs with it that it had started."""
    previous: Callable[[threading.ExceptHookArgs], Any] = threading.excepthook

    def fail(args: threading.ExceptHookArgs) -> None:
        mine = [run for run in reversed(list(_runs)) if _threads.get(id(run)) == threading.get_ident()]
        for run in mine:
            run.end("failed", args.exc_value)
        previous(args)

    threading.excepthook = fail


def _chain_exit() -> None:
    """Remember what ``sys.exit`` was called with: no hook of Python's tells of it."""
    previous: Callable[..., Any] = sys.exit

    def remember(status: Any = None, /) -> NoReturn:
        global _uncaught  # noqa: PLW0603
        if threading.current_thread() is threading.main_thread():
            _uncaught = SystemExit(status)
        previous(status)
        raise AssertionError("sys.exit returned")

    sys.exit = remember


def _preemption_signals() -> list[int]:
    """SIGTERM, and under Slurm SIGUSR1, which ``--signal`` sends before the time limit by convention."""
    from gtrack.config import environment

    signals = [signal.SIGTERM]
    if environment().get("SLURM_JOB_ID"):
        signals.append(signal.SIGUSR1)
    return [int(number) for number in signals]


def _watch_signals() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _preemption_signals():
        present = signal.getsignal(number)
        if number in _previous or present is None or present is signal.SIG_IGN:
            continue
        _previous[number] = present
        signal.signal(number, _on_signal)


def _unwatch_signals() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number, present in list(_previous.items()):
        if signal.getsignal(number) is _on_signal:
            signal.signal(number, present)
        del _previous[number]


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Note the preemption; then do what would have been done without gtrack."""
    global _preempted  # noqa: PLW0603
    previous = _previous.get(number, signal.SIG_DFL)
    if callable(previous):
        # The user's own handler saves a checkpoint, or asks the loop to stop: it decides what happens to the process.
        _preempted = True
        previous(number, frame)
        return
    _preempted = True
    for run in reversed(list(_runs)):
        if run.owner:
            run.end_abruptly("preempted")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
