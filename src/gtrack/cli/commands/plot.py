"""``gtrack plot``: curves of runs, in the terminal or as a file."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.chart import chart_lines, facts, painter
from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_run
from gtrack.cli.curves import Wanted, drawn_runs, wanted_charts, wanted_runs
from gtrack.cli.files import write_file
from gtrack.cli.invocation import Invocation
from gtrack.cli.numbers import Number
from gtrack.cli.options import experiment_option, metrics_option, where_option
from gtrack.cli.output import Column, Output, emit, markdown_table, output_options
from gtrack.cli.selectors import explain_nothing
from gtrack.cli.system import drawn_system
from gtrack.cli.table import Heading
from gtrack.errors import NotFoundError, UsageError
from gtrack.plot.charts import Chart, DrawnRun
from gtrack.plot.records import columns, records
from gtrack.text import clean

__all__ = ["command"]

_PICTURES = (".html", ".png", ".svg")


@declare(
    "plot",
    examples=[
        "gtrack plot",
        "gtrack plot last last~1 -m val_loss",
        "gtrack plot -m 'val_*' --smooth 0.6 --x relative",
        "gtrack plot --where 'params.lr < 0.1' -n 5 -o curves.html",
        "gtrack plot last -m val_loss --csv > points.csv",
        "gtrack plot last --system",
    ],
)
@click.argument("selectors", metavar="[SELECTOR]...", nargs=-1, shell_complete=complete_run)
@metrics_option("Draw a metric, or those that a pattern such as 'val_*' names (repeatable).")
@where_option("Draw the newest runs that match, such as 'metrics.val_auc > 0.9'.")
@experiment_option("Draw the newest runs of an experiment.")
@click.option("-n", "count", metavar="COUNT", type=click.IntRange(min=1), help="How many runs; 10 unless told.")
@click.option(
    "--x", "axis", metavar="AXIS", default="step", show_default=True,
    help="What stands below: step, time, relative (since the run's start), or a metric.",
)  # fmt: skip
@click.option(
    "--smooth", "weight", metavar="WEIGHT", type=Number(0, 1, max_open=True), default=0.0,
    help="Smooth by an exponential moving average, as TensorBoard does: from 0 to under 1.",
)  # fmt: skip
@click.option("--system", is_flag=True, help="Draw CPU, memory, disk, network and GPUs instead of metrics.")
@click.option("--log-y", "log", is_flag=True, help="Values on a logarithmic axis.")
@click.option("--raw", is_flag=True, help="Show what is averaged: each rank's line, and points behind a smoothed line.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    selectors: Sequence[str],
    metrics: Sequence[str],
    filter_: str | None,
    experiment: str | None,
    count: int | None,
    axis: str,
    weight: float,
    system: bool,
    log: bool,
    raw: bool,
    output: Output,
) -> None:
    """Draw the curves of runs.

    Without a SELECTOR: the newest runs of the newest run's experiment. Without -m: the main metrics. -o writes what the
    file's ending names: .html is a page to zoom and hover in that needs no network, .png and .svg are pictures; .csv,
    .json and .jsonl hold every point, .md a table of the last and best values. Values of several ranks at one step are
    drawn as their mean. With --system, -m names system metrics, such as 'gpu_*', and the axis is the time since the
    run's start.
    """
    picture = _picture(output)
    if system and axis == "step":
        axis = "relative"  # the number of a sample tells nobody anything
    wanted = Wanted(tuple(selectors), filter_, experiment, count, tuple(metrics), axis, weight, by_rank=raw)
    with invocation.repository() as repo:
        found = wanted_runs(repo, wanted, invocation.notice)
        if not found:
            explain_nothing(invocation, repo, filter_)
            raise NotFoundError("no run matches", hint="gtrack ls")
        if system:
            runs, goals = drawn_system(found, metrics, invocation.notice)
        else:
            runs, goals = drawn_runs(repo, found, wanted, invocation.notice)
    charts = wanted_charts(runs, goals, wanted, invocation.notice)
    if picture == ".html":
        from gtrack.plot.page import page

        _write(output, page(charts, log=log).encode())
    elif picture is not None:
        from gtrack.plot.picture import picture as draw

        _write(output, draw(charts, picture[1:], log=log))
    elif output.form is not None:
        _emit(invocation, output, charts, runs)
    else:
        terminal = invocation.terminal
        paint = painter(terminal, invocation.env)
        pages = ["\n".join(chart_lines(chart, terminal, paint, log=log, raw=raw)) for chart in charts]
        output.write("\n\n".join(pages) + "\n")


def _picture(output: Output) -> str | None:
    """Return the ending of the picture or page that was asked for, or None."""
    if output.file is None or output.form is not None:
        return None
    for ending in _PICTURES:
        if output.file.lower().endswith(ending):
            return ending
    known = ", ".join((*_PICTURES, ".csv", ".json", ".jsonl", ".md"))
    raise UsageError(f"cannot tell from its name what {clean(output.file)} is to be", hint=f"known endings: {known}")


def _write(output: Output, data: bytes) -> None:
    assert output.file is not None
    write_file(output.file, data)


def _emit(invocation: Invocation, output: Output, charts: Sequence[Chart], runs: Sequence[DrawnRun]) -> None:
    """Print every point; as Markdown, which nobody plots, the last and best values."""
    by_id = {run.id: run for run in runs}
    if output.form == "md":
        rows = [[clean(chart.metric), *facts(one, chart), "", ""][:6] for chart in charts for one in chart.series]
        output.write(markdown_table(["metric", "run", "last", "at step", "best", "at step"], rows))
        return
    points = [record for chart in charts for record in records(chart, by_id)]
    names = dict.fromkeys(name for chart in charts for name in columns(chart))
    emit(invocation, output, points, [_column(name) for name in names], dict)


def _column(name: str) -> Column[dict[str, object]]:
    return Column(name, Heading(name), lambda record: record.get(name))
