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
        "mkdir -p ~/.local/share/bash-completion/completions",
        "gtrack completion bash > ~/.local/share/bash-completion/completions/gtrack",
        "mkdir -p ~/.zfunc && gtrack completion zsh > ~/.zfunc/_gtrack",
        "echo 'fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit' >> ~/.zshrc",
        "mkdir -p ~/.config/fish/completions",
        "gtrack completion fish > ~/.config/fish/completions/gtrack.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, runs, metrics, params, tags, experiments, remotes and branches. For one session:
    source <(gtrack completion bash), or gtrack completion fish | source. To keep it, once: the examples below, and
    then a new shell. bash needs its package bash-completion for that; zsh's fpath has to be set before compinit.
    """
    from gtrack.cli.shells import SCRIPTS

    write(sys.stdout, SCRIPTS[shell])
