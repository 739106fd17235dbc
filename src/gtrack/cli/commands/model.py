"""``gtrack model``: registered models, their versions, and who said what of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import Command
from gtrack.cli.completing import complete_artifact, complete_filter
from gtrack.cli.group import group
from gtrack.cli.invocation import Invocation
from gtrack.cli.model_changing import CHANGING
from gtrack.cli.model_completing import complete_model
from gtrack.cli.model_handing import HANDING, run_of
from gtrack.cli.model_options import bypass_option, model_name, what_argument
from gtrack.cli.model_saying import SAYING
from gtrack.cli.output import Output, emit, output_options
from gtrack.clock import now_ns
from gtrack.display.cells import to_json
from gtrack.display.words import plural, size
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.registered import Version
    from gtrack.model.registry import ModelState
    from gtrack.model.registry_history import Entry
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = ["command"]

_BEGIN = "gtrack model register RUN/PATH NAME makes one of a run's model"


@group(
    "model",
    examples=[
        "gtrack model ls",
        "gtrack model show churn --events",
        "gtrack model register last/model churn",
        'gtrack model promote churn/3 production -m "a week in shadow without alarms"',
        "gtrack model get models:/churn@champion out",
    ],
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Register models, promote their versions, and see who said what of them.

    VERSION names a version: churn/3, churn@champion, churn/production, churn/latest, churn/~9c1d7b6; models:/ in front
    is the same. A version has its number when it was pushed; before, it goes by the first digits of its uid. Without a
    subcommand the models are listed.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls)


@command.command("ls", cls=Command, examples=["gtrack model ls", "gtrack model ls --md", "gtrack model ls --deleted"])
@click.option("--deleted", is_flag=True, help="List those that were deleted.")
@output_options
@click.pass_obj
def ls(invocation: Invocation, *, deleted: bool, output: Output) -> None:
    """List the registered models."""
    from gtrack.cli.model_tables import model_columns
    from gtrack.model.registry import ModelState

    with invocation.repository() as repo:
        found = repo.models(deleted=deleted)
    if not found and output.form is None:
        invocation.notice("No model is deleted." if deleted else f"No models yet: {_BEGIN}.")
        return
    emit(invocation, output, found, model_columns(now_ns() // 1000), ModelState.to_dict)


@command.command(
    "show",
    cls=Command,
    examples=["gtrack model show churn", "gtrack model show churn --events", "gtrack model show churn@champion --json"],
)
@what_argument
@click.option("--events", is_flag=True, help="Show everything that happened to it: who, when, what, why.")
@output_options
@click.pass_obj
def show(invocation: Invocation, *, what: str, events: bool, output: Output) -> None:
    """Show a model with its versions, or all of one version.

    With --events, its audit trail instead: of a model or of one version. --csv and --md print the versions of a
    model, or the events.
    """
    from gtrack.ops.registry import resolve

    name = model_name(what)
    with invocation.repository() as repo:
        if "/" in name or "@" in name:
            found = resolve(repo.repository, name, deleted=True, settled=False)
            run = None if events else run_of(repo, found.version)
            if events:
                _print_history(invocation, output, found.model, found.version)
            else:
                _print_version(invocation, output, found.version, run)
            return
        state = repo.model(name)
        if events:
            _print_history(invocation, output, state, None)
        else:
            _print_model(invocation, output, state, _runs_of(repo, state))


@command.command(
    "register",
    cls=Command,
    examples=[
        "gtrack model register last/model churn",
        "gtrack model register 3f2a9c1/model churn --gate 'metrics.val_auc >= 0.9'",
    ],
)
@click.argument("source", metavar="RUN/PATH", shell_complete=complete_artifact)
@click.argument("name", metavar="NAME", shell_complete=complete_model)
@click.option("--description", metavar="TEXT", help="What is special about the version.")
@click.option(
    "--gate",
    metavar="FILTER",
    shell_complete=complete_filter,
    help="What the run must match, 'metrics.val_auc >= 0.9'.",
)
@bypass_option
@click.pass_obj
def register(
    invocation: Invocation, *, source: str, name: str, description: str | None, gate: str | None, bypass: str | None
) -> None:
    """Register a model that a run kept as a new version.

    PATH is a folder or a file among the run's artifacts. A model that there was not begins with this version. What the
    team's policy demands has to hold, and the gate; where they do not, nothing is written. The version gets its number
    with the next push; without a remote it has one in this clone.
    """
    from gtrack.ops.registering import register as register_model

    with invocation.repository() as repo:
        made = register_model(
            repo.repository, source, model_name(name), description=description, gate=gate, bypass=bypass
        )
        shared = repo.repository.remote is not None
    origin = f"{(made.run or '')[:SHORT]}/{clean(made.path)}"
    files = f"{plural(len(made.files), 'file')}, {size(made.size)}"
    invocation.notice(f"{clean(made.name)} is registered from {origin} ({files})")
    if shared and made.number is None:
        invocation.notice("  gtrack push claims its number")


for _each in (*CHANGING, *SAYING, *HANDING):
    command.add_command(_each)


def _runs_of(repo: Repo, state: ModelState) -> dict[str, RunState]:
    """Return the runs that made a model's versions, as far as they are here."""
    from gtrack.ops.view import View

    view = View(repo.repository)
    wanted = dict.fromkeys(version.run for version in state.versions if version.run is not None)
    here = view.run_ids
    return {run_id: view.state(run_id) for run_id in wanted if run_id in here}


