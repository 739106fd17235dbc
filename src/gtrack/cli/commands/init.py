"""``gtrack init``: the explicit set-up of a repository."""

from __future__ import annotations

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.text import clean

__all__ = ["command"]


@declare("init", examples=["gtrack init", "gtrack init --textconv"])
@click.option("--textconv", is_flag=True, help="Let git diff and git log -p show recorded files as text.")
@click.pass_obj
def command(invocation: Invocation, *, textconv: bool) -> None:
    """Set this repository up for gtrack (optional).

    The first run does without: this makes the branch that will hold the runs now, so that it can be pushed and
    protected. Nothing in the checkout, the index or any other branch is touched. --textconv adds a diff driver to
    this clone's git configuration and .git/info/attributes. Doing it twice changes nothing.
    """
    from gtrack.ops.setup import init

    with invocation.repository() as repo:
        for line in init(repo, textconv=textconv):
            invocation.say(clean(line))
