"""``chart``: curves of runs."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gtrack.display.words import plural, value_text
from gtrack.ids import SHORT
from gtrack.index.filter import Field, Filter, IsNull, Not, Or
from gtrack.ops.goals import near_names
from gtrack.plot.charts import Axis, Chart, DrawnRun, Series, chart_of, curves_of
from gtrack.report.asking import find_runs, names, said, whole_number
from gtrack.report.blocks import Block
from gtrack.report.lookup import Lookup
from gtrack.report.problems import BlockError, blaming
from gtrack.report.results import Cell, Charts, Grid, Heading, listed, shortened

if TYPE_CHECKING:
    from gtrack.reader import RecordedRun

__all__ = ["answer"]

_RUNS = 10
_MOST_CHARTS = 12
_LABEL = 60


def answer(lookup: Lookup, block: Block) -> Charts:
    """Return the charts that a block asks for.

    Raises:
        BlockError: A run, a metric or a filter is wrong, or there is nothing to draw.
    """
    metrics, axis = _metrics(lookup, block), _axis(lookup, block)
    runs, remarks = _runs(lookup, block, metrics)
    if not runs:
        return Charts(_title(block) or shortened(listed(metrics)), (), Grid("Values", ()), remarks=("no run matches",))
    found, drawn = _drawn(runs, {*metrics, axis.metric} - {""})
    states = [run.state for run in runs]
    weight = block.settings.get("smoothing", 0.0)
    charts = [
        chart_of(key, drawn, axis, weight=float(str(weight)), goal=lookup.goals.among(key, states)) for key in metrics
    ]
    remarks += [_without(chart) for chart in charts if chart.without]
    remarks += [f"{plural(found, 'curve')} drawn from a preview; the whole is in the store"] if found else []
    charts = [chart for chart in charts if chart.series]
    if not charts:
        raise BlockError("there is nothing to draw: these runs have no such curves", key="chart")
    log = block.settings.get("log") is True
    return Charts(_title(block), tuple(charts), _values(charts), log, tuple(remarks))


def _title(block: Block) -> str:
    return said(block, "title") or ""


def _metrics(lookup: Lookup, block: Block) -> list[str]:
    """Return the metrics that names and patterns mean."""
    known = sorted(lookup.keys.of("metrics"))
    found: dict[str, None] = {}
    for text in names(block, "chart"):
        key = text if text in known else text.removeprefix("metrics.")
        matching = [key] if key in known else [each for each in known if fnmatchcase(each, key)]
        if not matching:
            raise _no_metric(key, known, "chart")
        found.update(dict.fromkeys(matching))
    if len(found) > _MOST_CHARTS:
        raise BlockError(f"that is {len(found):,} metrics; a block draws {_MOST_CHARTS} at most", key="chart")
    return list(found)


def _axis(lookup: Lookup, block: Block) -> Axis:
    axis = Axis.parse(said(block, "x") or "step")
    known = lookup.keys.of("metrics")
    if axis.kind == "metric" and axis.metric not in known:
        raise _no_metric(axis.metric, [*known, "step", "time", "relative"], "x")
    return axis


def _no_metric(name: str, known: Sequence[str], key: str) -> BlockError:
    near = near_names(name, known)
    meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    what = "is neither step, time, relative nor a metric" if key == "x" else "is a metric of no run"
    hint = "" if near or not known else f"there are {listed(known)}"
    return BlockError(f"{name!r:.80} {what}{meant}", hint, key=key)


def _runs(lookup: Lookup, block: Block, metrics: Sequence[str]) -> tuple[list[RecordedRun], list[str]]:
    selectors = names(block, "runs")
    if selectors:
        with blaming("runs"):
            named = [lookup.repo.run(selector) for selector in selectors]
        return list({run.id: run for run in named}.values()), []
    limit = whole_number(block, "limit", _RUNS)
    having: list[Filter] = [Not(IsNull(Field("metrics", key))) for key in metrics]
    found = find_runs(lookup, block, "where", limit, having=having[0] if len(having) == 1 else Or(tuple(having)))
    more = found.total > len(found)
    return list(found), [f"the newest {len(found):,} of {plural(found.total, 'run')}"] if more else []


def _drawn(runs: Sequence[RecordedRun], keys: set[str]) -> tuple[int, list[DrawnRun]]:
    """Return runs with their curves, and how many of these are previews: what is in the store is not waited for."""
    from gtrack.ops.curves import preview_of

    previews, drawn = 0, []
    for run in runs:
        wanted = sorted(keys & run.state.metrics.keys())
        table = run.curves(wanted, preview=True) if wanted else None
        previews += table is not None and preview_of(table) is not None
        label = shortened(f"{run.name} ({run.id[:SHORT]})", _LABEL + SHORT)
        curves = {} if table is None else curves_of(table)
        drawn.append(DrawnRun(run.id, run.name, label, run.started, run.state.metrics, curves))
    return previews, drawn


def _without(chart: Chart) -> str:
    over = f" at a step with {shortened(chart.axis.metric)}" if chart.axis.kind == "metric" else ""
    return f"no {shortened(chart.metric)}{over}: {listed(chart.without)}"


def _values(charts: Sequence[Chart]) -> Grid:
    """Return the last and best values of every line."""
    several = len(charts) > 1
    goals = any(chart.goal for chart in charts)
    heads = [Heading("run"), Heading("last", True), Heading("at step", True)]
    heads += [Heading("best", True), Heading("at step", True)] if goals else []
    lines = [(chart, one) for chart in charts for one in chart.series]
    rows = [
        ((Cell(shortened(chart.metric), chart.metric),) if several else ()) + tuple(_line(chart, one, goals))
        for chart, one in lines
    ]
    first = [Heading("metric")] if several else []
    return Grid("Values", (*first, *heads), tuple(rows), tuple(one.run for _, one in lines))


def _line(chart: Chart, one: Series, goals: bool) -> list[Cell]:
    summary = one.summary
    last, step = (summary.last, summary.step) if summary else (float(one.y[-1]), int(one.step[-1]))
    cells = [Cell(one.title, one.title), Cell(value_text(last), last), Cell(str(step), step)]
    if goals:
        low = chart.goal is not None and chart.goal.direction == "min"
        known = summary if chart.goal is not None else None
        best = None if known is None else known.min if low else known.max
        at = None if known is None else known.argmin if low else known.argmax
        cells += [Cell(value_text(best), best), Cell(value_text(at), at)]
    return cells
