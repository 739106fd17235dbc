"""``gtrack completion``: the script that makes a shell complete gtrack's commands, options and runs."""

from __future__ import annotations

import sys

import click

from gtrack.cli.command import command as declare
from gtrack.cli.terminal import write

__all__ = ["command"]


@declare(
    "completion",
    examples=[
        "gtrack completion bash > ~/.local/share/bash-completion/completions/gtrack",
        "gtrack completion zsh > ~/.zfunc/_gtrack",
        "gtrack completion fish > ~/.config/fish/completions/gtrack.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, runs, metrics, params, tags, experiments, remotes and branches. For one session:
    source <(gtrack completion bash), or gtrack completion fish | source.
    """
    from gtrack.cli.shells import SCRIPTS

    write(sys.stdout, SCRIPTS[shell])
