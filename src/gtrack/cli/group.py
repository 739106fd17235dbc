"""A command that is made of subcommands, such as ``gtrack experiment``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import click

from gtrack.cli.command import Command

__all__ = ["Group", "group"]


class Group(Command, click.Group):
    """A command with subcommands and examples; a subcommand that there is not is answered with the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand that the first argument names, or say which one was probably meant."""
        name = args[0]
        if name in self.commands or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        close = difflib.get_close_matches(name, self.commands, 1, 0.5)
        meant = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(self.commands)}"
        raise click.UsageError(f"There is no command {ctx.info_name} {name!r:.80}{meant}", ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the signature is click's
        """Return the subcommands' names in the order in which they are declared."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the subcommands with the first paragraph of what each says of itself."""
        with formatter.section("Commands"):
            rows = [(name, (found.help or "").partition("\n\n")[0]) for name, found in self.commands.items()]
            formatter.write_dl([(name, " ".join(text.split())) for name, text in rows])


def group(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., int | None]], Group]:
    """Return the decorator that makes a function a group; the function runs where no subcommand is named.

    Args:
        name: The name to type.
        examples: Command lines to copy.

    Example:
        >>> @group("experiment", examples=["gtrack experiment ls"])
        ... def command() -> None: ...
        >>> @command.command("ls", cls=Command, examples=["gtrack experiment ls"])
        ... def ls() -> None: ...
    """
    settings: dict[str, Any] = {"cls": Group, "examples": examples, "invoke_without_command": True}
    return click.group(name, **settings)
