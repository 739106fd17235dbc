"""How a command is declared: with examples, which its help and the reference page show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

__all__ = ["HELP", "Command", "command"]

HELP = ["-h", "--help"]
"""What shows the help of every command, wherever it is called from: click remembers what it saw first."""


class Command(click.Command):
    """A click command with examples.

    Args:
        name: The name to type.
        examples: Command lines, complete enough to be copied.
        context_settings: As for :class:`click.Command`.
        kwargs: As for :class:`click.Command`.
    """

    def __init__(
        self,
        name: str | None,
        *,
        examples: Sequence[str] = (),
        context_settings: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, context_settings={"help_option_names": HELP, **(context_settings or {})}, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples after the options."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


def command(
    name: str, *, examples: Sequence[str], hidden: bool = False, settings: dict[str, Any] | None = None
) -> Callable[[Callable[..., int | None]], Command]:
    """Return the decorator that makes a function a command; what it returns is the exit code, None being 0.

    Args:
        name: The name to type.
        examples: Command lines to copy.
        hidden: Leave it out of the help text.
        settings: click's context settings.

    Example:
        >>> @command("ls", examples=["gtrack ls"])
        ... def command() -> None: ...
    """
    return click.command(name, cls=Command, examples=examples, hidden=hidden, context_settings=settings or {})
