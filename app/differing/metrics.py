"""The metrics of runs against those of a reference: by run, or by the runs of one configuration with an interval."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from gtrack._app.differing.grid import Cell, Grid, heads_of
from gtrack._app.safe import cell
from gtrack.display.measured import measured
from gtrack.display.ranking import describe_goal
from gtrack.display.words import plural
from gtrack.ids import SHORT
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import Sample, sample, welch
from gtrack.ops.ablation import verdict_of
from gtrack.ops.compare import GoalOf, MetricDifference, compare
from gtrack.ops.leaderboard import configuration, value_of
from gtrack.ops.side_by_side import side_by_side

__all__ = ["BY", "Metrics", "groups_of", "metrics_by_group", "metrics_by_run"]

BY = ("run", "configuration", "group")
"""What a column of metrics may be."""
_SIGNS = {"better": "✓", "worse": "✗", "equal": "=", "different": "≠", "no difference seen": "≈"}
_BEST = "★"
_ABSENT = Cell("—", tone="faint")


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics as a table.

    Attributes:
        grid: The table.
        equal: How many metrics are equal in all runs, and left out.
        notes: What the signs and numbers mean, as far as they are there.
    """

    grid: Grid
    equal: int = 0
    notes: tuple[str, ...] = ()


def metrics_by_run(runs: Sequence[RunState], goal_of: GoalOf, *, every: bool = False) -> Metrics:
    """Return a line for each metric, a column for each run; all numbers are those of ``gtrack diff``.

    Args:
        runs: The runs, the reference first.
        goal_of: Tells which way a metric is better.
        every: Metrics that are equal in all runs too.
    """
    lines = [line for line in side_by_side(runs, goal_of).lines if line.part == "metrics"]
    against = [{m.key: m for m in compare(runs[0], run, goal_of).metrics} for run in runs[1:]]
    rows, goals, equal, signs = [], [], 0, set()
    for line in lines:
        found = [one.get(line.key) for one in against]
        if found and all(one is None or one.verdict == "equal" for one in found):
            equal += 1
            if not every:
                continue
        row = [Cell(_label(line.key, line.goal)), _value(line.values[0], star=len(runs) > 2 and 0 in line.best)]
        for at, one in enumerate(found, 1):
            row.append(_against(line.values[at], one, star=len(runs) > 2 and at in line.best))
            signs.add("" if one is None else one.verdict)
        rows.append(row)
        goals.append((line.key, line.goal))
    notes = _notes(signs, goals)
    if any(_BEST in one.text for row in rows for one in row):
        notes.insert(0, f"{_BEST} best of all")
    return Metrics(Grid(["Metric", *heads_of(runs, runs[0].id)], rows), 0 if every else equal, tuple(notes))


def groups_of(runs: Sequence[RunState], by: str) -> list[list[RunState]]:
    """Return runs that are one configuration, or of one group; the reference's first, in the runs' order.

    Args:
        runs: The runs, the reference first.
        by: One of :data:`BY`.
    """
    found: dict[Hashable, list[RunState]] = {}
    for run in runs:
        key: Hashable = run.id
        if by == "configuration":
            key = configuration(run)
        elif by == "group" and run.group is not None:
            key = ("group", run.group)
        found.setdefault(key, []).append(run)
    return list(found.values())


