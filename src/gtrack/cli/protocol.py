"""An experiment's protocol as people read it, and what makes one doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gtrack.cli.measured import mean_and_spread
from gtrack.cli.output import Column
from gtrack.cli.standings import describe_goal
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.clock import iso, now_ns
from gtrack.display.words import ago, instant, plural, value_text
from gtrack.ids import SHORT
from gtrack.index.filter import fields, parse
from gtrack.model.goal import usual_direction
from gtrack.ops.goals import near_names, test_metric_warning
from gtrack.ops.leaderboard import Row, value_of
from gtrack.ops.overview import Overview
from gtrack.ops.rivals import Rivals
from gtrack.text import clean

__all__ = ["describe_protocol", "doubts", "overview_columns", "overview_rows"]


def describe_protocol(found: Rivals) -> str:
    """Return a protocol in a line."""
    state = found.protocol
    said = []
    if state.metric is not None:
        said.append(f"{clean(state.metric)}, {describe_goal(found.goal(state.metric))}")
    if state.floor is not None:
        total = found.facts.total
        met = total if found.good is None else len(found.good)
        said.append(f"floor {clean(state.floor)} (met by {met:,} of {plural(total, 'run')})")
    if state.baseline is not None:
        name = f" {clean(found.baseline.name)}" if found.baseline else ""
        said.append(f"baseline {state.baseline[:SHORT]}{name}")
    return "; ".join(said) or "nothing is set that runs are compared by"


def doubts(found: Rivals, changes: Mapping[str, object | None], near: Sequence[str] = ()) -> list[str]:
    """Return what somebody should hear who has just changed a protocol: slips, and what others say otherwise.

    Args:
        found: The experiment as it is now.
        changes: What was set.
        near: Experiments with runs that may have been meant, where this one has none.
    """
    out = [] if found.facts.total else [f"no run is of an experiment {clean(found.protocol.name)} yet{_meant(near)}"]
    if changes.get("metric") is not None or changes.get("goal") is not None:
        out += _about_metric(found)
    if changes.get("floor") is not None:
        out += _about_floor(found)
    if changes.get("baseline") is not None:
        out += _about_baseline(found)
    return out


def _about_metric(found: Rivals) -> Iterator[str]:
    state, key = found.protocol, found.protocol.metric
    if key is None:
        return
    shown = clean(key)
    metrics = found.facts.metrics
    if found.facts.total and key not in metrics:
        yield f"no run of it has a metric {shown} yet{_meant(near_names(key, metrics))}"
    if (warning := test_metric_warning(key)) is not None:
        yield f"warning: {clean(warning)}"
    goal, declared, usual = found.goal(key), found.facts.declared_goal(key), usual_direction(key)
    if goal is None:
        yield f"nobody says which way {shown} is better: add --goal min or --goal max"
    elif state.goal is not None and declared not in (None, state.goal):
        yield f"the runs' define_metric says {declared} of {shown}; the experiment's {state.goal} stands"
    elif state.goal is not None and declared is None and usual not in (None, state.goal):
        yield f"by its name {shown} would be better {'lower' if usual == 'min' else 'higher'}; {state.goal} stands"


def _about_floor(found: Rivals) -> Iterator[str]:
    if found.protocol.floor is None or not found.facts.total:
        return
    known = found.facts.metrics
    for field in sorted(fields(parse(found.protocol.floor)), key=str):
        if field.scope == "metrics" and field.key not in known:
            near = near_names(field.key, known)
            yield f"no run of it has the floor's metric {clean(field.key)} yet{_meant(near)}"
    if found.good is not None and not found.good:
        yield "no run of it meets that floor"


def _about_baseline(found: Rivals) -> Iterator[str]:
    state, run = found.protocol, found.baseline
    if run is None:
        return
    if run.experiment != state.name:
        yield f"the baseline is of the experiment {clean(run.experiment)}"
    if run.deleted:
        yield "the baseline is deleted"
    if run.status != "finished":
        yield f"the baseline is {clean(run.status)}, not finished"
    if state.metric is not None and state.metric not in run.metrics:
        yield f"the baseline has no {clean(state.metric)}"
    if found.good is not None and run.id not in found.good and run.experiment == state.name:
        yield "the baseline does not meet the floor"


def _meant(close: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(clean(key) for key in close)}?" if close else ""


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
