"""What is to be known of the runs that a question selects, without reading every one of them whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from gtrack.index.columns import Column, Line, line_of, newest_first
from gtrack.index.facts import IndexedRuns
from gtrack.index.query import Query
from gtrack.index.rows import moment_of
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.ops.collecting import without_collection
from gtrack.ops.view import View

__all__ = ["RunFacts"]

T = TypeVar("T")


class RunFacts:
    """The runs that a question selects, asked for facts. The same in every way as going through them all.

    Args:
        view: Where the runs are.
        query: Which runs; order and limit do not matter.
        whole: Runs that they are some of: all of the experiments that are asked for.

    Raises:
        UsageError: The filter names a revision that is not here.
        GitError: It asks for a lineage, and git is not installed or failed.

    Example:
        >>> RunFacts(view, Query()).lines(Field("attributes", "status"), Headline("val_auc"))[0]
        (1795012345123456, '3f2a9c1d7b6e4a508c2f9e0d1a7b3c55', 'finished', 0.941)
    """

    def __init__(self, view: View, query: Query, *, whole: RunFacts | None = None) -> None:
        self.view = view
        self._whole = whole
        self.query = view.bound(query)

    @cached_property
    def _states(self) -> list[RunState]:
        """The runs that are not looked for in the index."""
        return [state for state in self.view.unindexed() if self.query.selects(state, now_us=self.view.now_us)]

    def _indexed(self, question: Callable[[IndexedRuns], T]) -> T | None:
        """Ask about the runs that are in the index; None for another remote's, which are in none."""
        view = self.view
        if view.index is None:
            return None
        live = view.live_ids
        return view.ask(lambda store: question(IndexedRuns(store, self.query, view.now_us, live)))

    def lines(self, *columns: Column) -> list[Line]:
        """Return a line for every run, the newest first: what it is sorted by, its id, and its cell of every column."""
        with without_collection():
            lines = self._indexed(lambda runs: runs.lines(columns)) or []
            more = [line_of(state, columns) for state in self._states]
            return newest_first([*lines, *more]) if more else lines

    def within(self, experiment: str) -> RunFacts:
        """Return the same of those of the runs that are of one experiment."""
        return RunFacts(self.view, replace(self.query, experiments=(experiment,)), whole=self)

    @cached_property
    def experiments(self) -> Counter[str]:
        """The experiments of the runs, each with the number of its runs."""
        out = self._indexed(lambda runs: runs.count("experiment")) or Counter()
        return out + Counter(state.experiment for state in self._states)

    @cached_property
    def statuses(self) -> Counter[str]:
        """The statuses of the runs, each with the number of such runs."""
        out = self._indexed(lambda runs: runs.count("status")) or Counter()
        return out + Counter(state.status for state in self._states)

    @property
    def total(self) -> int:
        """How many runs there are."""
        return self.statuses.total()

    @cached_property
    def newest(self) -> RunState | None:
        """The newest of the runs; None without any."""
        return next(iter(self.view.find(replace(self.query, order=(), limit=1)).runs), None)

    @cached_property
    def metrics(self) -> Counter[str]:
        """The metrics that the runs have, each with the number of runs that have it."""
        out = self._indexed(IndexedRuns.metrics) or Counter()
        return out + Counter(key for state in self._states for key in state.metrics)

    @cached_property
    def declared(self) -> dict[str, set[str]]:
        """Of each experiment, the metrics whose goal one of its runs declared."""
        if self._whole is not None:
            return {name: self._whole.declared.get(name, set()) for name in self.query.experiments}
        pairs = self._indexed(IndexedRuns.declared) or set()
        pairs |= {(state.experiment, key) for state in self._states for key, s in state.metrics.items() if s.goal}
        out: dict[str, set[str]] = {}
        for experiment, key in pairs:
            out.setdefault(experiment, set()).add(key)
        return out

    def declared_goal(self, key: str) -> str | None:
        """Return the direction that the newest run to declare one for a metric gave it: ``min``, ``max`` or None."""
        found = self._indexed(lambda runs: runs.newest_goal(key))
        saying = [(moment_of(run), run.id, s.goal) for run in self._states if (s := run.metrics.get(key)) and s.goal]
        return max([*saying, *([found] if found else [])], default=(0, "", None))[2]

    @cached_property
    def params(self) -> list[str]:
        """The params that the runs have, by name; those in inner maps with dots."""
        out = self._indexed(IndexedRuns.params) or set()
        pairs = (pair for state in self._states for pair in flatten(state.params))
        return sorted(out | {key for key, value in pairs if value is not None})

    def states(self, run_ids: Sequence[str]) -> dict[str, RunState]:
        """Return the whole states of some of the runs, by their ids."""
        known = {state.id: state for state in self._states}
        indexed = [run_id for run_id in run_ids if run_id not in known]
        if self.view.index is not None and indexed:
            with without_collection():
                known |= {state.id: state for state in self.view.ask(lambda store: store.states_of(indexed))}
        # Another process may have brought the index up to date meanwhile, without a run that was there.
        return {run_id: known.get(run_id) or self.view.state(run_id) for run_id in run_ids}