def metrics_by_group(groups: Sequence[Sequence[RunState]], goal_of: GoalOf) -> Metrics:
    """Return a line for each metric, a column for each group: mean and spread, and Welch's 95 % interval.

    Args:
        groups: The runs of each, the reference's first.
        goal_of: Tells which way a metric is better.
    """
    runs = [run for group in groups for run in group]
    lines = [line for line in side_by_side(runs, goal_of).lines if line.part == "metrics"]
    rows, goals, signs = [], [], set()
    for line in lines:
        samples = [_sample(group, line.key, line.goal) for group in groups]
        row = [Cell(_label(line.key, line.goal)), _mean(samples[0])]
        for one in samples[1:]:
            delta = welch(one, samples[0])
            verdict = verdict_of(delta, line.goal)
            if not one.n or not samples[0].n:
                row.append(_mean(one))
                continue
            signs.add(verdict)
            note = f"{_SIGNS.get(verdict, '')} {measured(delta.difference, delta.half_width, signed=True)}".strip()
            row.append(Cell(_mean(one).text, note, verdict if verdict in ("better", "worse") else ""))
        rows.append(row)
        goals.append((line.key, line.goal))
    notes = ["±: standard deviation of the runs; of a difference, half of Welch's 95 % interval"]
    notes += _notes(signs, goals)
    if "one run" in signs:
        notes.append("one run says nothing about the spread: with more seeds there would be an interval")
    return Metrics(Grid(["Metric", *_group_heads(groups)], rows), 0, tuple(notes))


def delta_text(found: MetricDifference) -> str:
    """Return a difference as ``gtrack diff`` writes it.

    Example:
        >>> delta_text(compare(base, run, goals).metrics[0])
        '-0.003704 (-0.38%)'
    """
    if found.delta is None or math.isnan(found.delta):
        return ""
    share = "" if found.relative is None else f" ({found.relative:+.2%})"
    return f"{found.delta:+.4g}{share}"


def _against(value: object, found: MetricDifference | None, *, star: bool) -> Cell:
    if found is None or value is None:
        return _ABSENT
    if found.delta is None:
        return _value(value, star=star)
    sign = _SIGNS.get(found.verdict, "")
    if found.verdict == "equal":
        return Cell(_value(value, star=star).text, sign, "faint")
    tone = found.verdict if found.verdict in ("better", "worse") else ""
    return Cell(_value(value, star=star).text, f"{sign} {delta_text(found)}".strip(), tone)


def _value(value: object, *, star: bool) -> Cell:
    if not isinstance(value, float):
        return _ABSENT
    return Cell(f"{value:.6g}" + (f" {_BEST}" if star else ""))


def _mean(of: Sample) -> Cell:
    if not of.n:
        return Cell(f"NaN ({plural(of.nan, 'run')})") if of.nan else _ABSENT
    nan = f", {of.nan} NaN" if of.nan else ""
    return Cell(f"{measured(of.mean, of.std)} (n={of.n}{nan})")


def _sample(runs: Sequence[RunState], key: str, goal: Goal | None) -> Sample:
    values = (value_of(run, key, goal) for run in runs)
    return sample(value for value in values if value is not None)


def _label(key: str, goal: Goal | None) -> str:
    return f"{key} ({goal.direction})" if goal is not None and goal.declared else key


def _notes(signs: set[str], goals: Sequence[tuple[str, Goal | None]]) -> list[str]:
    """Return what the signs mean, and which directions are guesses."""
    words = {"different": "another value", "equal": "the same"}
    notes = [", ".join(f"{sign} {words.get(name, name)}" for name, sign in _SIGNS.items() if name in signs)]
    guessed: dict[str, list[str]] = {}
    for key, goal in goals:
        if goal is None or not goal.declared:
            guessed.setdefault(describe_goal(goal), []).append(cell(key, 40))
    for told, keys in guessed.items():
        more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
        notes.append(f"{', '.join(keys[:5])}{more}: {told}")
    return [note for note in notes if note]


def _group_heads(groups: Sequence[Sequence[RunState]]) -> list[str]:
    heads = []
    for at, group in enumerate(groups):
        first, more = group[0], f" and {len(group) - 1} more" if len(group) > 1 else ""
        named = {run.group for run in group}
        name = first.group if len(group) > 1 and len(named) == 1 and first.group else first.name
        mark = " (reference)" if at == 0 else ""
        heads.append(f"{cell(name, 48)} · {first.id[:SHORT]}{more}{mark}")
    return heads
