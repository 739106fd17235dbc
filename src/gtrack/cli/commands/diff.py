"""``gtrack diff``: what differs between runs, or between the runs of two branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_run
from gtrack.cli.invocation import Invocation
from gtrack.cli.options import experiment_option, metrics_option, where_option
from gtrack.cli.output import Output, output_options
from gtrack.cli.selectors import resolve, whole_state
from gtrack.cli.terminal import Terminal
from gtrack.display.goals import Goals
from gtrack.errors import NotFoundError, UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.index.filter import Filter
    from gtrack.model.state import RunState
    from gtrack.ops.compare import Comparison, GoalOf
    from gtrack.ops.sides_search import Range
    from gtrack.reader import Repo

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What narrows a comparison.

    Attributes:
        metrics: Only these metrics, if any.
        experiment: Only the runs of this experiment.
        where: Only the runs that match.
        dirty: Count runs of code with uncommitted changes.
    """

    metrics: tuple[str, ...]
    experiment: str | None
    where: Filter | None
    dirty: bool


@declare(
    "diff",
    examples=[
        "gtrack diff last~1 last",
        "gtrack diff 3f2a9c1 kind-prairie-28 --code",
        "gtrack diff last",
        "gtrack diff last~2 last~1 last",
        "gtrack diff main..feature --md",
        "gtrack diff baseline --ablation regularisation -m val_auc",
    ],
)
@click.argument("selectors", metavar="SELECTOR...|REV..REV", nargs=-1, required=True, shell_complete=complete_run)
@click.option("--params", "parts", flag_value="params", multiple=True, help="Only the params.")
@click.option("--metrics", "parts", flag_value="metrics", multiple=True, help="Only the metrics.")
@click.option("--code", "parts", flag_value="code", multiple=True, help="Only the code: the whole diff, as git's.")
@click.option("--data", "parts", flag_value="data", multiple=True, help="Only the data.")
@click.option("--env", "parts", flag_value="env", multiple=True, help="Only the environment, packages and seeds.")
@metrics_option("Which metrics to compare (repeatable).")
@click.option(
    "--ablation",
    metavar="[GROUP]",
    is_flag=False,
    flag_value="",
    help="Show what single params do: the runs of GROUP, or of the experiment, that differ from SELECTOR in one.",
)
@experiment_option("Of REV..REV and --ablation: only its runs.")
@where_option("Of REV..REV and --ablation: only the runs that match.")
@click.option("--dirty", is_flag=True, help="Of REV..REV: count runs of code with uncommitted changes too.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    selectors: Sequence[str],
    parts: Sequence[str],
    metrics: Sequence[str],
    ablation: str | None,
    experiment: str | None,
    filter_: str | None,
    dirty: bool,
    output: Output,
) -> None:
    """Show what differs between runs.

    Of two runs: params, metrics, tags, data, environment, seeds and the code, which is a git diff of what ran,
    uncommitted changes included. --params, --metrics, --code, --data and --env show one part, and can be combined;
    --code shows the whole diff, fetches a colleague's snapshot where it has to, and alone in a pipe is what git apply
    takes. One run is compared with its experiment's baseline, else with the run before it in the experiment. Several
    runs are shown side by side. A metric is its best value where its goal was declared, else its last.

    REV..REV compares the runs of two lines of development, such as main..feature: those of the newest commit that has
    finished runs, on the left of main's history, on the right among the commits that only feature has. REV...REV has
    on the left the history that both share. A commit's runs are those of its code, wherever that ran, as before a
    squash. Of each side the best configuration counts (all params but seeds, and the program), of those that meet the
    experiment's floor if any does, and differences of means have Welch's 95 % interval: where it includes 0, no
    difference is seen.

    --ablation shows what each param does: runs that differ from SELECTOR in that param alone. Those that differ in
    seeds only are one configuration.
    """
    from gtrack.index.filter import parse
    from gtrack.ops.sides_search import parse_range

    range_ = parse_range(selectors[0]) if len(selectors) == 1 else None
    _check(selectors, range_, parts, ablation, narrowed=experiment is not None or filter_ is not None or dirty)
    keys = tuple(key.removeprefix("metrics.") for key in metrics)
    asked = _Asked(keys, experiment, None if filter_ is None else parse(filter_), dirty)
    with invocation.repository() as repo:
        if ablation is not None:
            _ablation(invocation, output, repo, selectors[0], ablation, asked)
        elif range_ is not None:
            _sides(invocation, output, repo, range_, asked)
        else:
            _runs(invocation, output, repo, selectors, parts, keys)


def _check(
    selectors: Sequence[str], range_: Range | None, parts: Sequence[str], ablation: str | None, *, narrowed: bool
) -> None:
    """Refuse options that mean nothing together."""
    if ablation is not None and (len(selectors) != 1 or range_ is not None):
        raise UsageError("--ablation has one base, which is a run", hint="gtrack diff BASE --ablation GROUP")
    if ablation is None and range_ is None and narrowed:
        raise UsageError(
            "--experiment, --where and --dirty are for REV..REV and --ablation", hint="gtrack ls --where F"
        )
    if parts and (range_ is not None or ablation is not None):
        raise UsageError(f"--{parts[0]} shows a part of what differs between two runs", hint="gtrack diff A B --code")


