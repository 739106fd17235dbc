"""Which runs the charts draw: the selected ones, or the newest or the best of those that match."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from gtrack._app.asking import Asked
from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack.display.goals import Goals
from gtrack.display.main_metrics import main_of
from gtrack.ids import is_run_id
from gtrack.index.fields import Field
from gtrack.index.filter import In, Prefix
from gtrack.index.query import Order, Query
from gtrack.model.goal import Goal
from gtrack.model.state import RunState

__all__ = ["MOST", "Chosen", "chosen_runs", "order_of", "rankings", "stamp_of"]

MOST = 100
"""The most runs that are drawn at once."""
_RANKINGS = 8


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs to draw.

    Attributes:
        states: They, in the order of the legend.
        total: How many match, of which these are the first.
        selected: They were selected one by one, whatever the filter says.
        best: The metric that they are the best by; empty for the newest.
        baseline: The id of the run that others are compared with, where all are of one experiment that has one.
        goals: Which way metrics are better, where somebody said so, by metric.
    """

    states: tuple[RunState, ...] = ()
    total: int = 0
    selected: bool = False
    best: str = ""
    baseline: str | None = None
    goals: tuple[tuple[str, Goal], ...] = ()


def chosen_runs(now: Reading, link: Link, asked: Asked) -> Chosen:
    """Return the runs to draw.

    Args:
        now: The repository.
        link: The page's settings: ``runs``, ``count`` and ``best`` count here.
        asked: The question that the filter asks.
    """
    ids = tuple(link["runs"])[:MOST]
    count, best = min(max(1, link["count"]), MOST), link["best"]
    return now.kept("charts.runs", (ids, asked.key, count, best), lambda: _chosen(now, ids, asked, count, best))


def rankings(now: Reading, asked: Asked) -> dict[str, Goal]:
    """Return the metrics by which runs can be the best: those that matter most, where it is known what is better."""

    def answer() -> dict[str, Goal]:
        facts = now.repo.facts(asked.query)
        main = main_of(facts.metrics, set[str]().union(*facts.declared.values()), _RANKINGS)
        goals = Goals(now.repo)
        protocol = goals.protocol_of(facts.experiments)
        if protocol is not None and protocol.metric and protocol.metric in facts.metrics:
            main = list(dict.fromkeys([protocol.metric, *main]))
        return {key: goal for key in main if (goal := goals.of(key, asked.query.experiments)) is not None}

    return now.kept("charts.rankings", asked.key, answer)


def order_of(metric: str, goal: Goal) -> Order:
    """Return what sorts runs by a metric, the best first: by their best value where a goal was declared, or last."""
    return Order(
        Field("metrics", metric, goal.direction if goal.declared else "last"), descending=goal.direction == "max"
    )


def stamp_of(now: Reading, states: Sequence[RunState]) -> Hashable:
    """Return what the curves of runs follow from: while it is the same, so are they."""
    settled = all(state.ended is not None and not state.live for state in states)
    facts = tuple((state.id, state.ended, len(state.sessions), len(state.metrics)) for state in states)
    return now.repo.common_dir, facts, "" if settled else now.mark


def _chosen(now: Reading, ids: Sequence[str], asked: Asked, count: int, best: str) -> Chosen:
    if ids:
        found = _states(now, ids)
        return _with_goals(now, Chosen(found, len(found), selected=True))
    goal = rankings(now, asked).get(best)
    order = () if goal is None else (order_of(best, goal),)
    runs = now.repo.find(replace(asked.query, order=order, limit=count))
    return _with_goals(now, Chosen(tuple(run.state for run in runs), runs.total, best=best if order else ""))


def _states(now: Reading, ids: Sequence[str]) -> tuple[RunState, ...]:
    """Return the runs of these ids, as far as there are any: an address may name what is not here."""
    wanted = [run_id for run_id in dict.fromkeys(ids) if is_run_id(run_id)]
    if not wanted:
        return ()
    query = Query(where=In(Field("attributes", "id"), tuple(map(Prefix, wanted))), deleted=None)
    found = {run.id: run.state for run in now.repo.find(query)}
    return tuple(found[run_id] for run_id in wanted if run_id in found)


def _with_goals(now: Reading, chosen: Chosen) -> Chosen:
    goals = Goals(now.repo)
    protocol = goals.protocol(chosen.states)
    known = {key for state in chosen.states for key, summary in state.metrics.items() if summary.goal}
    if protocol is not None and protocol.metric:
        known.add(protocol.metric)
    found = tuple((key, goal) for key in sorted(known) if (goal := goals.among(key, chosen.states)) is not None)
    return replace(chosen, baseline=None if protocol is None else protocol.baseline, goals=found)
