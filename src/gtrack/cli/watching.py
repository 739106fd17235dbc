"""Looking at live runs again and again: which there are, how far they have come, and what has happened since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.cli.curves import drawn_run, wanted_metrics
from gtrack.clock import iso
from gtrack.display.goals import Goals
from gtrack.display.words import duration, value_text
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.plot.charts import DrawnRun
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.index.filter import Filter
    from gtrack.index.query import Query
    from gtrack.reader import RecordedRun, Repo

__all__ = ["Glance", "Happenings", "Watch", "last_step"]

_JUST_US = 10 * 60 * 1_000_000
"""For how long a run that has ended is shown among those that run."""
_MOST_ENDED = 20
"""So many of these are shown, for a search of hundreds is no list to follow."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look saw.

    Attributes:
        runs: The runs to show, as they are drawn: those that run first, the newest first.
        states: The states of all runs, in the same order; those behind the runs to show are only counted.
        metrics: The metrics to show; the first is the main one.
        goals: Their goals, where anybody knows.
        now_us: When it was, microseconds since the epoch.
    """

    runs: tuple[DrawnRun, ...]
    states: tuple[RunState, ...]
    metrics: tuple[str, ...]
    goals: dict[str, Goal]
    now_us: int


class Watch:
    """Looks at runs. Every look asks the index anew, and reads the curves of those runs that have logged since.

    Args:
        repo: The repository.
        ids: The runs to look at; by default those that run, and those that ended a moment ago.
        where: Of these only those that match.
        experiment: Of these only an experiment's.
        metrics: The metrics to show, as keys and patterns; the main ones by default.
    """

    def __init__(
        self, repo: Repo, *, ids: Sequence[str], where: str | None, experiment: str | None, metrics: Sequence[str]
    ) -> None:
        self._repo = repo
        self._query = _query(ids, where, experiment)
        self._most_ended = None if ids else _MOST_ENDED
        self._patterns = tuple(metrics)
        self._drawn: dict[str, tuple[tuple[object, ...], DrawnRun]] = {}

    def look(self, now_us: int) -> Glance:
        """Look once.

        Raises:
            GtrackError: The repository cannot be read.
        """
        found = list(self._repo.find(self._query))
        found.sort(key=lambda run: run.status != "running")  # stable: the newest first among each
        states = tuple(run.state for run in found)
        known = Goals(self._repo)  # anew: what an experiment is compared by can be said while its runs are watched
        protocol = known.protocol(states)
        metrics = self._metrics(states, None if protocol is None else protocol.metric)
        drawn = {run.id: self._draw(run, metrics) for run in self._shown(found)}
        self._drawn = {run_id: self._drawn[run_id] for run_id in drawn}
        goals = {key: goal for key in metrics if (goal := known.among(key, states)) is not None}
        return Glance(tuple(drawn.values()), states, metrics, goals, now_us)

    def _shown(self, runs: Sequence[RecordedRun]) -> Sequence[RecordedRun]:
        if self._most_ended is None:
            return runs
        running = sum(run.status == "running" for run in runs)
        return runs[: running + self._most_ended]

    def _metrics(self, states: Sequence[RunState], first: str | None) -> tuple[str, ...]:
        if not self._patterns:
            return tuple(wanted_metrics((), states, first))
        chosen = []
        for pattern in self._patterns:
            try:
                chosen += wanted_metrics([pattern], states)
            except UsageError:  # it may be logged later
                chosen.append(pattern)
        return tuple(dict.fromkeys(chosen))

    def _draw(self, run: RecordedRun, metrics: tuple[str, ...]) -> DrawnRun:
        """Return a run with its curves, which are read again only when there is something new in them."""
        sums = run.state.metrics
        mark = (run.name, *((key, sums[key].count, sums[key].time) for key in metrics if key in sums))
        known = self._drawn.get(run.id)
        if known is None or known[0] != mark:
            known = self._drawn[run.id] = mark, drawn_run(run, set(metrics))
        return known[1]


class Happenings:
    """Tells in words what has happened between two looks, and remembers the last.

    Args:
        ended: Tell at the first look of runs that have ended already as well.
    """

    def __init__(self, *, ended: bool) -> None:
        self._ended = ended
        self._known: dict[str, RunState] = {}
        self._first = True

    def since(self, glance: Glance) -> Iterator[str]:
        """Yield a line for every run that started or ended, and for every new best value of the main metric."""
        for state in reversed(glance.states):
            yield from (f"{iso(glance.now_us)[:19]}Z {text}" for text in self._of(state, glance))
        self._first = False

    def _of(self, state: RunState, glance: Glance) -> Iterator[str]:
        who = f"{state.id[:SHORT]} {clean(state.name)}"
        before = self._known.get(state.id)
        self._known[state.id] = state
        values = _values(state, glance)
        if before is None:
            running = state.status == "running"
            if running or self._ended or not self._first:
                yield f"{who} {'started' if running and not self._first else clean(state.status)}{values}"
        elif before.status != state.status:
            took = f" after {duration(state.duration)}" if state.status != "running" else ""
            yield f"{who} {clean(state.status)}{took}{values}"
        else:
            yield from _new_best(who, before, state, glance)


def _new_best(who: str, before: RunState, state: RunState, glance: Glance) -> Iterator[str]:
    """Yield a line when the main metric is better than ever before; without a goal nobody knows what is better."""
    key = next(iter(glance.metrics), None)
    goal = glance.goals.get(key or "")
    if key is None or goal is None or key not in state.metrics:
        return
    low = goal.direction == "min"
    now = state.metrics[key]
    best, step = (now.min, now.argmin) if low else (now.max, now.argmax)
    old = (before.metrics[key].min if low else before.metrics[key].max) if key in before.metrics else None
    if best is not None and best != old:
        yield f"{who} new best {clean(key)} {value_text(best)} at step {step}"


def _values(state: RunState, glance: Glance) -> str:
    shown = [f"{clean(key)}={value_text(state.metrics[key].last)}" for key in glance.metrics if key in state.metrics]
    step = last_step(state)
    return (f" at step {step}" if step is not None else "") + (f": {', '.join(shown)}" if shown else "")


def last_step(state: RunState) -> int | None:
    """Return the highest step that a run has reached; None before it logged anything."""
    return max((summary.step for summary in state.metrics.values()), default=None)


def _query(ids: Sequence[str], where: str | None, experiment: str | None) -> Query:
    from gtrack.index.filter import Ago, And, Compare, Field, In, Or, Prefix, parse
    from gtrack.index.query import Query

    if ids:
        asked: Filter = In(Field("attributes", "id"), tuple(Prefix(run_id) for run_id in ids))
    else:
        running = Compare(Field("attributes", "status"), "=", "running")
        asked = Or((running, Compare(Field("attributes", "ended"), ">=", Ago(_JUST_US))))
    parts = (asked,) if where is None else (parse(where), asked)
    return Query(And(parts) if len(parts) > 1 else asked, () if experiment is None else (experiment,))
