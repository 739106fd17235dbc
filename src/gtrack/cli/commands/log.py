"""``gtrack log``: a run from values and files that exist already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_run
from gtrack.cli.invocation import Invocation
from gtrack.cli.recording import override, read_params, read_tags, recording_options
from gtrack.display.words import plural, value_text
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.values import Point

__all__ = ["command"]


@declare(
    "log",
    examples=[
        'gtrack log val_auc=0.91 -p lr=0.1 -t stage=baseline -m "first try"',
        "gtrack log --params params.yaml --metrics metrics.csv --name nightly",
        "gtrack log test_auc=0.89 --run last",
    ],
)
@click.argument("metrics", metavar="[METRIC=VALUE]...", nargs=-1)
@recording_options
@click.option(
    "--params", "params_files", metavar="FILE", multiple=True, help="Read params: YAML, JSON, TOML (repeatable)."
)
@click.option(
    "--metrics",
    "metrics_files",
    metavar="FILE",
    multiple=True,
    help="Read metrics: YAML, JSON, JSON lines, CSV, Parquet (repeatable).",
)
@click.option("--run", "selector", metavar="SELECTOR", help="Add to this run.", shell_complete=complete_run)
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    metrics: Sequence[str],
    params: Sequence[str],
    tags: Sequence[str],
    message: str | None,
    name: str | None,
    experiment: str | None,
    bypass_policy: str | None,
    params_files: Sequence[str],
    metrics_files: Sequence[str],
    selector: str | None,
) -> None:
    """Record a run from values or files, without running anything.

    The run gets the code and the environment of this moment. A file with a column step, epoch or iteration gives
    curves, any other gives last values. With --run the values are added to a run that is there already.
    """
    facts: dict[str, Any] = {
        "params": _params(params_files, params),
        "points": _points(invocation, metrics_files, metrics),
        "tags": read_tags(tags),
        "message": message,
    }
    if not any(facts.values()):
        raise UsageError("there is nothing to record", hint="gtrack log accuracy=0.91 -p lr=0.1")
    if selector is not None and bypass_policy:
        raise UsageError("--run adds to a run that is there: no policy is asked", hint="leave --bypass-policy out")
    if selector is not None and (name or experiment):
        raise UsageError("--run adds to a run that has a name and an experiment", hint="gtrack rename SELECTOR NAME")
    from gtrack.ops.record import append_to_run, record_run

    with invocation.repository() as repo:
        if selector is None:
            run_id = record_run(repo, **facts, name=name, experiment=experiment, bypass_policy=bypass_policy)
        else:
            extended = repo.run(selector)
            append_to_run(repo, extended, **facts)
            run_id = extended.id
        run = repo.run(f"run:{run_id}")
        verb = "recorded" if selector is None else "extended"
        invocation.say(f"run {run.id[:SHORT]} {clean(run.name)} {verb}{_what(facts['points'])}")


def _params(files: Sequence[str], assignments: Sequence[str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if files:
        from gtrack.ops import values

        for path in files:
            params = override(params, values.read_params(path))
    return override(params, read_params(assignments))


def _points(invocation: Invocation, files: Sequence[str], assignments: Sequence[str]) -> list[Point]:
    from gtrack.ops.values import parse_metric_assignment, read_metrics

    points: list[Point] = []
    for path in files:
        found = read_metrics(path)
        points += found.points
        for column, why in found.skipped:
            invocation.notice(f"gtrack: {clean(path)}: {clean(column)} is left out: {clean(why)}")
        if not found.points:
            raise UsageError(f"{path}: holds no metrics", hint="metrics are numbers; --params FILE reads params")
    for text in assignments:
        key, value = parse_metric_assignment(text)
        points.append((key, None, None, value))
    return points


def _what(points: Sequence[Point]) -> str:
    last = {key: value for key, _, _, value in points}
    shown = [f"{clean(key)}={value_text(value)}" for key, value in list(last.items())[:3]]
    more = f" and {plural(len(last) - 3, 'more metric')}" if len(last) > 3 else ""
    return f": {', '.join(shown)}{more}" if shown else ""
