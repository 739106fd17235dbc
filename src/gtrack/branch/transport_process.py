"""A process that talks to a remote: watched, and ended with all its children when the remote hangs."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.errors import GitError, NetworkError

if TYPE_CHECKING:
    from subprocess import CompletedProcess, Popen

__all__ = ["Limits", "run_limited"]

_TICK = 0.2
"""Seconds between two looks at a process whose pipes are held open by what it left behind (an ssh master)."""
_GRACE = 2.0
"""Seconds a process has to remove its temporary files."""
_CHUNK = 1 << 16
_MOST_OUTPUT = 64 << 20
_MOST_COMPLAINTS = 1 << 18


@dataclass(frozen=True, slots=True)
class Limits:
    """When a process that talks to a remote is given up.

    Attributes:
        stall: Seconds without a sign of life, or None.
        total: Seconds altogether, or None.
    """

    stall: float | None
    total: float | None


def run_limited(
    argv: Sequence[str], *, cwd: str, env: Mapping[str, str], limits: Limits, detached: bool
) -> CompletedProcess[bytes]:
    """Run a process to its end, and return its exit status and what it wrote.

    Whatever ends the wait (a limit, Ctrl-C), neither the process nor a child of it is left behind.

    Args:
        argv: The program and its arguments.
        cwd: The directory to run in.
        env: The whole environment.
        limits: When to give up.
        detached: Run it in a session of its own, where nothing can ask on the terminal.

    Raises:
        NetworkError: A limit was reached, or the remote sent without end.
        GitError: It could not be started.
    """
    import subprocess

    try:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=detached,
        )
    except OSError as error:
        raise GitError(f"{argv[0]} could not be started: {error}") from error
    with process:
        try:
            out, err = _collect(process, limits)
        except BaseException:
            _end(process, group=detached)
            raise
        return subprocess.CompletedProcess(argv, process.wait(), out, err)


def _collect(process: Popen[bytes], limits: Limits) -> tuple[bytes, bytes]:
    """Read both pipes until the process has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = bytearray(), bytearray()
    begun = heard = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for pipe, kept in ((process.stdout, out), (process.stderr, err)):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, kept)
        while selector.get_map():
            ended = process.poll() is not None
            ready = selector.select(0 if ended else _TICK)
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
            if ended and not ready:
                break
            if ready:
                heard = time.monotonic()
                _bound(out, err)
            _check(limits, begun, heard)
    while process.poll() is None:
        # It closed its output and goes on: as rare as it is short.
        _check(limits, begun, heard)
        time.sleep(0.01)
    return bytes(out), bytes(err)


def _bound(out: bytearray, err: bytearray) -> None:
    """Keep a remote that sends without end from filling the memory."""
    if len(out) > _MOST_OUTPUT:
        raise NetworkError(f"the remote listed more than {_MOST_OUTPUT >> 20} MB of references")
    if len(err) > _MOST_COMPLAINTS:
        del err[: _MOST_COMPLAINTS // 2]


def _check(limits: Limits, begun: float, heard: float) -> None:
    now = time.monotonic()
    if limits.stall is not None and now - heard > limits.stall:
        raise NetworkError(
            f"the remote sent nothing for {limits.stall:g} s and was given up", hint="try again when it answers"
        )
    if limits.total is not None and now - begun > limits.total:
        raise NetworkError(
            f"the remote took longer than {limits.total:g} s and was given up", hint="try again when it is faster"
        )


def _end(process: Popen[bytes], *, group: bool) -> None:
    """End a process and, when it leads a session, all that it started: asked first, then killed."""
    _signal(process, signal.SIGTERM, group)
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline and not _has_ended(process):
        time.sleep(0.01)
    # Before it is reaped: until then its number, which is that of the group, belongs to nobody else.
    _signal(process, signal.SIGKILL, group)
    process.wait()


def _has_ended(process: Popen[bytes]) -> bool:
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _signal(process: Popen[bytes], number: int, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
