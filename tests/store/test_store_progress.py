"""The bar: quiet where nobody looks, never more than a line; and threads that end when they are told to."""

from __future__ import annotations

import io
import threading

import pytest

from gtrack.cli.progress import Bar
from gtrack.cli.terminal import Terminal
from gtrack.errors import DamageError
from gtrack.store.place import Progress
from gtrack.store.trouble import StoppedError, patiently
from gtrack.store.workers import in_parallel


def drawn(terminal: Terminal, *, quiet: bool = False) -> str:
    """Return what a bar draws of a transfer of one second."""
    out, now = io.StringIO(), [0.0]
    bar = Bar(out, terminal, quiet=quiet, clock=lambda: now[0])
    bar.start("sending to s3://b\x1b[2J", 2, 4 << 20)
    for step in range(1, 9):
        now[0] = step / 8
        bar.moved(1 << 19)
        if step % 4 == 0:
            bar.finished()
    bar.end()
    return out.getvalue()


def test_nothing_is_drawn_where_nobody_looks_or_wants_it() -> None:
    assert drawn(Terminal(interactive=False)) == ""
    assert drawn(Terminal(interactive=True, width=100), quiet=True) == ""


def test_the_bar_fits_its_line_commands_no_terminal_and_is_gone_at_the_end() -> None:
    for width in (20, 80, 200):
        text = drawn(Terminal(interactive=True, width=width))
        lines = [line.removesuffix("\x1b[K") for line in text.split("\r")[1:]]
        assert all(len(line) < width and line.isprintable() for line in lines)
        assert lines[-1] == ""
    assert " 100%  1/2 files  4.0 MiB of 4.0 MiB  4.0 MiB/s  sending to s3://b" in text


def test_what_is_over_at_once_draws_nothing() -> None:
    out = io.StringIO()
    bar = Bar(out, Terminal(interactive=True), clock=lambda: 0.0)
    bar.start("sending", 1, 10)
    bar.moved(10)
    bar.finished()
    bar.end()
    assert out.getvalue() == ""


def test_every_item_comes_back_with_its_result_or_its_error() -> None:
    def half(number: int) -> float:
        return 10 / number

    done = dict(in_parallel(range(5), half, threading.Event(), threads=3))
    assert {number: came for number, came in done.items() if number} == {1: 10.0, 2: 5.0, 3: 10 / 3, 4: 2.5}
    assert isinstance(done[0], ZeroDivisionError)


def test_who_stops_listening_stops_the_work() -> None:
    stop, begun = threading.Event(), []

    def work(number: int) -> None:
        begun.append(number)
        if number:
            stop.wait()

    listening = in_parallel(range(100), work, stop, threads=3)
    assert next(listening) == (0, None)
    listening.close()
    assert stop.is_set()
    assert len(begun) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gtrack-transfer")]


def test_failures_in_a_row_end_it_and_progress_starts_the_count_anew() -> None:
    calls = 0

    def action(at: Progress) -> None:
        nonlocal calls
        calls += 1
        at(min(calls, 5))
        raise OSError("again")

    told: list[int] = []
    with pytest.raises(OSError, match="again"):
        patiently(action, _Hurried(), told.append, attempts=3)
    assert (calls, sum(told)) == (7, 5)


@pytest.mark.parametrize(
    "error", [PermissionError("no"), FileNotFoundError("no"), OSError(28, "full"), StoppedError(), DamageError("no")]
)
def test_what_will_not_change_is_not_tried_again(error: Exception) -> None:
    calls = 0

    def action(_: Progress) -> None:
        nonlocal calls
        calls += 1
        raise error

    with pytest.raises(type(error)):
        patiently(action, _Hurried(), lambda _: None)
    assert calls == 1


class _Hurried(threading.Event):
    """An event that nobody waits for."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()
