"""``gtrack restore``: bring deleted runs back."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.selectors import resolve, selector_argument
from gtrack.ids import SHORT
from gtrack.text import clean

__all__ = ["command"]


@declare("restore", examples=["gtrack restore 3f2a9c1", "gtrack ls --deleted"])
@selector_argument(several=True)
@click.pass_obj
def command(invocation: Invocation, *, selectors: Sequence[str]) -> None:
    """Bring deleted runs back.

    ls --deleted lists them.
    """
    from gtrack.ops import edit

    with invocation.repository() as repo:
        runs = resolve(repo, selectors)
        edit.restore(repo, runs)
    for run in runs:
        invocation.notice(f"run {run.id[:SHORT]} {clean(run.name)} is back")
