"""``gtrack rm``: delete runs, reversibly."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.selectors import resolve, selector_argument
from gtrack.ids import SHORT
from gtrack.text import clean

__all__ = ["command"]


@declare("rm", examples=["gtrack rm last", 'gtrack rm 3f2a9c1 81c0e77 -m "wrong labels"'])
@selector_argument(several=True)
@click.option("-m", "message", metavar="TEXT", help="Why.")
@click.pass_obj
def command(invocation: Invocation, *, selectors: Sequence[str], message: str | None) -> None:
    """Delete runs; restore brings them back.

    A deleted run is hidden, and nothing of it is removed from the branch.
    """
    from gtrack.ops import edit

    with invocation.repository() as repo:
        runs = resolve(repo, selectors)
        edit.delete(repo, runs, reason=message)
    for run in runs:
        invocation.notice(f"run {run.id[:SHORT]} {clean(run.name)} is deleted")
    invocation.notice(f"  to bring it back: gtrack restore {' '.join(run.id[:SHORT] for run in runs)}")
