"""Many transfers at once, on threads that end with the process and stop when they are told to."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

__all__ = ["THREADS", "in_parallel"]

T = TypeVar("T")
R = TypeVar("R")

THREADS = 8
_LAST_WAIT = 2.0
"""Seconds for which threads that are told to stop are waited for: a dead connection holds nobody up."""
_LOOK = 0.5


def in_parallel(
    items: Iterable[T], work: Callable[[T], R], stop: threading.Event, *, threads: int = THREADS
) -> Generator[tuple[T, R | Exception], None, None]:
    """Yield each item with what came of it, as soon as it did.

    Args:
        items: What to work on.
        work: Called on some thread for each.
        stop: Set when the caller ends early, by an exception or by closing the iterator: work should look at it often.
        threads: How many at most.
    """
    todo: queue.SimpleQueue[T] = queue.SimpleQueue()
    count = 0
    for item in items:
        todo.put(item)
        count += 1
    done: queue.SimpleQueue[tuple[T, R | Exception]] = queue.SimpleQueue()
    # Daemons: an interpreter that exits waits for a pool's threads, however long a connection says nothing.
    running = [
        threading.Thread(target=_run, args=(todo, done, work, stop), daemon=True, name=f"gtrack-transfer-{number}")
        for number in range(min(threads, count))
    ]
    try:
        for thread in running:
            thread.start()
        for _ in range(count):
            yield _next(done)
    finally:
        stop.set()
        deadline = time.monotonic() + _LAST_WAIT
        for thread in running:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))


def _next(done: queue.SimpleQueue[T]) -> T:
    while True:
        try:
            return done.get(timeout=_LOOK)  # a wait without end could not be interrupted on every platform
        except queue.Empty:
            continue


def _run(
    todo: queue.SimpleQueue[T],
    done: queue.SimpleQueue[tuple[T, R | Exception]],
    work: Callable[[T], R],
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        try:
            item = todo.get_nowait()
        except queue.Empty:
            return
        try:
            done.put((item, work(item)))
        except Exception as error:
            done.put((item, error))
