"""``gtrack artifact``: the files of runs."""

from __future__ import annotations

import codecs
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.artifact_columns import artifact_columns, damage_columns, damage_line, damage_to_dict, to_dict
from gtrack.cli.artifact_lineage import lineage_command
from gtrack.cli.artifact_selection import Chosen, chosen_artifacts, one_artifact, shown_path
from gtrack.cli.command import Command
from gtrack.cli.completing import complete_artifact, complete_file
from gtrack.cli.group import group
from gtrack.cli.invocation import Invocation
from gtrack.cli.options import where_option
from gtrack.cli.output import Output, emit, output_options
from gtrack.cli.selectors import explain_nothing
from gtrack.cli.terminal import write
from gtrack.display.words import plural, size
from gtrack.errors import ConflictError, DamageError, UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.artifact import Artifact
    from gtrack.reader import Repo

__all__ = ["command"]

_HEAD = 8192
_MOST_NAMED = 100
_WORST = (DamageError.exit_code, 3, 5, ConflictError.exit_code, 2)
"""Exit codes of what went wrong with some of many files, the one that is returned first."""
_artifact_argument = click.argument("text", metavar="RUN/PATH", shell_complete=complete_artifact)


@group(
    "artifact",
    examples=["gtrack artifact ls last", "gtrack artifact get last/plots -o out", "gtrack artifact verify"],
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, fetch and check the files of runs.

    RUN is a selector; RUN/PATH names one artifact of it, a folder of them or, with * ? [], those that match. A name or
    a revision may hold slashes: the run is the shortest beginning that names one.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command(
    "ls",
    cls=Command,
    examples=[
        "gtrack artifact ls last",
        "gtrack artifact ls 3f2a9c1/media --json",
        "gtrack artifact ls --where 'metrics.val_auc > 0.9'",
    ],
)
@click.argument("texts", metavar="RUN[/PATH]...", nargs=-1, shell_complete=complete_artifact)
@where_option("The artifacts of all runs that match.")
@output_options
@click.pass_obj
def ls(invocation: Invocation, *, texts: Sequence[str], filter_: str | None, output: Output) -> None:
    """List artifacts, and where their content is.

    WHERE is what this clone knows: here; git, in the built-in store at the remote; store, in the configured one;
    pending, still on the machine that logged it.
    """
    from gtrack.ops.artifact_places import Places

    with invocation.repository() as repo:
        found = chosen_artifacts(repo, texts, filter_, invocation.notice)
        places = Places(repo.repository, [each.artifact for each in found])
        several = len({each.run.id for each in found}) > 1
        if not found and output.form is None:
            _say_nothing(invocation, repo, filter_)
            return
        columns = artifact_columns(places, several=several)
        emit(invocation, output, found, columns, lambda each: to_dict(each, places))
    if output.form is None:
        total = sum(each.artifact.size for each in found)
        invocation.notice(f"{plural(len(found), 'artifact')}, {size(total)}")


@command.command(
    "get",
    cls=Command,
    examples=[
        "gtrack artifact get last/model.pkl",
        "gtrack artifact get last -o out",
        "gtrack artifact get 'last/plots/*.png' -o plots --overwrite",
    ],
)
@click.argument("texts", metavar="RUN[/PATH]...", nargs=-1, shell_complete=complete_artifact)
@where_option("The artifacts of all runs that match.")
@click.option(
    "-o",
    "folder",
    metavar="DIR",
    default=".",
    shell_complete=complete_file,
    help="Where to; the current folder unless told.",
)
@click.option("--overwrite", is_flag=True, help="Replace files of other content.")
@click.pass_obj
def get(invocation: Invocation, *, texts: Sequence[str], filter_: str | None, folder: str, overwrite: bool) -> int:
    """Write artifacts to a folder, fetched and verified.

    Each gets its path below DIR, and that of several runs one below DIR/RUN. A file that is there stays, unless it is
    told to be replaced. Nothing outside DIR is ever written, and a file is there whole or not at all.
    """
    from gtrack.cli.artifact_getting import Got, get_artifacts

    with invocation.repository() as repo:
        found = chosen_artifacts(repo, texts, filter_, invocation.notice)
        if not found:
            _say_nothing(invocation, repo, filter_)
            return 0
        got: Got = get_artifacts(invocation, repo.repository, found, folder, overwrite=overwrite)
    for _, error in got.failed[:_MOST_NAMED]:
        _say_error(clean(error.message), error.hint)
    if len(got.failed) > _MOST_NAMED:
        _say_error(f"and {len(got.failed) - _MOST_NAMED:,} more")
    written = f"{plural(got.written, 'file')} ({size(got.bytes)}) written to {clean(folder)}"
    more = [f"{got.unchanged:,} there already"] if got.unchanged else []
    more += [f"{len(got.failed):,} not written"] if got.failed else []
    invocation.notice("; ".join([written, *more]))
    codes = {error.exit_code for _, error in got.failed}
    return next((code for code in _WORST if code in codes), 70 if codes else 0)


@command.command(
    "cat",
    cls=Command,
    examples=["gtrack artifact cat last/report.txt", "gtrack artifact cat last/model.pkl | sha256sum"],
)
@_artifact_argument
@click.pass_obj
def cat(invocation: Invocation, *, text: str) -> None:
    """Print the content of one artifact."""
    with invocation.repository() as repo:
        found = one_artifact(repo, text, invocation.notice)
        chunks = _chunks(invocation, repo, found)
        if invocation.terminal.interactive:
            _print(found, chunks)
            return
        sys.stdout.flush()
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


@command.command(
    "verify",
    cls=Command,
    examples=["gtrack artifact verify", "gtrack artifact verify last", "gtrack artifact verify --deep --json"],
)
@click.argument("texts", metavar="[RUN[/PATH]]...", nargs=-1, shell_complete=complete_artifact)
@where_option("The artifacts of all runs that match.")
@click.option("--deep", is_flag=True, help="Read what is at the remote and in the store as well.")
@output_options
@click.pass_obj
def verify(invocation: Invocation, *, texts: Sequence[str], filter_: str | None, deep: bool, output: Output) -> int:
    """Compare the content of artifacts with their digests.

    Without RUN those of all runs, and whatever else lies in the cache. What is damaged is named with its run, path and
    place, and the exit code is 6; nothing is changed. A damaged copy in the cache is replaced by the next command that
    reads it, where another place has a sound one.
    """
    from gtrack.ops.artifact_check import check_artifacts

    with invocation.repository() as repo:
        everything = not texts and filter_ is None
        found = chosen_artifacts(repo, texts, filter_, invocation.notice, everything=everything)
        runs: dict[str, list[Artifact]] = {}
        for each in found:
            runs.setdefault(each.run.id, []).append(each.artifact)
        done = check_artifacts(
            repo.repository, runs, everything=everything, deep=deep, interactive=invocation.interactive
        )
    if output.form is None:
        terminal = output.terminal(invocation)
        output.write("".join(damage_line(each, terminal) for each in done.damage))
    else:
        emit(invocation, output, done.damage, damage_columns(), damage_to_dict)
    for trouble in done.trouble[:20]:
        _say_error(clean(trouble))
    checked = f"checked {plural(done.artifacts, 'artifact')} in {plural(done.objects, 'object')}"
    absent = f", {done.absent:,} of them not here" if done.absent else ""
    invocation.notice(f"{checked}{absent}: {f'{len(done.damage):,} damaged' if done.damage else 'no damage'}")
    if done.damage:
        return DamageError.exit_code
    return 5 if done.trouble else 0


@command.command("open", cls=Command, examples=["gtrack artifact open last/plots/roc.png"])
@_artifact_argument
@click.option("--yes", is_flag=True, help="Open what a viewer may run without asking.")
@click.pass_obj
def open_(invocation: Invocation, *, text: str, yes: bool) -> None:
    """Open one artifact with the desktop's viewer.

    What a viewer may run, such as HTML, is opened only after a question: it may come from anybody who can push.
    """
    from gtrack.cli.artifact_viewing import active_content, program, show, view_folder
    from gtrack.ops.artifact_files import TargetFolder

    program(invocation.env)
    with invocation.repository() as repo:
        found = one_artifact(repo, text, invocation.notice)
        content = b"".join(_head(_chunks(invocation, repo, found)))
        why = active_content(found.artifact.path, content[:_HEAD])
        if why is not None and not yes:
            _ask(invocation, found, why)
        folder = view_folder(repo.repository.paths.home)
        with TargetFolder(folder) as target:
            target.put(found.artifact, lambda: _chunks(invocation, repo, found))
    show(f"{folder}/{found.artifact.path}", invocation.env)


command.add_command(lineage_command)


def _say_nothing(invocation: Invocation, repo: Repo, filter_: str | None) -> None:
    invocation.notice('No artifact: gtrack.log_artifact("model.pkl") in a training keeps one.')
    explain_nothing(invocation, repo, filter_)


def _say_error(message: str, hint: str | None = None) -> None:
    """Say what went wrong with one of many things, asked to be quiet or not."""
    write(sys.stderr, f"gtrack: {message}\n" + (f"  hint: {clean(hint)}\n" if hint else ""))


def _chunks(invocation: Invocation, repo: Repo, found: Chosen) -> Iterator[bytes]:
    from gtrack.ops.artifact_content import Contents

    contents = Contents(repo.repository, interactive=invocation.interactive)
    return contents.chunks(found.artifact, found.run.state)


def _head(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:_HEAD]
        return


def _print(found: Chosen, chunks: Iterator[bytes]) -> None:
    """Print text to a terminal, with what could command it written out; refuse anything else."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise UsageError(
                f"{clean(found.artifact.path)} is not text, and this is a terminal",
                hint=f"gtrack artifact get {shlex.quote(shown_path(found))}",
            )
        write(sys.stdout, clean(text, lines=True))


def _ask(invocation: Invocation, found: Chosen, why: str) -> None:
    message = f"{shown_path(found)}: {why}"
    if not invocation.interactive:
        raise UsageError(message, hint="--yes opens it all the same, if you trust who logged it")
    invocation.notice(f"{message}. It was logged by {clean(found.run.state.author or 'nobody known')}.")
    click.confirm("Open it?", abort=True, err=True)
