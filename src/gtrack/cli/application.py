"""The ``gtrack`` command itself: its global options, and its subcommands, imported when they are called."""

from __future__ import annotations

import contextlib
import difflib
import importlib
from dataclasses import dataclass, replace

import click

from gtrack import __version__
from gtrack.cli.command import HELP
from gtrack.cli.invocation import Invocation

__all__ = ["ENTRIES", "Entry", "LazyGroup", "application", "complete"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What ``gtrack --help`` says about a command before its module is imported."""

    heading: str
    summary: str
    hidden: bool = False


ENTRIES = {
    "init": Entry("Record", "Set this repository up for gtrack (optional)."),
    "log": Entry("Record", "Record a run from values or files, without running anything."),
    "run": Entry("Record", "Run a command and record it as a run."),
    "tag": Entry("Record", "Set and remove tags of runs."),
    "note": Entry("Record", "Add a note to a run."),
    "rename": Entry("Record", "Give a run another name."),
    "rm": Entry("Record", "Delete runs; restore brings them back."),
    "restore": Entry("Record", "Bring deleted runs back."),
    "experiment": Entry("Record", "Say how an experiment's runs are compared, for the whole team."),
    "ls": Entry("Read", "List runs, newest first."),
    "best": Entry("Read", "Rank the configurations of an experiment by its metric."),
    "blame": Entry("Read", "Show a metric along the code's commits, and name the one that moved it."),
    "show": Entry("Read", "Show all that is known about runs."),
    "diff": Entry("Read", "Show what differs between runs."),
    "logs": Entry("Read", "Print what a run wrote to its console."),
    "plot": Entry("Read", "Draw the curves of runs."),
    "watch": Entry("Read", "Follow live runs."),
    "sql": Entry("Read", "Ask in SQL; nothing can be changed."),
    "gate": Entry("Judge", "Exit with 1 when runs are not good enough, for continuous integration."),
    "policy": Entry("Judge", "Show and check what the team asks of runs and models."),
    "verify": Entry("Judge", "Prove where a model comes from, offline."),
    "fsck": Entry("Judge", "Check every file on the branch."),
    "push": Entry("Share", "Send runs to the remote that the team shares."),
    "pull": Entry("Share", "Fetch the team's runs and join them with the local branch."),
    "status": Entry("Share", "Show what is not shared yet and what needs a decision."),
    "export": Entry("Share", "Write runs, and their curves, to files for other tools."),
    "ingest": Entry("Share", "Take in runs recorded elsewhere without a repository."),
    "artifact": Entry("Keep", "List, fetch and check the files of runs."),
    "model": Entry("Keep", "Register models, promote their versions, and see who said what of them."),
    "store": Entry("Keep", "Say where the content of artifacts is kept."),
    "report": Entry("Keep", "Markdown files with live tables, charts and runs: list, check and build them."),
    "gc": Entry("Keep", "Let go of runs and objects by the team's policy."),
    "ui": Entry("Face", "Open the dashboard in a browser."),
    "demo": Entry("Face", "Make a small repository with runs to look at."),
    "doctor": Entry("Face", "Check what gtrack needs here, and say what to type."),
    "completion": Entry("Face", "Print the completion script of a shell."),
    "hook": Entry("Face", "Act as one of git's hooks.", hidden=True),
    "textconv": Entry("Face", "Describe a recorded file in text, for git diff and git log -p.", hidden=True),
}
"""Every command, in the order of the help text."""


class LazyGroup(click.Group):
    """A group whose commands live in ``gtrack.cli.commands``, one module each, imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the signature is click's
        """Return the commands' names, in the order of the help text."""
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command; None when there is no such command."""
        if cmd_name not in ENTRIES:
            return None
        module = importlib.import_module(f"gtrack.cli.commands.{cmd_name}")
        found: click.Command = module.command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names, or say which one was probably meant."""
        name = args[0]
        if name in ENTRIES or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        close = difflib.get_close_matches(name, [n for n, entry in ENTRIES.items() if not entry.hidden], 1, 0.5)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise click.UsageError(f"There is no command {name!r}{meant}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands under their headings, without importing them."""
        width = max(map(len, ENTRIES))
        for heading in dict.fromkeys(entry.heading for entry in ENTRIES.values()):
            shown = [(n, e) for n, e in ENTRIES.items() if e.heading == heading and not e.hidden]
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), entry.summary) for name, entry in shown])


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001
    if value and not ctx.resilient_parsing:
        click.echo(f"gtrack {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": HELP, "max_content_width": 100},
    epilog="A SELECTOR names a run: an id or its first 4 digits, a name, 'last', 'last~2', or a git revision. "
    "run:, name: and rev: in front force one of them.",
)
@click.option("-C", "path", metavar="PATH", default=".", help="Act as if started in PATH.")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only. Also: GTRACK_QUIET=1.")
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print the version."
)
@click.pass_context
def application(ctx: click.Context, path: str, quiet: bool) -> None:
    """Track machine learning experiments in the git repository they live in."""
    invocation: Invocation = ctx.obj
    ctx.obj = replace(invocation, quiet=quiet or invocation.quiet)
    # As git does it, so that files named in the arguments are meant from there as well.
    ctx.with_resource(contextlib.chdir(path))
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def complete(instruction: str) -> int:
    """Answer a shell's request for completions, as ``gtrack completion`` installs it."""
    from gtrack.cli.shells import answer

    return answer(application, Invocation.silent(), instruction)
