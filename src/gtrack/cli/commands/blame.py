"""``gtrack blame``: a metric along the code's commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_metric, complete_revision
from gtrack.cli.invocation import Invocation
from gtrack.cli.options import experiment_option, where_option
from gtrack.cli.output import Output, output_options
from gtrack.display.words import plural
from gtrack.errors import GtrackError, NotFoundError, UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.index.filter import Filter
    from gtrack.ops.blame_search import History
    from gtrack.reader import Repo

__all__ = ["command"]


@declare(
    "blame",
    examples=[
        "gtrack blame val_auc",
        "gtrack blame val_auc --branch main --since v1.2",
        "gtrack blame val_loss --where 'params.model = \"xgb\"' -n 50",
    ],
)
@click.argument("metric", metavar="METRIC", shell_complete=complete_metric)
@click.option(
    "--branch",
    metavar="REV",
    default="HEAD",
    shell_complete=complete_revision,
    help="Whose history; HEAD's by default.",
)
@experiment_option("Which one; the newest run's by default.")
@where_option()
@click.option("--since", metavar="REV", shell_complete=complete_revision, help="From this commit on.")
@click.option(
    "-n",
    "count",
    metavar="COUNT",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="How many commits with runs to look at, the newest.",
)
@click.option("--dirty", is_flag=True, help="Count runs of code with uncommitted edits for the commit they began at.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    metric: str,
    branch: str,
    experiment: str | None,
    filter_: str | None,
    since: str | None,
    count: int,
    dirty: bool,
    output: Output,
) -> None:
    """Show a metric along the code's commits, and name the one that moved it.

    Each commit of the branch (by first parents) that has finished runs is a row, the newest first: the mean and the
    sample standard deviation of its runs, and the difference to the commit before it that has runs, with Welch's 95 %
    interval. A commit's runs are those of its code, wherever that ran: before a rebase, a squash or a merge, or as
    edits that were committed afterwards. Of them those count whose params (but seeds) are the ones that most of the
    commits were run with, else its best configuration. Runs of other uncommitted edits count only with --dirty.

    A commit is marked where the metric moved by more than chance explains: by the typical spread of the runs of one
    commit, so that all marks together are wrong in about 5 % of histories where nothing happened. Without a commit of
    two runs, the spread is taken from the steps between commits.
    """
    from gtrack.cli.blame_report import print_blame
    from gtrack.index.filter import parse
    from gtrack.ops.blame import blame
    from gtrack.ops.blame_search import look_back

    key = metric.removeprefix("metrics.")
    where = None if filter_ is None else parse(filter_)
    with invocation.repository() as repo:
        name = _experiment(invocation, repo, key, experiment, where)
        history = look_back(repo, key, branch, experiment=name, where=where, since=since, count=count, dirty=dirty)
    if not history.runs:
        raise NotFoundError(
            f"no commit of {clean(history.label)} has a finished run with {key!r:.80}", hint=_hint(history)
        )
    found = blame(history.commits, history.runs, key, history.goal)
    print_blame(invocation, output, found, history)
    _remark(invocation, key, history)


def _experiment(invocation: Invocation, repo: Repo, metric: str, asked: str | None, where: Filter | None) -> str:
    if asked is not None:
        return asked
    from gtrack.index.filter import And, Field, IsNull, Not
    from gtrack.ops.rivals import newest_experiment

    having: Filter = Not(IsNull(Field("metrics", metric)))
    newest = newest_experiment(repo, having if where is None else And((having, where)))
    if newest is None:
        raise _unknown(repo, metric, where)
    name, only = newest
    if not only:
        invocation.notice(f"gtrack: of experiment {clean(name)}, the newest run's; --experiment chooses another")
    return name


def _unknown(repo: Repo, metric: str, where: Filter | None) -> GtrackError:
    from gtrack.display.keys import Keys, near
    from gtrack.index.query import Query
    from gtrack.ops.commit_runs import unfetched

    known = Keys(repo).of("metrics")
    if metric in known and where is not None:
        return NotFoundError(f"no run with {metric!r:.80} matches", hint=f"gtrack ls --metric {metric}")
    close = near(metric, known)
    meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    if not known and not repo.find(Query(limit=1)):
        return NotFoundError("there are no runs yet", hint=unfetched(repo) or "gtrack run -- python train.py")
    return UsageError(f"no run has a metric {metric!r:.80}{meant}", hint="gtrack ls")


def _hint(history: History) -> str:
    if history.edited:
        return f"{plural(history.edited, 'run')} of code with uncommitted edits: --dirty counts them"
    if history.shallow:
        return "the clone is shallow: git fetch --unshallow"
    return "gtrack pull brings the team's runs; --branch looks at another branch"


def _remark(invocation: Invocation, metric: str, history: History) -> None:
    """Tell what is not in the table."""
    from gtrack.ops.goals import test_metric_warning

    if (warning := test_metric_warning(metric)) is not None:
        invocation.notice(f"gtrack: warning: {clean(warning)}")
    left = [f"{plural(history.unfinished, 'run')} did not finish"] if history.unfinished else []
    left += [f"{plural(history.edited, 'run')} of edited code (--dirty)"] if history.edited else []
    if left:
        invocation.notice(f"left out: {', '.join(left)}")
    if history.more:
        invocation.notice("older commits have runs too; -n shows more")
    elif history.shallow:
        invocation.notice("the clone is shallow: git fetch --unshallow shows older commits")
