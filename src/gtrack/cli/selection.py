"""Which runs ``gtrack ls`` is about, and what there is to say around what it prints."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output
from gtrack.cli.selectors import explain_nothing
from gtrack.cli.terminal import Terminal
from gtrack.clock import now_ns
from gtrack.display.goals import Goals
from gtrack.display.keys import Keys
from gtrack.display.main_metrics import main_metrics, main_of
from gtrack.display.ordering import read_orders
from gtrack.display.words import plural
from gtrack.index.fields import Field
from gtrack.index.filter import parse
from gtrack.index.query import Order, Query
from gtrack.model.state import RunState
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.ops.facts import RunFacts
    from gtrack.reader import Repo
    from gtrack.runs import Runs

__all__ = ["Listing", "Selection", "query_of"]

_WELCOME = """\
No runs yet. To record the first one, put 'gtrack run --' in front of a command:
  gtrack run -p lr=0.1 -- python train.py --lr {lr}
or record what you have already:
  gtrack log accuracy=0.91 -p lr=0.1
or look at a repository that has runs: gtrack demo"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs are asked for, as they were named on the command line.

    Attributes:
        query: The filter, the experiments, the statuses, deleted or not.
        where: The text of the filter.
        remote: Those on the branch of another remote, instead of the team's.
        sort: What to sort by.
        reverse: The other way round.
        count: How many rows to show; None for all.
    """

    query: Query = field(default_factory=Query)
    where: str | None = None
    remote: str | None = None
    sort: Sequence[str] = ()
    reverse: bool = False
    count: int | None = None

    @property
    def narrow(self) -> bool:
        """Not every run is asked for: an empty answer does not mean that there are none."""
        return self.query != Query() or self.remote is not None


def query_of(where: str | None, experiments: Sequence[str], statuses: Sequence[str], *, deleted: bool) -> Query:
    """Return the query of a filter and what narrows it.

    Raises:
        UsageError: The filter is not in the language.
    """
    return Query(None if where is None else parse(where), tuple(experiments), tuple(statuses), deleted)


class Listing:
    """One call of ``gtrack ls``: what its runs, groups and remarks are made with.

    Args:
        invocation: The call.
        output: The format and the place.
        repo: The repository.
        selection: Which runs.
    """

    def __init__(self, invocation: Invocation, output: Output, repo: Repo, selection: Selection) -> None:
        self.invocation = invocation
        self.output = output
        self.repo = repo
        self.selection = selection
        self.terminal: Terminal = output.terminal(invocation)
        self.keys = Keys(repo, selection.remote)
        self.goals = Goals(repo, selection.remote)
        self.now_us = now_ns() // 1000

    @cached_property
    def orders(self) -> tuple[Order, ...]:
        """What to sort by.

        Raises:
            UsageError: No run has such a thing.
        """
        asked = self.selection
        orders = read_orders(
            asked.sort, self.keys, lambda key: self.goals.of(key, asked.query.experiments), reverse=asked.reverse
        )
        for key in (order.field.key for order in orders if order.field.scope == "metrics"):
            if (remark := self.goals.remark(key)) is not None:
                self.invocation.notice(clean(remark))
        return orders

    def main_metrics(self, runs: Sequence[RunState], limit: int = 3) -> list[str]:
        """Return the metrics to show unasked, the one that the runs' experiment is compared by first."""
        known = {key for run in runs for key in run.metrics}
        return _with_first(self.goals.protocol(runs), known, main_metrics(runs, limit))

    def main_of(self, facts: RunFacts) -> list[str]:
        """Return the same of runs that are not read one by one."""
        goals = set[str]().union(*facts.declared.values())
        return _with_first(self.goals.protocol_of(facts.experiments), facts.metrics, main_of(facts.metrics, goals))

    def facts(self) -> RunFacts:
        """Return what there is to know of all the runs that are asked for."""
        return self.repo.facts(self.selection.query, remote=self.selection.remote)

    def find(self) -> Runs:
        """Return the runs to show."""
        asked = self.selection
        oldest_first = (Order(Field("attributes", "started")),) if asked.reverse else ()
        query = replace(asked.query, order=self.orders or oldest_first, limit=asked.count)
        return self.repo.find(query, remote=asked.remote)

    def say_nothing(self) -> None:
        """Say why there is nothing to show, and what to type."""
        if self.selection.narrow:
            self.invocation.notice("No run matches.")
            explain_nothing(self.invocation, self.repo, self.selection.where, remote=self.selection.remote)
            return
        deleted = self.repo.find(Query(deleted=True, limit=1)).total
        text = f"No run is left; gtrack ls --deleted lists {plural(deleted, 'deleted run')}." if deleted else _WELCOME
        self.invocation.notice(text)

    def say_where(self) -> None:
        """Say whose runs these are, if not the team's."""
        if self.selection.remote is not None and self.output.form is None:
            remote = clean(self.selection.remote)
            self.invocation.notice(f"on the branch of {remote} as of the last fetch; none of it counts here:")

    def say_rest(self, shown: int, total: int, noun: str) -> None:
        """Say how many rows there are beyond those that are shown."""
        if shown < total and self.output.form is None:
            self.invocation.notice(f"{shown} of {plural(total, noun)}; --all shows the rest")

    def say_same(self, same: Sequence[str]) -> None:
        """Name what was left out for being the same in all rows."""
        if same and self.output.form in (None, "md"):
            self.invocation.notice(f"same in all: {', '.join(same)}")

    def say_missing(self, missing: Sequence[str]) -> None:
        """Name the columns that the terminal has no room for."""
        if missing:
            self.invocation.notice(f"the terminal has no room for {', '.join(missing)}; --csv and --json show them")


def _with_first(protocol: ExperimentState | None, known: Container[str], main: Sequence[str]) -> list[str]:
    """Return the main metrics, with the one that the runs' experiment is compared by before all others."""
    first = protocol.metric if protocol is not None else None
    if first is None or first not in known:
        return list(main)
    return [first, *(key for key in main if key != first)][: len(main)]
