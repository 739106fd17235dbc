"""The helper process behind the console capture: copies output on, and keeps it.

It reads the pipes (or pseudo-terminals) that stand in for the training's stdout and stderr, and sends every byte,
unbuffered and in order of arrival, into the run's console files and to where it was going. It runs as a script with
``python -I -S``, starts in about 10 ms and imports the standard library alone.

It is a process and not a thread of the training, because a thread needs the interpreter lock, which an extension
that prints may hold, and would take the pipe down with a killed training: children that live on would die of
SIGPIPE, and the crash message would be lost. It leaves the training's session and is nobody's child, so Ctrl-C does
not reach it and it is no zombie afterwards. (For its first 15 ms the process that starts it is a child, which a bare
``os.wait()`` in the training may meet.) It ends when the last writer has closed.

When whoever was reading the output has gone (``python train.py | head``), it goes on keeping the output: the
training runs to its end instead of dying of a broken pipe.

Command line: ``tee.py STEM CONTROL ACK SOURCE:TARGET...``, all but the stem being descriptors. CONTROL brings the
bytes below, one at a time; ACK is closed after the answer to SYNC.
"""

from __future__ import annotations

import errno
import os
import select
import sys

TYPE_CHECKING = False  # importing typing would cost the start a third more
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gtrack.spool.output import OutputWriter

__all__ = ["EXIT", "SYNC", "SYNCED", "TAKE", "Stream", "drain", "serve"]

TAKE = b"t"
"""Control: begin; whoever reads this byte from the pipe is the one who copies."""

SYNC = b"s"
"""Control: copy what has been written so far, answer, go on."""

EXIT = b"x"
"""Control: there is nothing to do."""

SYNCED = b"k"
"""The answer to SYNC."""

_CHUNK = 64 * 1024
_SETTLE_MS = 20  # a pseudo-terminal hands its bytes over a moment after the write has returned


class Stream:
    """One captured stream.

    Args:
        source: The end to read, non-blocking.
        target: Where the bytes were going.
    """

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.fds = (source, target)
        self.terminal = os.isatty(source)
        self._target: int | None = target
        self._size = b""

    def copy(self, writer: OutputWriter) -> bool:
        """Copy what can be read now, at most 64 KiB; return False at the end of the stream."""
        try:
            data = os.read(self.source, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:  # a pseudo-terminal says EIO when its last writer has closed
            return False
        writer.write(data)
        self._forward(memoryview(data))
        if self.terminal and self._target is not None:
            self._follow_size(self._target)
        return bool(data)

    def _forward(self, data: memoryview) -> None:
        while data and self._target is not None:
            try:
                data = data[os.write(self._target, data) :]
            except BlockingIOError:
                _wait(self._target, select.POLLOUT)
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EIO):
                    self._target = None  # nobody reads any more
                return  # a full disk: these bytes are lost to the target, later ones need not be

    def _follow_size(self, target: int) -> None:
        """Give the pseudo-terminal the size that the real one has now."""
        import fcntl
        import termios

        try:
            size = fcntl.ioctl(target, termios.TIOCGWINSZ, bytes(8))
            if size != self._size:
                fcntl.ioctl(self.source, termios.TIOCSWINSZ, size)
                self._size = size
        except OSError:
            self._size = b""  # not a terminal any more; the next chunk tries again


def drain(streams: Iterable[Stream], writer: OutputWriter) -> bool:
    """Copy what was written so far; return whether every stream has ended."""
    ended = True
    for stream in streams:
        poller = select.poll()
        poller.register(stream.source, select.POLLIN)
        more = True
        for _ in range(64):  # bounded: somebody may go on writing faster than we read
            if not poller.poll(_SETTLE_MS if stream.terminal else 0):
                break
            more = stream.copy(writer)
            if not more:
                break
        ended = ended and not more
    return ended


def serve(streams: Iterable[Stream], writer: OutputWriter, control: int, synced: Callable[[], None]) -> None:
    """Copy until every stream has ended.

    Args:
        streams: What to copy.
        writer: What keeps the output.
        control: Descriptor that becomes readable when SYNC was asked for.
        synced: Called once, when all that was written before SYNC, or at all, has been copied.
    """
    live = {stream.source: stream for stream in streams}
    poller = select.poll()
    for fd in (*live, control):
        poller.register(fd, select.POLLIN)
    asked = False
    while live:
        for fd, _ in sorted(poller.poll(), key=lambda event: event[0] == control):
            if fd == control:
                poller.unregister(control)
                drain(live.values(), writer)
                synced()
                asked = True
            elif not live[fd].copy(writer):
                poller.unregister(fd)
                del live[fd]
    if not asked:
        synced()


def receive(control: int) -> bytes:
    """Wait for the next control byte; empty when the training has gone without one."""
    while True:
        _wait(control, select.POLLIN)
        try:
            return os.read(control, 1)
        except BlockingIOError:
            continue  # the training was faster and took it back


def _wait(fd: int, event: int) -> None:
    poller = select.poll()
    poller.register(fd, event)
    poller.poll()


def main(stem: str, control: int, ack: int, streams: list[Stream]) -> None:
    """Run the helper process."""
    used = [control, ack, *(fd for stream in streams for fd in stream.fds)]
    # Whatever else the training had marked as inheritable, a lock for instance, is not ours to keep.
    os.closerange(3, min(used))
    os.closerange(max(used) + 1, min(os.sysconf("SC_OPEN_MAX"), 65536))
    os.setsid()
    if os.fork():
        os._exit(0)
    if receive(control) != TAKE:
        return
    writer: OutputWriter = _writer(stem)

    def synced() -> None:
        try:  # noqa: SIM105  contextlib would be one more import to start with
            os.write(ack, SYNCED)
        except OSError:
            pass  # the training was killed: nobody waits for the answer
        os.close(ack)

    serve(streams, writer, control, synced)


def _writer(stem: str) -> OutputWriter:
    # By path, not by package: importing gtrack would cost the start several times over.
    from importlib.machinery import SourceFileLoader
    from types import ModuleType

    module = ModuleType("output")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "output.py")
    SourceFileLoader("output", path).exec_module(module)
    writer: OutputWriter = module.OutputWriter(stem)
    return writer


if __name__ == "__main__":
    pairs = [argument.split(":") for argument in sys.argv[4:]]
    main(
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        [Stream(int(source), int(target)) for source, target in pairs],
    )
