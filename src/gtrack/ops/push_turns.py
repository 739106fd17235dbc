"""One process at a time pushes, for all who want to: whoever finds it at work leaves a mark and goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from gtrack.ops.detached import hold, is_held

__all__ = ["leave_it_to_another", "take_turn"]


def leave_it_to_another(home: str) -> bool:
    """Leave a mark that there is something to push; whether a process is at it that will find the mark.

    Args:
        home: gtrack's folder in the repository.
    """
    _leave_mark(home)
    return is_held(_lock(home))


def take_turn(home: str, push: Callable[[], object]) -> None:
    """Push, unless another process is at it, which then pushes once more.

    The mark is left before the lock is tried and looked for after it is free, so that nothing stays unpushed between
    two processes.

    Args:
        home: gtrack's folder in the repository.
        push: Pushes everything there is.

    Raises:
        OSError: The folder cannot be written.
    """
    _leave_mark(home)
    while _is_marked(home):
        with hold(_lock(home)) as mine:
            if not mine:
                return
            while _take_mark(home):
                push()


def _lock(home: str) -> str:
    return os.path.join(home, "recorders", "push")


def _mark(home: str) -> str:
    return os.path.join(home, "push-again")


def _leave_mark(home: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(_mark(home), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _is_marked(home: str) -> bool:
    return os.path.exists(_mark(home))


def _take_mark(home: str) -> bool:
    try:
        os.unlink(_mark(home))
    except FileNotFoundError:
        return False
    return True