def _print_model(invocation: Invocation, output: Output, state: ModelState, runs: dict[str, RunState]) -> None:
    from gtrack.cli.model_tables import named_values, version_columns, version_metrics
    from gtrack.display.model_facts import model_rows
    from gtrack.display.model_waiting import waiting
    from gtrack.model.registered import Version

    newest = list(reversed(state.versions))
    columns = version_columns(runs, version_metrics(newest, runs), now_ns() // 1000)
    if output.form == "json":
        output.write(to_json(state.to_dict(), indent=2) + "\n")
        return
    if output.form is not None:
        emit(invocation, output, newest, columns, Version.to_dict)
        return
    output.write(named_values(model_rows(state), output.terminal(invocation)))
    if newest and output.file is None:
        output.write("\n")
        emit(invocation, output, newest, columns, Version.to_dict)
    for each in waiting([state], shared=True):
        if each.kind != "number":
            invocation.notice(f"{each.text}: {each.todo}")


def _print_version(invocation: Invocation, output: Output, version: Version, run: RunState | None) -> None:
    from gtrack.cli.model_tables import named_values, version_columns, version_metrics
    from gtrack.display.model_facts import version_rows
    from gtrack.model.registered import Version

    now_us = now_ns() // 1000
    if output.form == "json":
        output.write(to_json(version.to_dict(), indent=2) + "\n")
    elif output.form is not None:
        runs = {} if run is None else {run.id: run}
        columns = version_columns(runs, version_metrics([version], runs), now_us)
        emit(invocation, output, [version], columns, Version.to_dict)
    else:
        output.write(named_values(version_rows(version, run, now_us), output.terminal(invocation)))


def _is_about(entry: Entry, uid: str) -> bool:
    """Tell whether something happened to a version, be it by what was done to another."""
    archived = entry.outcome.get("archived")
    gone = isinstance(archived, list) and uid in archived
    return entry.version == uid or entry.outcome.get("before") == uid or gone


def _print_history(invocation: Invocation, output: Output, state: ModelState, version: Version | None) -> None:
    from gtrack.cli.model_tables import history_columns
    from gtrack.cli.table import render_table
    from gtrack.model.registry_history import Entry

    entries = [each for each in state.history if version is None or _is_about(each, version.uid)]
    columns = history_columns(state)
    if output.form is not None:
        emit(invocation, output, entries, columns, Entry.to_dict)
        return
    # What does not fit is wrapped by the terminal: an audit trail leaves nothing out.
    terminal = replace(output.terminal(invocation), width=None)
    shown = [column for column in columns if column.name != "file"]
    cells = [[column.cell(entry) for column in shown] for entry in entries]
    lines, _ = render_table([column.heading for column in shown], cells, terminal)
    output.write("".join(f"{line}\n" for line in lines))
