"""The run that the page is about, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.colours import inks
from gtrack._app.link import Link
from gtrack._app.reading import Reading, kept
from gtrack.display.goals import Goals
from gtrack.display.main_metrics import main_metrics
from gtrack.errors import GtrackError, NotFoundError
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.ops.compare import Comparison, compare
from gtrack.ops.previous import reference_of
from gtrack.ops.run_code import CodeChange, compare_code
from gtrack.reader import RecordedRun

__all__ = ["Subject", "whole"]


def whole(run: RecordedRun) -> RunState:
    """Return a run's state with the params and tags that were too long for its document put back."""
    return replace(run.state, params=run.params, tags=run.tags)


@dataclass
class Subject:
    """The run that the page is about, as it is in one pass over the page.

    Attributes:
        now: The repository.
        link: The page's settings.
        run: The run.
    """

    now: Reading
    link: Link
    run: RecordedRun

    @classmethod
    def read(cls, now: Reading, link: Link, run_id: str) -> Subject:
        """Return the run of an id.

        Raises:
            NotFoundError: It is not here.
        """
        return cls(now, link, now.repo.run(f"run:{run_id}"))

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.id

    @property
    def short(self) -> str:
        """The first digits of its id, as a command takes them."""
        return self.run.id[:SHORT]

    @cached_property
    def state(self) -> RunState:
        """The run's state, long values and all."""
        return whole(self.run)

    @property
    def path(self) -> str:
        """Where the repository is, for actions."""
        return self.now.repo.root or self.now.repo.git_dir

    @cached_property
    def version(self) -> tuple[object, ...]:
        """What changes when the run does, and stays while only others do: for what is worked out from it alone."""
        state = self.run.state
        counts = tuple((key, summary.count, summary.time) for key, summary in state.metrics.items())
        live = state.last_heard if state.live else None
        return self.now.repo.common_dir, self.id, hash(counts), live, len(self.run.documents), self.run.status

    @cached_property
    def reference(self) -> tuple[RunState, str] | None:
        """What the run is compared with, and what that is in a few words; None where there is nothing."""

        def answer() -> tuple[RunState, str] | None:
            try:
                state, what = reference_of(self.now.repo, self.run.state)
                return whole(self.now.repo.run(f"run:{state.id}")), what
            except NotFoundError:
                return None

        return self.now.kept("reference", self.id, answer)

    @cached_property
    def comparison(self) -> Comparison | None:
        """What differs between the reference and the run; None without a reference."""
        if self.reference is None:
            return None
        other = self.reference[0]
        goals = Goals(self.now.repo)
        return self.now.kept(
            "comparison", self.id, lambda: compare(other, self.state, lambda key: goals.among(key, [other, self.state]))
        )

    @cached_property
    def code_change(self) -> CodeChange | None:
        """What git says of the code of the reference and of the run; None without a reference."""
        if self.reference is None:
            return None
        other, repo = self.reference[0], self.now.repo
        # Git is a process of its own: it is asked once, and again only when the code has come.
        here = repo.has_code(other), repo.has_code(self.state)
        key = (repo.common_dir, "code of two", other.id, self.id, here)
        return kept(key, lambda: compare_code(repo.repository, other, self.state))

    @cached_property
    def main(self) -> list[str]:
        """The metrics to show first: the one that the experiment is judged by, then the usual ones."""
        said = Goals(self.now.repo).protocol([self.run.state])
        metric = said.metric if said is not None else None
        first = [metric] if metric is not None and metric in self.run.state.metrics else []
        return list(dict.fromkeys([*first, *main_metrics([self.run.state], 4)]))

    def drawn(self, *, beside: bool = False) -> Sequence[ChartRun]:
        """Return the run as charts know it, with the reference behind it where that is wanted."""
        other = self.reference[0] if beside and self.reference is not None else None
        states = sorted(filter(None, (other, self.state)), key=lambda state: (state.started or 0, state.id))
        ink = inks(state.id for state in states)
        return [
            ChartRun(
                state.id,
                state.name,
                ink[state.id].colour,
                ink[state.id].dash,
                emphasis=state.id == self.id and other is not None,
                started=state.started,
            )
            for state in states
        ]

    def found(self, selector: str) -> bool:
        """Tell whether a selector names a run."""
        try:
            self.now.repo.run(selector)
        except GtrackError:
            return False
        return True
