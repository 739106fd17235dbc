"""What several commands say and ask about the store of artifacts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gtrack.cli.invocation import Invocation
from gtrack.cli.progress import Bar
from gtrack.cli.terminal import Terminal
from gtrack.display.words import plural, size
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.ops.send_objects import ObjectsSent
    from gtrack.ops.store_settings import StoreChoice

__all__ = ["ask_about_store", "bar", "describe_sent", "remarks_on_sent", "terms"]

_REASONS = 3
_RUNS = 3


def bar(invocation: Invocation) -> Bar:
    """Return a bar on standard error."""
    return Bar(sys.stderr, Terminal.of(sys.stderr, invocation.env), quiet=invocation.quiet)


def terms(choice: StoreChoice) -> str:
    """Return where a store is, with the options that decide that."""
    options = " ".join(f"{key}={value}" for key, value in choice.location.options.items())
    return clean(f"{choice.location.url} {options}".strip())


def ask_about_store(invocation: Invocation, repository: Repository) -> None:
    """Ask once in a clone whether the store that came with the repository may be used, where somebody is there."""
    from gtrack.ops.store_settings import agree, store_choice

    choice = store_choice(repository)
    if choice is None or choice.agreed or not invocation.interactive:
        return
    text = f"{clean(choice.source)} keeps artifacts at {terms(choice)}. Use it from this clone?"
    if click.confirm(text, default=False, err=True):
        agree(repository)
    else:
        invocation.notice("it is not used; later: gtrack store accept, or for good: git config gtrack.store off")


def describe_sent(sent: ObjectsSent) -> str | None:
    """Return what was sent, ``12 files (3.4 MiB) sent to s3://team-store``; None where nothing was."""
    if not sent.sent and not sent.present:
        return None
    there = f", {sent.present:,} there already" if sent.present else ""
    what = f"{plural(sent.sent, 'file')} ({size(sent.size)}) sent to {clean(str(sent.place))}"
    return what + there


def remarks_on_sent(sent: ObjectsSent) -> Iterator[str]:
    """Yield what there is to say about files that were not sent, and what to type."""
    if sent.waiting:
        total = sum(each.size for each in sent.waiting)
        runs = list(dict.fromkeys(run for each in sent.waiting for run in each.runs))
        of = f" of {' '.join(run[:SHORT] for run in runs[:_RUNS])}" if runs else ""
        more = f" and {plural(len(runs) - _RUNS, 'more run')}" if len(runs) > _RUNS else ""
        what = f"{plural(len(sent.waiting), 'file')} ({size(total)}){of}{more}"
        yield f"not sent: {what}: kept here until a later push"
        for why in list(dict.fromkeys(each.why for each in sent.waiting))[:_REASONS]:
            yield f"  {clean(why)}"
        if sent.todo:
            yield f"  next: {clean(sent.todo)}"
    elif sent.trouble:
        yield f"artifacts: {clean(sent.trouble)}" + (f" ({clean(sent.todo)})" if sent.todo else "")
    if sent.much:
        yield "this clone keeps over 500 MB of files in the git remote: a store serves better (gtrack store set URL)"
