"""``gtrack demo``: a repository with runs to look at."""

from __future__ import annotations

import sys

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation

__all__ = ["command"]


@declare("demo", examples=["gtrack demo", "gtrack demo digits && cd digits/cleo && gtrack ls"])
@click.argument("directory", required=False, type=click.Path())
@click.pass_obj
def command(invocation: Invocation, *, directory: str | None) -> int:  # noqa: ARG001  # every command gets it
    """Make a small repository with runs to look at.

    In DIRECTORY, or in a temporary one, are then the clones of a team of three, ada, ben and cleo, and their remote.
    """
    from gtrack.ops.demo import run_demo

    return run_demo(directory, out=sys.stdout)
