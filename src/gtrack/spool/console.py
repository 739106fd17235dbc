"""Capture of this process's stdout and stderr at the level of file descriptors.

The descriptors 1 and 2 are replaced by pipes, so that what extensions, child processes and the interpreter's last
words write is kept too. A helper process (:mod:`gtrack.spool.tee`) sends every byte on to where it was going.

- A stream that was a terminal gets a pseudo-terminal of the same size, so ``isatty()``, colours and progress bars
  stay as they were. Full-screen programs, which set the modes of their *output* terminal, are not for capture.
- stdout and stderr that went to one place share one pipe: their order stays exact.
- Children that outlive the run keep writing: the helper ends with the last of them.
- If the helper is killed (out of memory), nobody gets a broken pipe: this process holds the reading ends as well, a
  sleeping thread notices, puts the old descriptors back and copies what children still write. Lost are at most the
  64 KiB that the helper had in its hands. The thread needs the interpreter lock: an extension that prints more than
  a pipe holds without letting go of it, at that moment, would wait for ever.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass

from gtrack.spool import tee
from gtrack.spool.output import OutputWriter

__all__ = ["Console"]

_PIPE_SIZE = 256 * 1024  # a user's pipes share 64 MiB (pipe(7)): 1 MiB each would starve many runs on one machine

_lock = threading.Lock()
_stack: list[Console] = []  # the captures of this process, innermost last


@dataclass
class _Tap:
    """The replacement of one or two descriptors that went to the same place."""

    saved: dict[int, int]  # descriptor -> duplicate of what it was
    source: int
    sink: int
    identity: tuple[int, int]

    def divert(self) -> None:
        for fd in self.saved:
            os.dup2(self.sink, fd, inheritable=True)
        os.close(self.sink)
        self.sink = -1

    def restore(self) -> None:
        """Put the descriptors back, unless somebody has redirected them since."""
        for fd, saved in self.saved.items():
            if _identity(fd) == self.identity:
                os.dup2(saved, fd, inheritable=True)

    def close(self) -> None:
        for fd in (self.source, self.sink, *self.saved.values()):
            if fd >= 0:
                os.close(fd)


class Console:
    """A running capture; made by :meth:`start`.

    Example:
        >>> console = Console.start("/spool/9c1d7b6e-00000000", env=env)
        >>> console.stop()
    """

    def __init__(self, stem: str, taps: list[_Tap], control: tuple[int, int], ack: int, starter: int) -> None:
        self._stem = stem
        self._taps = taps
        self._control_in, self._control_out = control
        self._ack = ack
        self._starter = starter
        self._pid = os.getpid()
        self._stopping = False
        self._synced = threading.Event()
        self._served_here = False
        self._claim = threading.Lock()
        """Of stop() and the thread that stands by, one copies: what both read, neither writes before the exit."""
        self._begun = threading.Event()
        self._finished = threading.Event()

    @classmethod
    def start(cls, stem_path: str | os.PathLike[str], *, env: Mapping[str, str]) -> Console | None:
        """Begin to keep stdout and stderr of this process under ``stem_path``; takes about 2 ms.

        A capture that runs already goes on: the new one is stacked on top.

        Args:
            stem_path: Path of the console files without ``.console``; the directory exists.
            env: The environment for the helper process.

        Returns:
            The capture, or None when it cannot be had: everything is then as it was, and the caller warns.
        """
        if not sys.executable:  # embedded in another program
            return None
        stem = os.path.abspath(os.fspath(stem_path))
        with _lock:
            taps: list[_Tap] = []
            fds: list[int] = []
            try:
                taps = _open_taps()
                if not taps:  # both descriptors are closed
                    return None
                fds += (*_control_pipe(), *os.pipe())
                control_in, control_out, ack_in, ack_out = fds
                starter = _spawn_helper(stem, control_in, ack_out, taps, env)
                os.close(fds.pop())
                console = cls(stem, taps, (control_in, control_out), ack_in, starter)
                threading.Thread(target=console._watch, name="gtrack-console", daemon=True).start()
            except (OSError, RuntimeError, ValueError):
                # The helper, should it have started, ends when it finds the control pipe closed.
                for tap in taps:
                    tap.close()
                for fd in fds:
                    os.close(fd)
                return None
            try:
                os.write(control_out, tee.TAKE)
                _flush()
                for tap in taps:
                    tap.divert()
            finally:
                console._begun.set()
            _stack.append(console)
            return console

    def stop(self, timeout: float = 2.0) -> None:
        """Put stdout and stderr back and wait until all that was written is kept; does nothing in a forked child.

        Args:
            timeout: How many seconds to wait for the helper, for instance behind a stopped terminal.
        """
        if os.getpid() != self._pid:
            return
        with _lock:
            self._stopping = True
            while _stack and _stack[-1]._stopping:
                console = _stack.pop()
                with suppress(OSError):  # somebody has closed our descriptors: the helper goes on by itself
                    console._finish(timeout)
                console._finished.set()

    def _finish(self, timeout: float) -> None:
        _flush()
        for tap in self._taps:
            tap.restore()
        with self._claim:
            self._served_here = _take_back(self._control_in)
        if self._served_here:
            # The helper is not even up yet: a run this short is copied here, in less time than it takes to start.
            with closing(OutputWriter(self._stem)) as writer:
                ended = tee.drain(self._streams(), writer)
            os.write(self._control_out, tee.EXIT if ended else tee.TAKE + tee.SYNC)
            self._synced.set()
        else:
            os.write(self._control_out, tee.SYNC)
            self._synced.wait(timeout)

    def _streams(self) -> list[tee.Stream]:
        return [tee.Stream(tap.source, next(iter(tap.saved.values()))) for tap in self._taps]

    def _watch(self) -> None:
        with suppress(OSError):  # as in stop()
            self._stand_by()
        self._synced.set()
        self._finished.wait()  # stop() still needs the descriptors
        with suppress(OSError):
            for tap in self._taps:
                tap.close()
            for fd in (self._control_in, self._control_out, self._ack):
                os.close(fd)

    def _stand_by(self) -> None:
        """Wait for the helper's answer; when it dies without one, do its work."""
        with suppress(ChildProcessError):  # the training waits for any child, and got this one
            os.waitpid(self._starter, 0)
        self._begun.wait()  # a helper can fail before the streams are diverted: they are given back afterwards
        answered = os.read(self._ack, 1) == tee.SYNCED
        with self._claim:
            mine = not answered and not self._served_here
            if mine:
                _take_back(self._control_in)
        if mine:
            with closing(OutputWriter(self._stem)) as writer:
                streams = self._streams()
                tee.drain(streams, writer)  # first, so that the order stays nearly what it was
                for tap in self._taps:
                    tap.restore()
                tee.serve(streams, writer, self._control_in, self._synced.set)


