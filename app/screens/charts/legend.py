"""How runs are told apart in all charts of the page, and which are hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.colours import inks
from gtrack._app.safe import cell
from gtrack._app.screens.charts.groups import group_names
from gtrack.ids import SHORT
from gtrack.model.state import RunState

__all__ = ["COLOUR_ONLY", "Entry", "Legend", "hidden_after", "legend_of"]

COLOUR_ONLY = "colour"
"""The band of groups that have no mean: their runs are drawn one by one, in the group's colour."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the legend: a run, or a group of runs.

    Attributes:
        name: What it is called: clean text.
        colour: Its colour.
        dash: Its line's pattern.
        ids: The runs it stands for.
        run: The id of the run, of one that stands for a single one; else empty.
        hidden: Its curves are not drawn.
        live: It is still being written.
        strong: It is drawn stronger than the others.
    """

    name: str
    colour: str
    dash: str
    ids: tuple[str, ...]
    run: str = ""
    hidden: bool = False
    live: bool = False
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Legend:
    """The runs of the page as charts know them.

    Attributes:
        runs: Those that are drawn.
        entries: The lines of the legend, those that are hidden included.
        by: What they are grouped by; empty for nothing.
    """

    runs: tuple[ChartRun, ...] = ()
    entries: tuple[Entry, ...] = ()
    by: str = ""


def legend_of(
    states: Sequence[RunState],
    *,
    hidden: Collection[str] = (),
    strong: Collection[str | None] = (),
    by: str = "",
    band: str = "",
) -> Legend:
    """Return the legend of runs.

    Args:
        states: The runs.
        hidden: The ids of those that are not drawn.
        strong: The ids of those that are drawn stronger: the baseline, and what was clicked.
        by: What to group them by; see :func:`gtrack._app.screens.charts.groups.group_names`.
        band: What is drawn of a group; :data:`COLOUR_ONLY` for its runs one by one.

    Raises:
        UsageError: There is no such field to group by.
    """
    own = inks(state.id for state in sorted(states, key=lambda state: (state.started or 0, state.id)))
    names = _names(states)
    runs = [
        ChartRun(
            state.id, names[state.id], own[state.id].colour, own[state.id].dash, None, state.id in strong, state.started
        )
        for state in states
    ]
    live = {state.id for state in states if state.live}
    if not by:
        entries = [
            Entry(run.name, run.colour, run.dash, (run.id,), run.id, run.id in hidden, run.id in live, run.emphasis)
            for run in runs
        ]
        return Legend(_shown(runs, hidden), tuple(entries))
    groups = group_names(states, by)
    of_groups = inks(groups)
    if band == COLOUR_ONLY:
        runs = [
            replace(run, colour=of_groups[group].colour, dash="solid") for run, group in zip(runs, groups, strict=True)
        ]
    else:
        runs = [replace(run, group=group) for run, group in zip(runs, groups, strict=True)]
    members: dict[str, list[str]] = {}
    for run, group in zip(runs, groups, strict=True):
        members.setdefault(group, []).append(run.id)
    entries = [
        Entry(
            f"{group} ({len(ids)})",
            of_groups[group].colour,
            of_groups[group].dash if band != COLOUR_ONLY else "solid",
            tuple(ids),
            hidden=all(run_id in hidden for run_id in ids),
            live=not live.isdisjoint(ids),
        )
        for group, ids in members.items()
    ]
    return Legend(_shown(runs, hidden), tuple(entries), by)


def hidden_after(entries: Sequence[Entry], hidden: Sequence[str], ids: Iterable[str], *, only: bool) -> tuple[str, ...]:
    """Return the ids of the runs that are hidden after somebody clicked on a line of the legend.

    Args:
        entries: The legend.
        hidden: What is hidden now; runs that are not in the legend stay so.
        ids: The runs of the line.
        only: Show these alone; all again where these are alone already.

    Example:
        >>> hidden_after(entries, (), ["a"], only=False)
        ('a',)
    """
    here = [run_id for entry in entries for run_id in entry.ids]
    clicked = [run_id for run_id in here if run_id in set(ids)]
    elsewhere = tuple(run_id for run_id in hidden if run_id not in set(here))
    if not clicked:
        return tuple(hidden)
    now = {run_id for run_id in here if run_id in set(hidden)}
    if only:
        others = set(here) - set(clicked)
        now = set() if now == others else others
    elif now >= set(clicked):
        now -= set(clicked)
    else:
        now |= set(clicked)
    return (*elsewhere, *(run_id for run_id in here if run_id in now))


def _shown(runs: Iterable[ChartRun], hidden: Collection[str]) -> tuple[ChartRun, ...]:
    return tuple(run for run in runs if run.id not in hidden)


def _names(states: Sequence[RunState]) -> dict[str, str]:
    """Return the runs' names, with the beginning of the id where several have the same."""
    count = Counter(state.name for state in states)
    return {
        state.id: cell(state.name if count[state.name] == 1 else f"{cell(state.name, 80)} {state.id[:SHORT]}", 100)
        for state in states
    }
