"""The whole terminal for a while, given back as it was however that ends."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gtrack.cli.terminal import write

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Screen", "whole_screen"]

# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: the alternate screen buffer, the cursor hidden, and lines
# that are too long cut instead of continued on the next.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"


class _Ended(BaseException):
    """A signal asks the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Screen:
    """What is drawn on the terminal; see :func:`whole_screen`."""

    def __init__(self, keys: int | None) -> None:
        self._keys = keys
        self._modes: list[Any] | None = None
        self._listening = True
        self._stop_asked = False
        # A signal that comes just before select begins to wait would not end the wait, were it not for this pipe.
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._woken_before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def show(self, lines: Sequence[str]) -> None:
        """Draw a picture over the one before, without the flicker of an empty screen in between."""
        text = "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines[:-1]) + "".join(lines[-1:]) + "\x1b[K\x1b[J"
        write(sys.stdout, text)
        sys.stdout.flush()

    def wait(self, seconds: float) -> str:
        """Wait, and return what was typed: at once when something was, and when all is to be drawn again."""
        sources = [self._woken, self._keys] if self._keys is not None and self._listening else [self._woken]
        ready, _, _ = select.select(sources, [], [], max(0.0, seconds))
        if self._woken in ready:
            os.read(self._woken, 4096)
        if self._stop_asked:
            self._stop()
        if self._keys is None or self._keys not in ready:
            return ""
        typed = os.read(self._keys, 4096)
        if not typed:
            self._listening = False  # nobody will type any more
        return typed.decode("utf-8", "replace")

    def enter(self) -> None:
        """Take the terminal: what is typed is handed over at once and not shown."""
        if self._keys is not None:
            self._modes = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        write(sys.stdout, _ENTER)
        sys.stdout.flush()

    def leave(self) -> None:
        """Give it back."""
        with suppress(OSError, ValueError):  # it may be gone
            write(sys.stdout, _LEAVE)
            sys.stdout.flush()
        if self._keys is not None and self._modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSANOW, self._modes)

    def close(self) -> None:
        """Close what was opened."""
        signal.set_wakeup_fd(self._woken_before)
        os.close(self._woken)
        os.close(self._wake)

    def suspended(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signature is signal's
        """Have the next wait stop the process; a signal handler, which must not write, for a write may be going on."""
        self._stop_asked = True

    def _stop(self) -> None:
        """Stop as Ctrl-Z asks, with the shell's screen in sight, until the shell lets this go on."""
        self._stop_asked = False
        self.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.enter()


@contextmanager
def whole_screen() -> Iterator[Screen]:
    """Take the terminal of standard output, and give it back at the end, on an exception, and on SIGTERM and SIGHUP.

    Those two end the process all the same, and Ctrl-C is a KeyboardInterrupt as always.

    Example:
        >>> with whole_screen() as screen:
        ...     while screen.wait(2.0) != "q":
        ...         screen.show(lines())
    """
    keys = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
    try:
        with ExitStack() as stack:
            screen = Screen(keys)
            stack.callback(screen.close)
            stack.enter_context(_handling(screen))
            stack.callback(screen.leave)
            screen.enter()
            yield screen
    except _Ended as ended:
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)


@contextmanager
def _handling(screen: Screen) -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise _Ended(number)

    handlers: dict[int, Any] = {
        signal.SIGTERM: end,
        signal.SIGHUP: end,
        signal.SIGWINCH: lambda *_: None,  # being handled at all, it ends a wait
        signal.SIGTSTP: screen.suspended,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
