"""``gtrack best``: the leaderboard of an experiment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_field, complete_metric
from gtrack.cli.invocation import Invocation
from gtrack.cli.options import experiment_option, where_option
from gtrack.cli.output import Output, emit, output_options
from gtrack.display.cells import to_json
from gtrack.errors import NotFoundError, UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.index.fields import Field
    from gtrack.index.filter import Filter
    from gtrack.model.experiment import ExperimentState
    from gtrack.model.goal import Goal
    from gtrack.model.state import RunState
    from gtrack.ops.leaderboard import Leaderboard, Row
    from gtrack.ops.rivals import Rivals
    from gtrack.reader import Repo

__all__ = ["command"]

_DEFAULT_COUNT = 20


@declare(
    "best",
    examples=[
        "gtrack best",
        "gtrack best val_auc --experiment churn --min-runs 3",
        "gtrack best --where 'params.max_depth <= 6' --group-by params.lr,params.max_depth",
        "gtrack best --runs -n 5",
    ],
)
@click.argument("metric", required=False, shell_complete=complete_metric)
@experiment_option("Which one; the newest run's by default.")
@where_option()
@click.option(
    "--min-runs", metavar="COUNT", type=click.IntRange(min=1), default=1, help="Only configurations of so many runs."
)
@click.option(
    "--group-by",
    metavar="FIELD,...",
    multiple=True,
    shell_complete=complete_field,
    help="Rank groups by these fields instead of configurations, such as params.lr.",
)
@click.option("--runs", "single", is_flag=True, help="Rank single runs.")
@click.option("--all", "unfinished", is_flag=True, help="Count failed, killed and running runs too.")
@click.option("-n", "count", metavar="COUNT", type=click.IntRange(min=1), help="How many; the table shows 20.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    metric: str | None,
    experiment: str | None,
    filter_: str | None,
    min_runs: int,
    group_by: Sequence[str],
    single: bool,
    unfinished: bool,
    count: int | None,
    output: Output,
) -> None:
    """Rank the configurations of an experiment by its metric.

    A configuration is all params but the seeds, the code and the program: its runs form one row, with their mean and
    sample standard deviation. A run counts with its best value where the metric's goal was declared, else with its
    last. Metric, goal, floor and baseline are those of gtrack experiment set; runs below the floor are left out, and
    so are those that have not finished. Differences to the baseline have Welch's 95 % interval.
    """
    from gtrack.index.filter import parse
    from gtrack.ops.rivals import rivals

    if single and (group_by or min_runs > 1):
        raise UsageError("--runs ranks single runs, and --group-by and --min-runs are about several")
    if count is None and output.form in (None, "md"):
        count = _DEFAULT_COUNT
    fields = _fields(group_by)
    where = None if filter_ is None else parse(filter_)
    with invocation.repository() as repo:
        name = _experiment(invocation, repo, experiment, where)
        found = rivals(repo, name, where)
        if not found.facts.total and experiment is not None:
            raise _nothing(repo, name, where)
        key, goal = _metric(found, metric)
        _warn(invocation, found, key)
        # One more tells whether the first two can be told apart.
        board = found.leaderboard(
            key,
            goal,
            by=fields,
            single=single,
            min_runs=min_runs,
            unfinished=unfinished,
            limit=None if count is None else max(count, 2),
        )
        rows = _with_baseline(board, count)
        whole = output.form in ("json", "jsonl")
        states = found.states(run for row in rows for run in (row.runs if whole else row.runs[:1]))
    hidden = board.total - len(board.rows[:count])
    _print(invocation, output, found.protocol, board, rows, states, fields, single, min_runs, hidden)


def _fields(texts: Sequence[str]) -> list[Field]:
    from gtrack.index.fields import read_field

    out = []
    for text in (part.strip() for each in texts for part in each.split(",")):
        try:
            out.append(read_field(text))
        except ValueError as error:
            raise UsageError(f"cannot group: {error}", hint="--group-by params.lr") from None
    return out


def _experiment(invocation: Invocation, repo: Repo, asked: str | None, where: Filter | None) -> str:
    if asked is not None:
        return asked
    from gtrack.ops.rivals import newest_experiment

    newest = newest_experiment(repo, where)
    if newest is None:
        raise NotFoundError("no run matches" if where else "there are no runs yet", hint="gtrack ls")
    name, only = newest
    if not only:
        invocation.notice(f"the newest run's experiment is {clean(name)}; --experiment chooses another")
    return name


def _nothing(repo: Repo, name: str, where: Filter | None) -> NotFoundError:
    from gtrack.index.query import Query
    from gtrack.ops.rivals import no_experiment

    if where is not None and repo.find(Query(experiments=(name,), limit=1)):
        return NotFoundError(f"no run of {name!r:.80} matches", hint="gtrack ls")
    return no_experiment(repo, name)


def _metric(found: Rivals, asked: str | None) -> tuple[str, Goal]:
    """Return the metric to rank by and its goal."""
    from gtrack.ops.goals import near_names

    key = asked.removeprefix("metrics.") if asked else found.metric()
    if asked and key not in found.facts.metrics:
        close = near_names(key, found.facts.metrics)
        meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UsageError(
            f"no run here has a metric {key!r:.80}{meant}",
            hint=f"gtrack best {shlex.quote(close[0])}" if close else None,
        )
    goal = found.goal(key)
    if goal is None:
        name, metric = shlex.quote(found.protocol.name), shlex.quote(key)
        raise UsageError(
            f"nobody said whether a higher or a lower {key!r:.80} is better",
            hint=f"gtrack experiment set {name} --metric {metric} --goal max",
        )
    return key, goal


def _warn(invocation: Invocation, found: Rivals, key: str) -> None:
    """Tell what makes the ranking worth less than it seems."""
    from gtrack.ops.goals import test_metric_warning

    protocol, name = found.protocol, clean(found.protocol.name)
    for problem in (*protocol.problems, *found.remarks):
        invocation.notice(f"gtrack: warning: experiment {name}: {clean(problem)}")
    for what in protocol.concurrent:
        invocation.notice(
            f"gtrack: warning: experiment {name}: its {clean(what)} was set in two clones at the same time; the later "
            "one stands until it is set again"
        )
    if (warning := test_metric_warning(key)) is not None:
        invocation.notice(f"gtrack: warning: {clean(warning)}")


def _print(
    invocation: Invocation,
    output: Output,
    protocol: ExperimentState,
    board: Leaderboard,
    rows: Sequence[Row],
    states: Mapping[str, RunState],
    fields: Sequence[Field],
    single: bool,
    min_runs: int,
    hidden: int,
) -> None:
    from gtrack.cli.standings import csv_columns, left_out, ranked_by, row_columns, row_dict, too_close

    if output.form == "json":
        output.write(to_json(_whole(protocol, board, rows, states, fields), indent=2) + "\n")
        return
    terminal = output.terminal(invocation)
    table = output.form in (None, "md")
    if table:
        # Beside a table on the terminal it is part of the result; in a file of another format it would be in the way.
        (invocation.say if output == Output() else invocation.notice)(ranked_by(protocol, board))
    if rows or not table:
        columns = row_columns(board, rows, states, fields, terminal, single=single)
        full = csv_columns(rows, states, fields, single=single)
        missing = emit(invocation, output, rows, columns, lambda row: row_dict(row, states, fields), csv_columns=full)
        if missing:
            invocation.notice(f"the terminal has no room for {', '.join(missing)}; --csv and --json show them")
    if table:
        more = f"{hidden:,} more; -n {board.total} shows all" if hidden > 0 else ""
        remarks = [more, too_close(board, terminal), left_out(board, protocol, min_runs)]
        for remark in filter(None, remarks if rows else ["nothing to rank", *remarks]):
            invocation.notice(remark)


def _with_baseline(board: Leaderboard, count: int | None) -> list[Row]:
    """Return the rows to show; the baseline's always, after the others where it is not among them."""
    rows = list(board.rows[:count])
    if board.baseline is not None and not any(row.baseline for row in rows):
        rows.append(board.baseline)
    return rows


def _whole(
    protocol: ExperimentState,
    board: Leaderboard,
    rows: Sequence[Row],
    states: Mapping[str, RunState],
    fields: Sequence[Field],
) -> dict[str, object]:
    from gtrack.cli.standings import row_dict

    return {
        "experiment": protocol.to_dict(),
        "metric": board.metric,
        "goal": {"direction": board.goal.direction, "source": board.goal.source},
        "total": board.total,
        "rows": [row_dict(row, states, fields) for row in rows],
        "left_out": {
            "status": dict(board.unfinished),
            "below_floor": board.below_floor,
            "without": board.without,
            "nan": board.nan,
            "few": board.few,
        },
    }
