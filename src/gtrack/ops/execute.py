"""Running a wrapped command: ``gtrack run -- python train.py``.

The command inherits stdin and the process group, and writes through the same helper process as the capture in a
training (:mod:`gtrack.spool.console`): it sees a terminal where there was one, its output comes out byte for byte,
and it lives on, still recorded, when gtrack itself is killed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from gtrack.errors import UsageError
from gtrack.spool.console import Console
from gtrack.spool.output import read_output

__all__ = ["Outcome", "execute", "fill_template"]

_FORWARDED: tuple[int, ...] = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTSTP,
    signal.SIGCONT,
)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
_WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)  # what schedulers send ahead of the end
_ENDINGS: dict[int, tuple[str, str, str]] = {
    signal.SIGKILL: ("killed", "the command was killed", "other"),
    signal.SIGHUP: ("killed", "the command lost its terminal", "interrupt"),
    signal.SIGINT: ("failed", "the command was interrupted", "interrupt"),
}

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"
_PLACEHOLDER = re.compile(rf"(?<!\$)\{{\{{({_NAME})\}}\}}|(?<![${{])\{{({_NAME})\}}")
_LAST_LINE = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?\Z")
_OUT_OF_MEMORY = re.compile(r"MemoryError|OutOfMemoryError|out of memory|std::bad_alloc", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """How a wrapped command ended.

    Args:
        exit_code: What a shell would report: the command's own, 128 + n for signal n, 127 or 126 when not started.
        signal: Number of the signal that ended it, or None.
        status: ``finished``, ``failed``, ``preempted`` or ``killed``.
        error: ``type``, ``message`` and ``cause`` (oom, interrupt, other), or None when it finished.
        duration: Seconds.
        captured: Whether the output was kept.
    """

    exit_code: int
    signal: int | None
    status: str
    error: dict[str, str] | None
    duration: float
    captured: bool


def execute(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    stem_path: str | os.PathLike[str] | None,
    cwd: str | os.PathLike[str] | None = None,
    on_signal: Callable[[int], None] | None = None,
) -> Outcome:
    """Run a command to its end, keeping its output.

    Signals sent to this process are passed on, except those that the terminal has sent to the command as well.

    Args:
        argv: The command and its arguments; found on the PATH of ``env``.
        env: The environment of the command.
        stem_path: Where the output goes, see :class:`~gtrack.spool.output.OutputWriter`; None keeps none.
        cwd: The command's working directory; by default the present one.
        on_signal: Called with the number of each signal that was received meanwhile.

    Returns:
        The outcome; also when the command could not be started.

    Raises:
        UsageError: ``argv`` is empty.
    """
    if not argv:
        raise UsageError("there is no command to run", hint="gtrack run -- python train.py")
    oom_before = _oom_kills()
    console = None if stem_path is None else Console.start(stem_path, env=env)
    started = time.monotonic()
    code: int | None = None
    failure: OSError | ValueError | None = None
    try:
        with _forwarding(on_signal) as relay:
            child = subprocess.Popen(argv, env=env, cwd=cwd)
            relay.attach(child)
            code = _wait(child)
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        failure = error
    finally:
        duration = time.monotonic() - started
        if console is not None:
            console.stop()
    problem: dict[str, str] | None
    if code is None:
        exit_code, problem = _not_started(argv[0], cwd, failure)
        return Outcome(exit_code, None, "failed", problem, duration, console is not None)
    oom = oom_before is not None and (_oom_kills() or 0) > oom_before
    output = read_output(stem_path) if console is not None and stem_path is not None else b""
    status, problem = _judge(code, relay.received, oom, output)
    ended_by = -code if code < 0 else None
    return Outcome(128 - code if code < 0 else code, ended_by, status, problem, duration, console is not None)


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for the command in short stretches: a signal that the kernel hands to another thread wakes no wait."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(timeout=1.0)


class _Relay:
    """Passes the signals that this process receives on to the command."""

    def __init__(self, on_signal: Callable[[int], None] | None) -> None:
        self.received: list[int] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._on_signal = on_signal

    def attach(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        for number in self._early:
            child.send_signal(number)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
        if not (number in _FROM_TERMINAL and _in_foreground()):
            if self._child is None:
                self._early.append(number)
            else:
                self._child.send_signal(number)
        if self._on_signal is not None:
            self._on_signal(number)
        if number == signal.SIGTSTP:
            os.kill(os.getpid(), signal.SIGSTOP)  # the shell's job control expects us to stop too


@contextmanager
def _forwarding(on_signal: Callable[[int], None] | None) -> Iterator[_Relay]:
    relay = _Relay(on_signal)
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # handlers run nowhere else
        for number in _FORWARDED:
            handler = signal.getsignal(number)
            # What is ignored (nohup, background jobs) stays ignored, here and by inheritance in the command; a
            # handler that is not Python's could not be put back.
            if handler is not signal.SIG_IGN and handler is not None:
                before[number] = signal.signal(number, relay.handle)
    try:
        yield relay
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Tell whether our process group is the one that the terminal sends Ctrl-C to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _not_started(
    command: str, cwd: str | os.PathLike[str] | None, error: BaseException | None
) -> tuple[int, dict[str, str]]:
    """Return the shell's exit code and the sentence for a command that did not start."""
    kind = type(error).__name__
    if isinstance(error, FileNotFoundError):
        if cwd is not None and not os.path.isdir(cwd):
            message = f"the directory {os.fspath(cwd)} does not exist"
        elif os.path.exists(command):
            message = f"{command} names an interpreter in its first line that does not exist"
        else:
            message = f"{command}: command not found"
        return 127, _error(kind, message)
    if isinstance(error, PermissionError):
        return 126, _error(kind, f"{command} may not be executed; make it executable: chmod +x {command}")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return 126, _error(kind, f"{command} could not be started: {reason}")


