"""``gtrack rename``: another name for a run."""

from __future__ import annotations

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.selectors import selector_argument
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

__all__ = ["command"]


@declare("rename", examples=["gtrack rename last churn-baseline"])
@selector_argument()
@click.argument("name")
@click.pass_obj
def command(invocation: Invocation, *, selector: str, name: str) -> None:
    """Give a run another name.

    Its id stays, and so does what names it by its id.
    """
    if not name.strip():
        raise UsageError("a run's name cannot be empty", hint=f"gtrack rename {selector} NAME")
    from gtrack.ops import edit

    with invocation.repository() as repo:
        run = repo.run(selector)
        edit.rename(repo, run, name.strip())
    invocation.notice(f"run {run.id[:SHORT]}: {clean(run.name)} is now {clean(name.strip())}")
