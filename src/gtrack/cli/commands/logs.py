"""``gtrack logs``: what a run wrote to its console."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.selectors import selector_argument
from gtrack.cli.terminal import write
from gtrack.display.console import ConsoleText, Shown, last_lines
from gtrack.errors import GtrackError, NotFoundError
from gtrack.ids import SHORT

if TYPE_CHECKING:
    from gtrack.reader import RecordedRun, Repo

__all__ = ["command"]

_LOOK_EVERY = 1.0
"""Seconds between two looks at whether a followed run has ended."""


@declare("logs", examples=["gtrack logs last", "gtrack logs last -f", "gtrack logs 3f2a9c1 -n 50"])
@selector_argument()
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the run ends.")
@click.option("-n", "count", metavar="LINES", type=click.IntRange(min=0), help="Only the last lines.")
@click.option("--raw", is_flag=True, help="Print the bytes as they are, colours and cursor movements included.")
@click.pass_obj
def command(invocation: Invocation, *, selector: str, follow: bool, count: int | None, raw: bool) -> None:
    """Print what a run wrote to its console.

    Colours and other escape sequences are taken out, unless --raw asks for them: output of a run that somebody else
    recorded can do to your terminal what it likes. Head and tail of long output are kept, 128 KiB each.
    """
    with invocation.repository() as repo:
        run = repo.run(selector)
        if follow and run.live_console is not None:
            _follow(repo, run, run.live_console, count, raw=raw)
            return
        data = run.console()
    if data is None:
        raise NotFoundError(
            f"run {run.id[:SHORT]} has no console output", hint="'gtrack run -- COMMAND' records what COMMAND prints"
        )
    data = data if count is None else last_lines(data, count)
    _print(data, None if raw else ConsoleText())


def _follow(repo: Repo, run: RecordedRun, stem: str, count: int | None, *, raw: bool) -> None:
    from gtrack.spool.output import follow_output, read_output

    text = None if raw else ConsoleText()
    skip = 0
    if count is not None:
        # What was there at the start is cut to its last lines; what comes is printed whole.
        before = read_output(stem)
        skip = len(before) - len(last_lines(before, count))
    seen = Shown()
    for chunk in follow_output(stem, _Watch(repo, run.id)):
        seen.add(chunk)
        shown, skip = chunk[skip:], max(0, skip - len(chunk))
        _print(shown, text)
    _print(seen.rest(repo.run(f"run:{run.id}").console() or b""), text)
    if text is not None:
        write(sys.stdout, text.finish())


class _Watch:
    """Tells whether a run has ended; looks once a second, as each look reads the run anew."""

    def __init__(self, repo: Repo, run_id: str) -> None:
        self._repo = repo
        self._id = run_id
        self._next = 0.0
        self._ended = False

    def __call__(self) -> bool:
        if not self._ended and time.monotonic() >= self._next:
            self._next = time.monotonic() + _LOOK_EVERY
            try:
                self._repo.recover()
                self._ended = not self._repo.run(f"run:{self._id}").state.live
            except (GtrackError, OSError):
                self._ended = True  # the run, or the repository, is gone
        return self._ended


def _print(data: bytes, text: ConsoleText | None) -> None:
    if text is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write(sys.stdout, text.feed(data))
        sys.stdout.flush()
