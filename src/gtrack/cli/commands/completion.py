"""``gtrack completion``: the script that makes a shell complete gtrack's commands, options and runs."""

from __future__ import annotations

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation

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
@click.pass_obj
def command(invocation: Invocation, *, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import ShellComplete, get_completion_class

    from gtrack.cli.application import application

    complete = get_completion_class(shell)
    assert complete is not None
    # The base class's source() fills in the template; bash's own first runs a bash, only to check its version.
    invocation.say(ShellComplete.source(complete(application, {}, "gtrack", "_GTRACK_COMPLETE")))
