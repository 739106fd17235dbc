"""An experiment's protocol as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.cli.measured import mean_and_spread
from gtrack.cli.output import Column
from gtrack.cli.standings import describe_goal
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.clock import iso, now_ns
from gtrack.display.words import ago, instant, value_text
from gtrack.ids import SHORT
from gtrack.ops.leaderboard import Row, value_of
from gtrack.ops.overview import Overview
from gtrack.text import clean

__all__ = ["overview_columns", "overview_rows"]


def overview_columns(terminal: Terminal) -> list[Column[Overview]]:
    """Return the columns of a listing of experiments.

    Args:
        terminal: What it can show.
    """
    now = now_ns() // 1000

    def started(each: Overview) -> int | None:
        return None if each.last is None else each.last.started

    def last(each: Overview) -> object:
        return None if (at := started(each)) is None else iso(at)

    def metric(each: Overview) -> str:
        return "-" if each.metric is None else each.metric + (f" ({each.goal.direction})" if each.goal else "")

    def name(each: Overview) -> str:
        return each.state.name + (" (archived)" if each.state.archived else "")

    def mean(each: Overview) -> object:
        return None if each.best is None else each.best.sample.mean

    return [
        Column("name", Heading("EXPERIMENT", shrinks_to=12), lambda each: each.state.name, name),
        Column("runs", Heading("RUNS", right=True), lambda each: each.runs),
        Column("last", Heading("LAST RUN", drop=2), last, lambda each: ago(started(each), now)),
        Column("metric", Heading("METRIC", shrinks_to=10, drop=1), lambda each: each.metric, metric),
        Column(
            "best",
            Heading("BEST", right=True, drop=1),
            mean,
            lambda each: "-" if each.best is None else _best(each.best, terminal),
        ),
        Column(
            "best_run",
            Heading("BEST RUN", drop=3),
            lambda each: None if each.best is None else each.best.best.id,
            lambda each: "-" if each.best is None else each.best.best.id[:SHORT],
            lambda _: ("yellow",),
        ),
        Column("description", Heading("DESCRIPTION", shrinks_to=16, drop=4), lambda each: each.state.description),
    ]


def overview_rows(seen: Overview, remarks: Sequence[str], terminal: Terminal) -> list[tuple[str, str]]:
    """Return all of an experiment as names and values, all of it clean.

    Args:
        seen: The experiment.
        remarks: What its protocol asks for and cannot be had.
        terminal: What it can show.
    """
    now, state = now_ns() // 1000, seen.state
    rows = [("experiment", clean(state.name) + (" (archived)" if state.archived else ""))]
    if state.description:
        rows.append(("description", clean(state.description)))
    if seen.metric is not None:
        undeclared = "" if state.metric else " (the only one with a goal)"
        rows.append(("metric", f"{clean(seen.metric)}{undeclared}, {describe_goal(seen.goal)}"))
    else:
        rows.append(("metric", "- (gtrack experiment set NAME --metric KEY)"))
    rows.append(("floor", clean(state.floor) if state.floor else "-"))
    base = seen.baseline
    name = "" if base is None else f" {clean(base.name)}" + _value(value_of(base, seen.metric or "", seen.goal))
    rows.append(("baseline", state.baseline[:SHORT] + name if state.baseline else "-"))
    counts = ", ".join(f"{count:,} {clean(status)}" for status, count in seen.statuses.items())
    rows.append(("runs", f"{seen.runs:,}" + (f" ({counts})" if counts else "")))
    if seen.last is not None:
        rows.append(("last run", f"{seen.last.id[:SHORT]} {clean(seen.last.name)}, {ago(seen.last.started, now)}"))
    if seen.best is not None and seen.best_run is not None:
        value = _best(seen.best, terminal)
        best = f"{value} (n={seen.best.sample.n:,}): {seen.best_run.id[:SHORT]} {clean(seen.best_run.name)}"
        rows.append(("best", best))
    if state.updated is not None:
        rows.append(("last edited", f"{instant(state.updated)} by {clean(state.author.partition(' <')[0])}"))
    rows += [("problem", clean(text)) for text in (*state.problems, *remarks)]
    rows += [
        ("edited twice", f"{clean(what)}: at the same time in two clones; the later stands")
        for what in state.concurrent
    ]
    return rows + [("in the future", clean(event)) for event in state.future]


def _value(value: float | None) -> str:
    return "" if value is None else f" ({value_text(value)})"


def _best(row: Row, terminal: Terminal) -> str:
    return mean_and_spread(row.sample.mean, row.sample.std, terminal)