def _judge(code: int, received: list[int], oom: bool, output: bytes) -> tuple[str, dict[str, str] | None]:
    """Return status and error of a command that ended with ``code`` (negative: by that signal)."""
    # A shell in between reports the signal of its child as 128 + n.
    number = -code if code < 0 else code - 128
    asked = signal.SIGTERM in received or (code != 0 and any(warning in received for warning in _WARNINGS))
    if asked or number == signal.SIGTERM:
        return "preempted", _error("SIGTERM", "the command was asked to stop")
    if number in _ENDINGS:
        status, message, cause = _ENDINGS[number]
        if number == signal.SIGKILL and oom:
            message, cause = f"{message}: out of memory", "oom"
        return status, _error(_signal_name(number), message, cause)
    if code < 0:
        name = _signal_name(number)
        return "failed", _error(name, f"the command was ended by {name}: {signal.strsignal(number)}")
    if code > 0:
        return "failed", _traceback_end(output) or _error("ExitCode", f"the command exited with code {code}")
    return "finished", None


def _error(kind: str, message: str, cause: str = "other") -> dict[str, str]:
    return {"type": kind, "message": message, "cause": cause}


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _traceback_end(output: bytes) -> dict[str, str] | None:
    """Return type and message of the Python exception that the output ends with, if it does."""
    _, found, rest = output.rpartition(b"Traceback (most recent call last):\n")
    if not found:
        return None
    for raw in rest.splitlines():
        if raw.startswith(b" "):
            continue  # a frame and its source line
        match = _LAST_LINE.match(raw.decode("utf-8", "replace"))
        if match is None:
            return None
        kind, message = match[1].rpartition(".")[2], (match[2] or "")[:1000]
        cause = "interrupt" if kind == "KeyboardInterrupt" else "other"
        return _error(kind, message, "oom" if _OUT_OF_MEMORY.search(f"{kind}: {message}") else cause)
    return None


def _oom_kills() -> int | None:
    """Return how often the kernel has killed in our cgroup for want of memory, or None where it does not say.

    Source: ``memory.events`` (cgroup v2) and ``memory.oom_control`` (v1), kernel documentation admin-guide/cgroup-*.
    """
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return None
    for _, controllers, path in groups:
        if controllers == "":
            places = [f"/sys/fs/cgroup{path}/memory.events", "/sys/fs/cgroup/memory.events"]
        elif "memory" in controllers.split(","):
            places = [f"/sys/fs/cgroup/memory{path}/memory.oom_control", "/sys/fs/cgroup/memory/memory.oom_control"]
        else:
            continue
        for place in places:
            with suppress(OSError, ValueError), open(place, encoding="ascii") as file:
                for line in file:
                    name, _, count = line.partition(" ")
                    if name == "oom_kill":
                        return int(count)
    return None


def fill_template(argv: Sequence[str], params: Mapping[str, Any]) -> list[str]:
    """Replace ``{name}`` in a command by the value of that param.

    ``{model.depth}`` reaches into nested params. ``{{name}}`` stands for a literal ``{name}``. Other braces are left
    alone: ``{}``, ``${HOME}``, ``{"a": {"b": 1}}``.

    Args:
        argv: The command and its arguments.
        params: The params, flat or nested.

    Returns:
        The arguments with every placeholder filled: text as it is, other values as in JSON, so ``True`` is ``true``.

    Raises:
        UsageError: A placeholder names no param.

    Example:
        >>> fill_template(["train.py", "--lr={lr}"], {"lr": 0.1})
        ['train.py', '--lr=0.1']
    """

    def filled(match: re.Match[str]) -> str:
        if match[1]:
            return f"{{{match[1]}}}"
        value = _lookup(match[2], params)
        if isinstance(value, str):
            return value
        return json.dumps(value, default=str, ensure_ascii=False)

    return [_PLACEHOLDER.sub(filled, argument) for argument in argv]


def _lookup(name: str, params: Mapping[str, Any]) -> Any:
    if name in params:
        return params[name]
    value: Any = params
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            known = ", ".join(sorted(params)) or "none"
            raise UsageError(
                f"the command names {{{name}}}, which is not a param; known: {known}",
                hint=f"give it with -p {name}=VALUE, or write {{{{{name}}}}} to keep the braces",
            )
        value = value[part]
    return value