def _forget() -> None:
    global _lock  # noqa: PLW0603  another thread may have held it at the fork
    _lock = threading.Lock()
    _stack.clear()


os.register_at_fork(after_in_child=_forget)


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _open_taps() -> list[_Tap]:
    """Return the pipes for stdout and stderr, one for both when both go to one place."""
    places: dict[tuple[int, int], list[int]] = {}
    for fd in (1, 2):
        place = _identity(fd)
        if place is not None:
            places.setdefault(place, []).append(fd)
    taps: list[_Tap] = []
    try:
        for fds in places.values():
            taps.append(_open_tap(fds))
    except BaseException:
        for tap in taps:
            tap.close()
        raise
    return taps


def _open_tap(fds: list[int]) -> _Tap:
    import fcntl

    source, sink = _open_terminal(fds[0]) if os.isatty(fds[0]) else os.pipe()
    tap = _Tap({}, source, sink, _identity(sink) or (-1, -1))
    try:
        os.set_blocking(source, False)
        for fd in fds:
            tap.saved[fd] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    except BaseException:
        tap.close()
        raise
    with suppress(OSError, AttributeError):  # a terminal, another system, or the user's share is used up
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return tap


def _open_terminal(like: int) -> tuple[int, int]:
    """Return the two ends of a pseudo-terminal of the size and modes of ``like``, which passes bytes as they are."""
    import fcntl
    import termios

    source, sink = os.openpty()
    try:
        modes = termios.tcgetattr(like)
        modes[1] &= ~termios.OPOST  # the real terminal turns \n into \r\n, once
        termios.tcsetattr(sink, termios.TCSANOW, modes)
        fcntl.ioctl(sink, termios.TIOCSWINSZ, fcntl.ioctl(like, termios.TIOCGWINSZ, bytes(8)))
    except (OSError, termios.error) as error:
        os.close(source)
        os.close(sink)
        raise OSError(f"no pseudo-terminal: {error}") from error
    return source, sink


def _control_pipe() -> tuple[int, int]:
    source, sink = os.pipe()
    os.set_blocking(source, False)
    return source, sink


def _take_back(control: int) -> bool:
    """Take the right to copy from the helper, if it has not begun."""
    try:
        return os.read(control, 1) == tee.TAKE
    except BlockingIOError:
        return False


def _spawn_helper(stem: str, control: int, ack: int, taps: list[_Tap], env: Mapping[str, str]) -> int:
    """Start the helper and return the id of the process that starts it, to be waited for."""
    import signal

    sources = [control, ack]
    for tap in taps:
        sources += (tap.source, next(iter(tap.saved.values())))
    first = max(sources) + 1  # no copy overwrites what a later one needs
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_DUP2, fd, first + index) for index, fd in enumerate(sources)
    ]
    actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    numbers = [str(first + index) for index in range(len(sources))]
    pairs = [f"{source}:{target}" for source, target in zip(numbers[2::2], numbers[3::2], strict=True)]
    argv = [sys.executable, "-I", "-S", os.path.abspath(tee.__file__), stem, numbers[0], numbers[1], *pairs]
    # Blocked for its whole life: it ends when the output does, not when the terminal or the scheduler says so.
    blocked = [
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGTSTP,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ]
    return os.posix_spawn(sys.executable, argv, env, file_actions=actions, setsigmask=blocked)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # none, broken or closed: not ours to report
            stream.flush()
    # C's own buffer too, where ctypes is loaded anyway. stdout alone: fflush(NULL) waits for a thread that reads stdin.
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        with suppress(AttributeError, OSError, ValueError):  # a C library without that name
            library = ctypes.CDLL(None)
            name = "__stdoutp" if sys.platform == "darwin" else "stdout"
            library.fflush(ctypes.c_void_p.in_dll(library, name))