def _runs(
    invocation: Invocation,
    output: Output,
    repo: Repo,
    selectors: Sequence[str],
    parts: Sequence[str],
    metrics: Sequence[str],
) -> None:
    from gtrack.ops.compare import compare

    runs = [whole_state(run) for run in resolve(repo, selectors)]
    if len(runs) == 1 < len(selectors):
        same = " and ".join(map(repr, selectors))
        raise UsageError(f"{same} are the same run, {runs[0].id[:SHORT]}", hint="gtrack ls")
    if len(runs) == 1:
        runs = [_reference(invocation, repo, runs[0]), *runs]
    _check_metrics(metrics, runs)
    goals = _goals(repo, runs)
    if len(runs) == 2:
        from gtrack.cli.diff_pair import print_pair

        print_pair(invocation, output, repo, _only(compare(runs[0], runs[1], goals), metrics), parts)
        return
    _print_several(invocation, output, runs, goals, parts, metrics)


def _print_several(
    invocation: Invocation,
    output: Output,
    runs: Sequence[RunState],
    goals: GoalOf,
    parts: Sequence[str],
    metrics: Sequence[str],
) -> None:
    from gtrack.cli.diff_tables import print_side_by_side
    from gtrack.ops.side_by_side import side_by_side

    if wrong := sorted({*parts} - {"params", "metrics"}):
        raise UsageError(f"--{wrong[0]} compares two runs, and these are {len(runs)}", hint="gtrack diff A B --code")
    found = side_by_side(runs, goals, metrics=metrics or None)
    if parts:
        found = replace(found, lines=tuple(line for line in found.lines if line.part in parts))
    print_side_by_side(invocation, output, found)


def _only(found: Comparison, metrics: Sequence[str]) -> Comparison:
    if not metrics:
        return found
    return replace(found, metrics=tuple(metric for metric in found.metrics if metric.key in metrics))


def _reference(invocation: Invocation, repo: Repo, run: RunState) -> RunState:
    """Return what one run is compared with, and say what that is.

    Raises:
        NotFoundError: There is nothing to compare it with.
    """
    from gtrack.ops.previous import reference_of

    found, what = reference_of(repo, run)
    invocation.notice(f"compared with {what} of {clean(run.experiment)}, {found.id[:SHORT]} {clean(found.name)}")
    return whole_state(repo.run(f"run:{found.id}"))


def _sides(invocation: Invocation, output: Output, repo: Repo, range_: Range, asked: _Asked) -> None:
    from gtrack.cli.diff_pair import code_excerpt
    from gtrack.cli.diff_sides import print_sides
    from gtrack.ops.commit_runs import Wanted
    from gtrack.ops.compare import compare
    from gtrack.ops.sides import compare_sides
    from gtrack.ops.sides_search import find_sides

    wanted = Wanted(
        where=asked.where,
        experiments=() if asked.experiment is None else (asked.experiment,),
        metric=asked.metrics[0] if asked.metrics else None,
        dirty=asked.dirty,
    )
    sides = compare_sides(find_sides(repo, range_, wanted), asked.metrics)
    _warn(invocation, sides.metrics[0].key)
    found = compare(sides.left.runs[0], sides.right.runs[0], lambda _: None)
    code = code_excerpt(repo, found, None if output.form == "csv" else Terminal())
    print_sides(invocation, output, sides, found, code)


def _ablation(invocation: Invocation, output: Output, repo: Repo, selector: str, group: str, asked: _Asked) -> None:
    from gtrack.cli.diff_tables import print_ablation
    from gtrack.index.filter import And, Compare, Field
    from gtrack.index.query import Query
    from gtrack.ops.ablation import ablation
    from gtrack.ops.experiments import experiment_of
    from gtrack.ops.goals import metric_to_compare

    if len(asked.metrics) > 1:
        raise UsageError("an ablation is about one metric", hint=f"-m {asked.metrics[0]}")
    base = whole_state(repo.run(selector))
    parts: list[Filter] = [Compare(Field("attributes", "group"), "=", group)] if group else []
    parts += [asked.where] if asked.where is not None else []
    name = asked.experiment or base.experiment
    # A group is a choice of its own: its runs may be of several experiments.
    experiments = () if group and asked.experiment is None else (name,)
    runs = [whole_state(run) for run in repo.find(Query(And(tuple(parts)) if parts else None, experiments))]
    if not any(run.id != base.id for run in runs):
        which = f"in the group {group!r:.80}" if group else f"of {name!r:.80}"
        which += " that matches" if asked.where is not None else ""
        raise NotFoundError(f"there is no other run {which}", hint="gtrack ls")
    _check_metrics(asked.metrics, [base, *runs])
    protocol = experiment_of(repo.repository, name)
    metric = asked.metrics[0] if asked.metrics else metric_to_compare([base, *runs], protocol)
    if metric not in base.metrics:
        raise UsageError(f"the base, run {base.id[:SHORT]}, has no metric {metric!r:.80}", hint="-m KEY names another")
    _warn(invocation, metric)
    print_ablation(invocation, output, ablation(base, runs, metric, _goals(repo, [base, *runs])(metric)))


def _warn(invocation: Invocation, metric: str) -> None:
    from gtrack.ops.goals import test_metric_warning

    if (warning := test_metric_warning(metric)) is not None:
        invocation.notice(f"gtrack: warning: {clean(warning)}")


def _goals(repo: Repo, runs: Sequence[RunState]) -> GoalOf:
    goals = Goals(repo)
    return lambda key: goals.among(key, runs)


def _check_metrics(metrics: Sequence[str], runs: Sequence[RunState]) -> None:
    from gtrack.ops.goals import near_metrics

    for key in metrics:
        if not any(key in run.metrics for run in runs):
            close = near_metrics(key, runs)
            meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise UsageError(f"none of these runs has a metric {key!r:.80}{meant}", hint="gtrack show SELECTOR")
