"""``gtrack run``: a command, recorded."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.recording import read_params, read_tags, recording_options

__all__ = ["command"]


@declare(
    "run",
    examples=[
        "gtrack run -- python train.py",
        "gtrack run -p lr=0.1 -- python train.py --lr {lr}",
        'gtrack run -t stage=baseline -m "larger batch" -- make train',
    ],
    settings={"allow_interspersed_args": False},
)
@click.argument("argv", metavar="-- COMMAND [ARGUMENT]...", nargs=-1, required=True, type=click.UNPROCESSED)
@recording_options
@click.option("--no-console", is_flag=True, help="Do not keep what the command prints.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    argv: Sequence[str],
    params: Sequence[str],
    tags: Sequence[str],
    message: str | None,
    name: str | None,
    experiment: str | None,
    bypass_policy: str | None,
    no_console: bool,
) -> int:
    """Run a command and record it as a run.

    Code, environment, console output and exit status are recorded; the exit code is the command's own. {lr} in the
    command stands for the param lr. A script that uses gtrack itself logs into this run.
    """
    read, tagged = read_params(params), read_tags(tags)
    from gtrack.wrap import run_wrapped

    return run_wrapped(
        list(argv),
        path=".",
        env=invocation.env,
        params=read,
        tags=tagged,
        name=name,
        experiment=experiment,
        message=message,
        console=not no_console,
        bypass_policy=bypass_policy,
    )
