"""``gtrack gate``: whether runs are good enough, for continuous integration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_filter, complete_revision, complete_run
from gtrack.cli.invocation import Invocation
from gtrack.cli.numbers import Number
from gtrack.cli.options import experiment_option, metrics_option, where_option
from gtrack.cli.output import Output, output_options
from gtrack.clock import now_ns
from gtrack.errors import UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.gate_question import Question

__all__ = ["command"]


@declare(
    "gate",
    examples=[
        "gtrack gate 'metrics.val_auc >= 0.90'",
        "gtrack gate 'metrics.val_auc >= 0.90' --against main --tolerance 0.005 --min-runs 3",
        "gtrack gate --against baseline --strict --md",
        "gtrack gate 'params.max_depth <= 8' 'metrics.val_loss < 0.4' --run last",
    ],
)
@click.argument("conditions", metavar="[CONDITION]...", nargs=-1, shell_complete=complete_filter)
@click.option("--run", metavar="SELECTOR", shell_complete=complete_run, help="Judge this one run.")
@click.option(
    "--rev", metavar="REV", shell_complete=complete_revision, help="Judge the runs of this commit, not HEAD's."
)
@where_option("Only the runs that match, on both sides.")
@click.option(
    "--against",
    metavar="REV|RUN|baseline",
    shell_complete=complete_revision,
    help="What they must not be worse than.",
)
@click.option(
    "--tolerance",
    metavar="NUMBER",
    type=Number(min=0),
    default=0.0,
    help="How much worse is still right.",
)
@click.option(
    "--min-runs", metavar="COUNT", type=click.IntRange(min=1), default=1, help="Fail with fewer runs on a side."
)
@experiment_option("Which one, where there are several.")
@metrics_option("What to compare, unless it is the metrics of the conditions, or the experiment's (repeatable).")
@click.option(
    "--confidence",
    metavar="SHARE",
    type=Number(0, 1, min_open=True, max_open=True),
    default=0.95,
    help="Of the intervals.",
)
@click.option("--strict", is_flag=True, help="Fail what is undecided.")
@click.option("--dirty", is_flag=True, help="Count runs of code with uncommitted edits too.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    conditions: Sequence[str],
    run: str | None,
    rev: str | None,
    filter_: str | None,
    against: str | None,
    tolerance: float,
    min_runs: int,
    experiment: str | None,
    metrics: Sequence[str],
    confidence: float,
    strict: bool,
    dirty: bool,
    output: Output,
) -> int:
    """Exit with 1 when runs are not good enough, for continuous integration.

    The runs that are judged are those of the code at HEAD, or at --rev, wherever that ran: before a rebase, a squash or
    a merge, or as edits that were committed afterwards. Where there are several configurations (all params but seeds,
    and the program), it is the one that did best, of those with --min-runs runs if any has so many. --run judges one
    run. Runs of other uncommitted edits do not count without --dirty.

    A CONDITION is a filter as for gtrack ls. A bound on a metric, such as metrics.val_auc >= 0.90, is about the mean
    over the runs, and of each run about the last value; max(metrics.val_auc) is about its best. Anything else has to
    hold of every run. The floor of the experiment (gtrack experiment set) is a condition as well.

    --against compares the mean with that of other runs: of a run, or of the experiment's baseline, that run and those
    that repeat it; of a branch, tag or commit those of the newest commit on its first-parent history that has, of the
    experiment and with the metric, --min-runs finished runs of the candidate's configuration, but for the code. Where
    no commit has (50 with runs are looked at), it is the best configuration of the newest commit with so many runs of
    one. The output says so, and what newer commits came to that were run otherwise. A value is a metric's best where
    its goal was declared, else its last, as in gtrack best.

    Both are judged by the 95 % confidence interval, Student's for a bound and Welch's for a difference. It FAILS when
    the whole interval lies on the wrong side of the bound, or beyond the tolerance. It PASSES when the whole interval
    lies on the right side. Between the two it is UNDECIDED, which passes unless --strict. Where a side has one run
    there is no interval: the plain value decides. --min-runs asks for more.

    A run that has not finished, one without the metric, and NaN fail the gate; --where leaves runs out on purpose.
    The exit code is 0 when nothing fails, 1 when something does, 2 when the question is wrong, 3 without any runs.
    """
    from gtrack.cli.gate_report import print_gate
    from gtrack.index.filter import parse
    from gtrack.ops.gate_question import Question, answer_question

    if run is not None and (rev is not None or filter_ is not None):
        raise UsageError("--run names the run: --rev and --where choose nothing")
    question = Question(
        conditions=tuple(map(parse, conditions)),
        run=run,
        rev=rev or "HEAD",
        where=None if filter_ is None else parse(filter_),
        experiment=experiment,
        dirty=dirty,
        against=against,
        metrics=tuple(key.removeprefix("metrics.") for key in metrics),
        tolerance=tolerance,
        min_runs=min_runs,
        confidence=confidence,
        strict=strict,
    )
    _check(question)
    with invocation.repository() as repo:
        gate, notes = answer_question(repo, question, now_us=now_ns() // 1000)
    for note in notes:
        invocation.notice(f"gtrack: {clean(note)}")
    print_gate(invocation, output, gate)
    return 0 if gate.passed else 1


def _check(question: Question) -> None:
    if question.against is None and (question.metrics or question.tolerance):
        raise UsageError("--metric and --tolerance are about a comparison", hint="--against main")
