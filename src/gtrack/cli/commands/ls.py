"""``gtrack ls``: the runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.columns import (
    all_columns,
    facts,
    main_metrics,
    metric_column,
    metric_columns_for_csv,
    metric_goals,
    param_column,
    run_columns,
)
from gtrack.cli.command import command as declare
from gtrack.cli.fields import plural
from gtrack.cli.invocation import Invocation
from gtrack.cli.ordering import sort_runs
from gtrack.cli.output import Output, emit, output_options
from gtrack.cli.selectors import matcher, whole_state
from gtrack.clock import now_ns
from gtrack.model.state import STATUSES, RunState
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["command"]

_DEFAULT_COUNT = 20
_WELCOME = """\
No runs yet. To record the first one, put 'gtrack run --' in front of a command:
  gtrack run -p lr=0.1 -- python train.py --lr {lr}
or record what you have already:
  gtrack log accuracy=0.91 -p lr=0.1
or look at a repository that has runs: gtrack demo"""


@declare(
    "ls",
    examples=[
        "gtrack ls",
        "gtrack ls --metric val_auc --param lr --sort val_auc -n 10",
        "gtrack ls --experiment churn --status failed",
        "gtrack ls --where 'metrics.val_auc > 0.9 AND params.lr < 0.1'",
        "gtrack ls --remote alice",
        "gtrack ls --csv > runs.csv",
    ],
)
@click.option("--where", "filter_", metavar="FILTER", help="Only the runs that match, such as 'metrics.val_auc > 0.9'.")
@click.option("--experiment", metavar="NAME", help="Only the runs of one experiment.")
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Only runs of this status (repeatable).")
@click.option("--metric", "metrics", metavar="KEY", multiple=True, help="Show a metric (repeatable).")
@click.option("--param", "params", metavar="KEY", multiple=True, help="Show a param (repeatable).")
@click.option(
    "--sort", metavar="KEY", help="Order by started, duration, name, a metric or a param; the best or newest first."
)
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option(
    "-n", "count", metavar="COUNT", type=click.IntRange(min=1), help="How many; the table shows 20 unless told."
)
@click.option("--all", "everything", is_flag=True, help="Show every run.")
@click.option("--deleted", is_flag=True, help="List the deleted runs instead.")
@click.option(
    "--remote", metavar="NAME", help="List what is on the branch of another remote instead, such as a fork's."
)
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    filter_: str | None,
    experiment: str | None,
    status: Sequence[str],
    metrics: Sequence[str],
    params: Sequence[str],
    sort: str | None,
    reverse: bool,
    count: int | None,
    everything: bool,
    deleted: bool,
    remote: str | None,
    output: Output,
) -> None:
    """List runs, newest first.

    The table shows 20 runs, cut to the width of the terminal; the other formats give every run and every fact.
    A metric is shown as its last value, or as its best where it has a goal. A CODE with a * had uncommitted changes,
    which are in the run's snapshot.
    """
    wanted = matcher(filter_)
    with invocation.repository() as repo:
        found = repo.runs(experiment=experiment, deleted=deleted, remote=remote)
        runs = [run.state if output.form is None else whole_state(run) for run in found]
        runs = [run for run in runs if (not status or run.status in status) and wanted(run)]
        if not runs and output.form is None:
            invocation.notice(_nothing(repo, any_run=bool(found or experiment or deleted or remote or filter_)))
            return
    if remote is not None and output.form is None:
        invocation.notice(f"on the branch of {clean(remote)} as of the last fetch; none of it counts here:")
    if sort is not None and runs:
        runs = sort_runs(runs, sort, reverse=reverse)
    elif reverse:
        runs.reverse()
    total = len(runs)
    if count is None and not everything and output.form in (None, "md"):
        count = _DEFAULT_COUNT
    runs = runs if everything else runs[:count]
    _print(invocation, output, runs, metrics, params)
    if len(runs) < total and output.form is None:
        invocation.notice(f"{len(runs)} of {plural(total, 'run')}; --all shows the rest")


def _nothing(repo: Repo, *, any_run: bool) -> str:
    """Say why the list is empty, and what to type."""
    hidden = 0 if any_run else len(repo.runs(deleted=True))
    if hidden:
        return f"No run is left; gtrack ls --deleted lists {plural(hidden, 'deleted run')}."
    return "No run matches." if any_run else _WELCOME


def _print(
    invocation: Invocation, output: Output, runs: list[RunState], metrics: Sequence[str], params: Sequence[str]
) -> None:
    base, goals = run_columns(now_ns() // 1000, output.terminal(invocation)), metric_goals(runs)
    chosen = [param_column(key) for key in params]
    if metrics or params:
        shown = [*chosen, *(metric_column(key, goals.get(key)) for key in metrics)]
        full = [*facts(base), *chosen, *metric_columns_for_csv(runs, metrics)]
    else:
        # Unasked, the first metric is worth more than the experiment's name, and the others less than anything.
        shown = [metric_column(key, goals.get(key), drop=7 if i else 3) for i, key in enumerate(main_metrics(runs))]
        full = all_columns(runs, base)
    missing = emit(invocation, output, runs, base + shown, RunState.to_dict, csv_columns=full)
    if missing and (metrics or params):
        names = [column.heading.text for column in shown if column.heading.text in missing]
        if names:
            invocation.notice(f"the terminal has no room for {', '.join(names)}; --csv and --json show them")
