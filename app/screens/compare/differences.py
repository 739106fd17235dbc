"""The part of the page that shows what differs, and only that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from gtrack._app.differing.data import data_of
from gtrack._app.differing.grid import Cell, Grid, heads_of, show_grid
from gtrack._app.differing.leaves import PARTS, leaf_grid
from gtrack._app.differing.metrics import BY, Metrics, groups_of, metrics_by_group, metrics_by_run
from gtrack._app.link import Link
from gtrack._app.parts import remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.compare.runs import Compared
from gtrack.display.goals import Goals
from gtrack.display.words import ago, duration, plural

__all__ = ["Found", "show_differences", "summary"]

_ORDER = ("run", "params", "metrics", "tags", "data", "environment", "packages", "seed", "code")
_TITLES = {**{name: title for name, (title, _) in PARTS.items()}, "metrics": "Metrics", "data": "Data"}
_NOUNS = {"params": "param", "metrics": "metric", "tags": "tag", "packages": "package"}
_WORTH_SAYING = ("params", "metrics", "data", "environment", "seed")
_MOST_ROWS = 500
_MOST_NAMED = 3
_BY_NAMES = {"run": "Each run", "configuration": "Seeds as one", "group": "Groups"}


@dataclass(frozen=True, slots=True)
class Found:
    """What a comparison found.

    Attributes:
        grids: A table for each part.
        metrics: The metrics, and what is to be said of them.
        lines: What is to be said of the data.
    """

    grids: Mapping[str, Grid]
    metrics: Metrics
    lines: tuple[str, ...] = ()


def show_differences(now: Reading, link: Link, runs: Compared) -> None:
    """Show the parts of a comparison in which something differs, as one table with a column for each run."""
    every, find = bool(link["every"]), link["find"].strip().casefold()
    by = _controls(link, runs)
    found = _read(now, runs, every, by)
    if not every:
        st.markdown(f"**{markdown(summary(found, runs))}**")
    together = by == "run"
    parts = {name: _found(grid, find) for name, grid in found.grids.items()}
    if not find:
        parts["run"] = Grid(parts["run"].heads, [*parts["run"].rows, *_when(now, runs)])
    heads = ["", *heads_of(runs.runs, runs.reference.id)]
    rows = _sections({name: grid for name, grid in parts.items() if together or name != "metrics"})
    if not together and parts["metrics"].rows:
        show_grid(parts["metrics"], "metrics of groups of runs")
        _notes(found.metrics)
    show_grid(Grid(heads, rows[:_MOST_ROWS], [run.id for run in runs.runs]), f"what differs in {len(runs.runs)} runs")
    if len(rows) > _MOST_ROWS:
        remark(f"{len(rows) - _MOST_ROWS:,} more lines: look for one by its name")
    if together and parts["metrics"].rows:
        _notes(found.metrics)
    if found.lines:
        st.caption("\n".join(f"- {markdown(line)}" for line in found.lines))


def summary(found: Found, runs: Compared) -> str:
    """Return in a line what differs, and what does not, as ``gtrack diff`` says it."""
    if len(runs.runs) < 2:
        return "There is no other run to compare with."
    told = [text for name in _ORDER if (text := _told(name, found.grids[name]))]
    if not told:
        return "Nothing that is recorded differs."
    same = [name for name in _WORTH_SAYING if not found.grids[name].rows and getattr(runs.reference, name)]
    return f"Differ in {', '.join(told)}" + (f"; same {', '.join(same)}." if same else ".")


def _told(name: str, grid: Grid) -> str:
    names = [row[0].text for row in grid.rows]
    if name == "run":
        return ", ".join(fact for fact in ("status", "error") if any(key.startswith(fact) for key in names))
    if not names or name not in _NOUNS:
        return _TITLES[name].lower() if names else ""
    said = plural(len(names), _NOUNS[name])
    if name != "metrics":
        return said + (f" ({', '.join(cell(key, 40) for key in names)})" if len(names) <= _MOST_NAMED else "")
    tones = [one.tone for row in grid.rows for one in row[1:]]
    verdicts = [f"{count} {tone}" for tone in ("better", "worse") if (count := tones.count(tone))]
    return said + (f" ({', '.join(verdicts)})" if verdicts and len(grid.heads) == 3 else "")


def _sections(parts: Mapping[str, Grid]) -> list[Sequence[Cell]]:
    """Return the lines of all parts, each below its title."""
    rows: list[Sequence[Cell]] = []
    for name in _ORDER:
        grid = parts.get(name)
        if grid is not None and grid.rows:
            rows.append([Cell(_TITLES[name], tone="title"), *(Cell("") for _ in grid.heads[1:])])
            rows += grid.rows
    return rows


def _controls(link: Link, runs: Compared) -> str:
    """Show what changes how differences are shown; return what a column of metrics is."""
    possible = [by for by in BY if by == "run" or len(groups_of(runs.runs, by)) < len(runs.runs)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.toggle("All values", help="Also what is the same in all runs", **link.widget("every"))
        st.text_input("Find", placeholder="Name of a param, metric, package", width=260, **link.widget("find"))
        if len(possible) > 1:
            if link["by"] not in possible:
                link.put(by="run")
            st.segmented_control(
                "Metrics of", possible, format_func=_BY_NAMES.__getitem__, required=True, **link.widget("by")
            )
    return str(link["by"]) if link["by"] in possible else "run"


def _read(now: Reading, runs: Compared, every: bool, by: str) -> Found:
    goals = Goals(now.repo)

    def answer() -> Found:
        states = runs.runs
        grids = {name: leaf_grid(states, facts, "", every=every) for name, (_, facts) in PARTS.items()}
        if by == "run":
            metrics = metrics_by_run(states, lambda key: goals.among(key, states), every=every)
        else:
            metrics = metrics_by_group(groups_of(states, by), lambda key: goals.among(key, states))
        data = data_of(states, every=every)
        return Found({**grids, "metrics": metrics.grid, "data": data.grid}, metrics, data.lines)

    return now.kept("compare.differences", (tuple(run.id for run in runs.runs), every, by), answer)


def _when(now: Reading, runs: Compared) -> list[list[Cell]]:
    """Return what differs anyway, and tells runs from one another: when, and how long."""
    return [
        [Cell("started"), *(Cell(ago(run.started, now.now_us)) for run in runs.runs)],
        [Cell("duration"), *(Cell(duration(run.duration)) for run in runs.runs)],
    ]


def _notes(metrics: Metrics) -> None:
    lines = [*metrics.notes]
    if metrics.equal:
        lines.append(f"{plural(metrics.equal, 'metric')} equal")
    if lines:
        st.caption(" · ".join(markdown(line) for line in lines))


def _found(grid: Grid, wanted: str) -> Grid:
    """Return the lines whose name has a text in it."""
    if not wanted:
        return grid
    return Grid(grid.heads, [row for row in grid.rows if wanted in row[0].text.casefold()])
