"""A git server on the loopback that anybody may push to, and a line to it that counts what goes over it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HOST = "127.0.0.1"
_PATIENCE = 20.0
_CONNECTIONS = 500


@dataclass
class Line:
    """A TCP port that is another's, with a count.

    Attributes:
        port: Where it listens.
        sent: Bytes that clients have sent since they were last counted.
    """

    port: int
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def url(self, name: str) -> str:
        """Return the URL of a repository."""
        return f"git://{_HOST}:{self.port}/{name}"

    def count(self) -> int:
        """Return the bytes that were sent since the last call."""
        with self._lock:
            sent, self.sent = self.sent, 0
        return sent

    def add(self, size: int) -> None:
        """Count some bytes."""
        with self._lock:
            self.sent += size


def has_daemon() -> bool:
    """Tell whether this git has a daemon; some systems package it apart."""
    return shutil.which("git-daemon", path=_exec_path()) is not None


@contextlib.contextmanager
def git_daemon(root: Path) -> Iterator[Line]:
    """Serve the repositories in a directory, on a line that counts."""
    with socket.create_server((_HOST, 0)) as taken:
        port = taken.getsockname()[1]
    argv = [
        os.path.join(_exec_path(), "git-daemon"), "--enable=receive-pack", "--export-all", "--reuseaddr",
        f"--max-connections={_CONNECTIONS}", f"--listen={_HOST}", f"--port={port}", f"--base-path={root}", str(root),
    ]  # fmt: skip
    # A session of its own, so that what serves a connection ends with it.
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as daemon:
        try:
            _wait_for(port)
            with _counting(port) as line:
                yield line
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)


def _exec_path() -> str:
    return subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection((_HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


@contextlib.contextmanager
def _counting(target: int) -> Iterator[Line]:
    with socket.create_server((_HOST, 0), backlog=_CONNECTIONS) as listener:
        line = Line(listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listener, target, line))
        thread.start()
        try:
            yield line
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            thread.join()


def _accept(listener: socket.socket, target: int, line: Line) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection((_HOST, target))
        threading.Thread(target=_carry_both, args=(client, server, line), daemon=True).start()


def _carry_both(client: socket.socket, server: socket.socket, line: Line) -> None:
    with client, server:
        back = threading.Thread(target=_carry, args=(server, client, None), daemon=True)
        back.start()
        _carry(client, server, line)
        back.join()


def _carry(source: socket.socket, sink: socket.socket, line: Line | None) -> None:
    """Carry bytes in one direction until its source ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            if line is not None:
                line.add(len(data))
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
