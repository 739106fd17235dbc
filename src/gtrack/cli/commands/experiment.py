"""``gtrack experiment``: what is said of experiments."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.command import Command
from gtrack.cli.completing import complete_experiment, complete_filter, complete_metric, complete_run
from gtrack.cli.group import group
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output, emit, output_options
from gtrack.cli.selectors import resolve, selector_argument
from gtrack.display.cells import to_json
from gtrack.display.words import plural
from gtrack.text import clean

__all__ = ["command"]

_FIELDS = ("description", "metric", "goal", "floor", "baseline")
_name_argument = click.argument("name", shell_complete=complete_experiment)


@group(
    "experiment",
    examples=[
        "gtrack experiment set churn --metric val_auc --goal max --floor 'metrics.precision >= 0.8' --baseline last",
        "gtrack experiment ls",
    ],
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Say how an experiment's runs are compared, for the whole team.

    The protocol - metric, goal, floor, baseline - is recorded on the branch beside the runs and shared as they are;
    gtrack best, gate and diff go by it. Without a subcommand the experiments are listed.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls)


@command.command(
    "set",
    cls=Command,
    examples=[
        "gtrack experiment set churn --metric val_auc --goal max --floor 'metrics.precision >= 0.8'",
        "gtrack experiment set churn --baseline 3f2a9c1 --description 'Who leaves next month?'",
        "gtrack experiment set churn --unset floor",
    ],
)
@_name_argument
@click.option("--metric", metavar="KEY", shell_complete=complete_metric, help="The metric that runs are compared by.")
@click.option("--goal", type=click.Choice(["min", "max"]), help="Which way it is better.")
@click.option(
    "--floor",
    metavar="FILTER",
    shell_complete=complete_filter,
    help="What a run must meet, 'metrics.precision >= 0.8'.",
)
@click.option(
    "--baseline", metavar="SELECTOR", shell_complete=complete_run, help="The run that others are compared with."
)
@click.option("--description", metavar="TEXT", help="What the experiment is about.")
@click.option(
    "--unset", metavar="FIELD", multiple=True, type=click.Choice(_FIELDS), help="Take one of these away (repeatable)."
)
@click.pass_obj
def set_(
    invocation: Invocation,
    *,
    name: str,
    metric: str | None,
    goal: str | None,
    floor: str | None,
    baseline: str | None,
    description: str | None,
    unset: Sequence[str],
) -> None:
    """Set how the runs of an experiment are compared.

    What is not named stays as it is. A goal is that of one metric: with another metric it has to be said again.
    """
    from gtrack.display.protocols import describe_protocol, doubts
    from gtrack.errors import UsageError
    from gtrack.ops.experiments import set_protocol
    from gtrack.ops.rivals import near_experiments, rivals

    given = {"description": description, "metric": metric, "goal": goal, "floor": floor, "baseline": baseline}
    changes: dict[str, object | None] = {key: value for key, value in given.items() if value is not None}
    both = sorted(set(changes) & set(unset))
    if both:
        raise UsageError(f"--{both[0]} and --unset {both[0]} contradict each other")
    changes.update(dict.fromkeys(unset))
    if not changes:
        raise UsageError("nothing to set", hint=f"gtrack experiment set {name} --metric val_auc --goal max")
    if metric is not None:
        changes["metric"] = metric.removeprefix("metrics.")
    with invocation.repository() as repo:
        if baseline is not None:
            changes["baseline"] = repo.run(baseline).id
        set_protocol(repo.repository, name, changes)
        found = rivals(repo, name)
        near = [] if found.facts.total else near_experiments(repo, name)
        lines = doubts(found, changes, near)
        said = describe_protocol(found)
    for line in lines:
        invocation.notice(f"gtrack: {line}")
    invocation.notice(f"experiment {clean(name)}: {said}")


@command.command("show", cls=Command, examples=["gtrack experiment show churn", "gtrack experiment show churn --json"])
@_name_argument
@output_options
@click.pass_obj
def show(invocation: Invocation, *, name: str, output: Output) -> None:
    """Show what is said of an experiment, and how far its runs have come."""
    from gtrack.cli.protocol import overview_columns, overview_rows
    from gtrack.ops.overview import Overview, overview
    from gtrack.ops.rivals import no_experiment, rivals

    with invocation.repository() as repo:
        found = rivals(repo, name)
        if not found.facts.total and found.protocol.updated is None:
            raise no_experiment(repo, name)
        seen = overview(found)
    terminal = output.terminal(invocation)
    if output.form == "json":
        output.write(to_json(seen.to_dict(), indent=2) + "\n")
    elif output.form is not None:
        emit(invocation, output, [seen], overview_columns(terminal), Overview.to_dict)
    else:
        rows = overview_rows(seen, found.remarks, terminal)
        width = max(len(head) for head, _ in rows)
        output.write("".join(f"{terminal.style(head.ljust(width), 'dim')}  {text}\n" for head, text in rows))


@command.command("ls", cls=Command, examples=["gtrack experiment ls", "gtrack experiment ls --all --md"])
@click.option("--all", "everything", is_flag=True, help="List archived ones too.")
@output_options
@click.pass_obj
def ls(invocation: Invocation, *, everything: bool, output: Output) -> None:
    """List the experiments, the one with the newest run first.

    BEST is the mean of the best configuration, as gtrack best ranks them.
    """
    from gtrack.cli.protocol import overview_columns
    from gtrack.ops.overview import Overview, overviews

    with invocation.repository() as repo:
        found = overviews(repo)
    shown = [each for each in found if everything or not each.state.archived]
    if not found and output.form is None:
        invocation.notice("No experiments yet: gtrack run --experiment NAME -- COMMAND records a run of one.")
        return
    emit(invocation, output, shown, overview_columns(output.terminal(invocation)), Overview.to_dict)
    if len(shown) < len(found):
        invocation.notice(f"{len(found) - len(shown):,} archived; --all shows them")


@command.command("archive", cls=Command, examples=["gtrack experiment archive churn-2025"])
@_name_argument
@click.pass_obj
def archive(invocation: Invocation, *, name: str) -> None:
    """Leave an experiment that is over out of listings; its runs stay."""
    _archive(invocation, name, archived=True)


@command.command("unarchive", cls=Command, examples=["gtrack experiment unarchive churn-2025"])
@_name_argument
@click.pass_obj
def unarchive(invocation: Invocation, *, name: str) -> None:
    """Bring an archived experiment back into listings."""
    _archive(invocation, name, archived=False)


def _archive(invocation: Invocation, name: str, *, archived: bool) -> None:
    from gtrack.index.query import Query
    from gtrack.ops import experiments
    from gtrack.ops.rivals import no_experiment

    with invocation.repository() as repo:
        known = experiments.experiment_of(repo.repository, name)
        if known.updated is None and not repo.find(Query(experiments=(name,), limit=1)):
            raise no_experiment(repo, name)
        experiments.archive(repo.repository, name, archived)
    invocation.notice(f"experiment {clean(name)} is {'' if archived else 'no longer '}archived")


@command.command("move", cls=Command, examples=["gtrack experiment move last last~1 --to churn"])
@selector_argument(several=True)
@click.option("--to", metavar="NAME", required=True, shell_complete=complete_experiment, help="The experiment.")
@click.pass_obj
def move(invocation: Invocation, *, selectors: Sequence[str], to: str) -> None:
    """Move runs to another experiment.

    A run's id and everything else of it stays.
    """
    from gtrack.ops import edit

    with invocation.repository() as repo:
        runs = [run for run in resolve(repo, selectors) if run.experiment != to.strip()]
        if runs:
            edit.move(repo, runs, to.strip())
    invocation.notice(f"{plural(len(runs), 'run')} moved to {clean(to.strip())}")
