"""``gtrack ls``: the runs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_fields, complete_param, complete_remote
from gtrack.cli.invocation import Invocation
from gtrack.cli.options import experiments_option, metrics_option, where_option
from gtrack.cli.output import Output, output_options
from gtrack.errors import UsageError
from gtrack.model.state import STATUSES

__all__ = ["command"]

_DEFAULT_COUNT = 20


@declare(
    "ls",
    examples=[
        "gtrack ls",
        "gtrack ls --where 'metrics.val_auc > 0.88 AND params.max_depth = 6' --sort -metrics.val_auc -n 5",
        "gtrack ls --experiment churn --status failed",
        "gtrack ls --columns name,'params.*',metrics.val_auc --only-changed --tree",
        "gtrack ls --group-by params.lr --agg mean,std,count",
        "gtrack ls --metric val_auc --param lr --sort val_auc -n 10",
        "gtrack ls --remote alice",
        "gtrack ls --csv > runs.csv",
    ],
)
@where_option("Only the runs that match, such as 'metrics.val_auc > 0.9'.")
@experiments_option()
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Only runs of this status (repeatable).")
@metrics_option("Show a metric (repeatable).")
@click.option(
    "--param", "params", metavar="KEY", multiple=True, shell_complete=complete_param, help="Show a param (repeatable)."
)
@click.option(
    "--columns",
    metavar="FIELD,...",
    multiple=True,
    shell_complete=complete_fields,
    help="Show exactly these, patterns such as 'params.*' included.",
)
@click.option("--only-changed", is_flag=True, help="Leave out what is the same in all runs that are shown.")
@click.option("--tree", is_flag=True, help="Show children under their parents, which are shown for their sake.")
@click.option(
    "--group-by",
    metavar="FIELD,...",
    multiple=True,
    shell_complete=complete_fields,
    help="One row for all runs of equal values; 'configuration' is all params but seeds.",
)
@click.option(
    "--agg",
    "aggregates",
    metavar="NAME,...",
    multiple=True,
    help="Of groups: mean, std, count, min, max, median, best, last; by default mean,std,count.",
)
@click.option(
    "--sort",
    metavar="FIELD,...",
    multiple=True,
    shell_complete=complete_fields,
    help="Order by a field, falling with - in front; by a bare metric, the best first.",
)
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option(
    "-n", "count", metavar="COUNT", type=click.IntRange(min=1), help="How many; the table shows 20 unless told."
)
@click.option("--all", "everything", is_flag=True, help="Show every run.")
@click.option("--deleted", is_flag=True, help="List the deleted runs instead.")
@click.option(
    "--remote",
    metavar="NAME",
    shell_complete=complete_remote,
    help="List what is on the branch of another remote instead, such as a fork's.",
)
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    filter_: str | None,
    experiments: Sequence[str],
    status: Sequence[str],
    metrics: Sequence[str],
    params: Sequence[str],
    columns: Sequence[str],
    only_changed: bool,
    tree: bool,
    group_by: Sequence[str],
    aggregates: Sequence[str],
    sort: Sequence[str],
    reverse: bool,
    count: int | None,
    everything: bool,
    deleted: bool,
    remote: str | None,
    output: Output,
) -> None:
    """List runs, newest first.

    The table shows 20 runs, cut to the width of the terminal; the other formats give every run and every fact, or with
    --columns those alone. A metric is shown as its last value, or as its best where it has a goal. A CODE with a * had
    uncommitted changes, which are in the run's snapshot.

    A field is one of the filter language: started, params.lr, metrics.val_auc (its last value), max(metrics.val_auc),
    tags.stage, environment.python. A metric, param or tag may be named without its kind; then --sort puts the best
    metric first, by its goal or its usual direction, and --columns shows the best value of one with a goal.
    """
    from gtrack.cli.selection import Listing, Selection, query_of

    if columns and (metrics or params):
        raise UsageError("--columns names all columns: --metric and --param add nothing to it")
    if group_by and (columns or params or only_changed or tree):
        raise UsageError("--group-by shows groups: --columns, --param, --only-changed and --tree are about runs")
    if aggregates and not group_by:
        raise UsageError("--agg says what is shown of groups", hint="gtrack ls --group-by params.lr --agg mean,std")
    if count is None and output.form in (None, "md"):
        count = _DEFAULT_COUNT
    query = query_of(filter_, experiments, status, deleted=deleted)
    with invocation.repository() as repo:
        selection = Selection(query, filter_, remote, sort, reverse, None if everything else count)
        listing = Listing(invocation, output, repo, selection)
        if group_by:
            from gtrack.cli.group_listing import print_groups

            print_groups(listing, group_by, aggregates, metrics)
        else:
            from gtrack.cli.run_listing import Shown, print_runs

            print_runs(listing, Shown(columns, metrics, params, only_changed, tree))
