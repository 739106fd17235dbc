"""From an exception to one line on standard error and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from gtrack.cli.invocation import one_line
from gtrack.cli.terminal import write
from gtrack.config import truthy
from gtrack.errors import GtrackError
from gtrack.text import clean

__all__ = ["BUG", "INTERRUPTED", "USAGE", "guarded"]

USAGE = 2
BUG = 70
INTERRUPTED = 130
_BROKEN_PIPE = 141
_REPORT = "run it again with GTRACK_DEBUG=1 set, and report what it prints together with 'gtrack doctor'"


def guarded(action: Callable[[], int | None], env: Mapping[str, str]) -> int:
    """Run ``action`` and return its exit code; every failure becomes one line and its own code.

    Args:
        action: What to do; None counts as 0.
        env: ``GTRACK_DEBUG=1`` asks for tracebacks.
    """
    try:
        with _plain_warnings():
            code = action() or 0
            sys.stdout.flush()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, EOFError, click.Abort):
        _line("interrupted")
        code = INTERRUPTED
    except click.ClickException as error:
        _line(_usage_message(error), _usage_hint(error))
        code = error.exit_code if isinstance(error, click.UsageError) else USAGE
    except BrokenPipeError:
        _hush()
        code = _BROKEN_PIPE
    except Exception as error:
        code = _failure(error, debug=truthy(env.get("GTRACK_DEBUG")))
    return code


def _failure(error: Exception, *, debug: bool) -> int:
    if debug:
        import traceback

        write(sys.stderr, "".join(traceback.format_exception(error)))
    if isinstance(error, GtrackError):
        _line(error.message, error.hint)
        return error.exit_code
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else "cannot go on: "
        _line(f"{where}{error.strerror}")
        if error.errno == errno.ENOSPC:
            _hush()
        return USAGE
    _line(f"this is a bug of gtrack: {type(error).__name__}: {one_line(error)}", None if debug else _REPORT)
    return BUG


def _line(message: str, hint: str | None = None) -> None:
    # An ambiguous selector's message lists the candidates, a line each; every other message is one line.
    text = f"gtrack: {clean(message, lines=True)}\n"
    if hint:
        text += f"  hint: {clean(hint)}\n"
    try:
        write(sys.stderr, text)
    except BrokenPipeError:
        _hush()


def _usage_message(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _usage_hint(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if isinstance(context, click.Context) else None


def _hush() -> None:
    """Let the interpreter's last flush of standard output go nowhere, instead of failing again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings as one line each, without the source position that only a developer wants."""
    with warnings.catch_warnings():

        def show(message: Warning | str, *_: Any, **__: Any) -> None:
            _line(f"warning: {' '.join(str(message).split())}")

        warnings.showwarning = show
        yield
