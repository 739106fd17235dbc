"""Which runs a page is about: the filter, the experiments, the statuses; the same on every page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import streamlit as st

from gtrack._app.conditions import add_condition
from gtrack._app.filter_box import filter_box
from gtrack._app.known_values import known_values
from gtrack._app.link import Link
from gtrack._app.parts import problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell
from gtrack._app.shell_word import shell_word
from gtrack.errors import GtrackError
from gtrack.index.filter import parse
from gtrack.index.query import Query
from gtrack.index.suggest import unknown_keys
from gtrack.model.state import STATUSES
from gtrack.ops.facts import RunFacts

__all__ = ["Asked", "Overview", "ask", "filter_bar", "overview", "python_filter", "shell_options", "without_filter"]


_MOST_BESTS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """Which runs.

    Attributes:
        query: The question, without order and limit.
        where: The text of the filter; empty for none.
        valid: The filter could be read. Where not, the query is the one without it.
    """

    query: Query
    where: str = ""
    valid: bool = True

    @property
    def key(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """What tells this question from others."""
        return self.where, self.query.experiments, self.query.statuses


@dataclass(frozen=True, slots=True)
class Overview:
    """What there is in the repository as a whole.

    Attributes:
        experiments: The experiments, each with the number of its runs, the largest first.
        statuses: The statuses, likewise.
        keys: The metrics, params and tags, each with the number of runs that have it.
        total: How many runs there are.
        bests: The best values of the metrics whose goal was declared, as fields.
    """

    experiments: dict[str, int]
    statuses: dict[str, int]
    keys: dict[str, dict[str, int]]
    total: int
    bests: tuple[str, ...] = ()

    @property
    def fields(self) -> list[str]:
        """What a filter can ask for, as it is written there."""
        from gtrack.index.fields import Field

        return [*self.bests, *(str(Field("metrics", key)) for key in self.keys["metrics"]), *self.unmeasured]

    @property
    def unmeasured(self) -> list[str]:
        """Those that are no metrics: what runs can be grouped by."""
        from gtrack.index.fields import Field

        keyed = [str(Field(scope, key)) for scope in ("params", "tags") for key in self.keys[scope]]
        return [*keyed, "name", "status", "experiment", "started", "duration", "author", "group", "parent", "branch"]


def overview(now: Reading) -> Overview:
    """Return what there is in the repository."""

    def answer() -> Overview:
        facts = now.repo.facts(Query())
        keys = {scope: now.repo.keys(scope) for scope in ("metrics", "params", "tags")}
        return Overview(
            dict(facts.experiments.most_common()),
            {status: facts.statuses[status] for status in STATUSES if facts.statuses[status]},
            keys,
            facts.total,
            tuple(_bests(facts)),
        )

    return now.kept("overview", (), answer)


def _bests(facts: RunFacts) -> Iterator[str]:
    from gtrack.index.fields import Field

    for key in sorted(set[str]().union(*facts.declared.values()))[:_MOST_BESTS]:
        if (goal := facts.declared_goal(key)) is not None:
            yield str(Field("metrics", key, goal))


def ask(link: Link) -> Asked:
    """Return the question that a page's settings ask.

    Raises:
        UsageError: The filter is not in the language.
    """
    where, query = link["where"].strip(), without_filter(link)
    return Asked(replace(query, where=parse(where)) if where else query, where)


def filter_bar(now: Reading, link: Link) -> Asked:
    """Show what chooses runs, and return the question; what is wrong with the filter is said in its place."""
    there = overview(now)
    asked, error = _try(now, link)
    box, experiments, statuses = st.columns([6, 3, 3], vertical_alignment="bottom")
    with box, st.container(horizontal=True, vertical_alignment="bottom"):
        filter_box(
            "Filter",
            link["where"],
            there.fields,
            key=f"{link.page}.where",
            on_change=lambda text: link.put(where=text.strip()),
            placeholder="metrics.val_auc > 0.9 and params.lr < 0.1",
            invalid=error is not None,
            values=known_values,
        )
        add_condition(link, there.fields)
    known = list(dict.fromkeys([*there.experiments, *link["experiment"]]))
    experiments.multiselect(
        "Experiment", known, format_func=lambda name: cell(name, 60), placeholder="All", **link.widget("experiment")
    )
    statuses.multiselect(
        "Status",
        STATUSES,
        format_func=lambda name: f"{name} ({there.statuses.get(name, 0):,})",
        placeholder="All",
        **link.widget("status"),
    )
    for text in link.problems:
        remark(text)
    if error is not None:
        problem(error)
    elif asked.where:
        for unknown in unknown_keys(asked.where, lambda scope: there.keys.get(scope, {})):
            remark(unknown.message)
    return asked


def _try(now: Reading, link: Link) -> tuple[Asked, GtrackError | None]:
    """Return the question, and what is wrong with it."""
    try:
        asked = ask(link)
        now.repo.facts(asked.query)  # a revision that is not here is noticed by asking
    except GtrackError as error:
        return Asked(without_filter(link), link["where"].strip(), valid=False), error
    return asked, None


def without_filter(link: Link) -> Query:
    """Return the question without the filter."""
    return Query(experiments=tuple(link["experiment"]), statuses=tuple(s for s in link["status"] if s in STATUSES))


def shell_options(asked: Asked) -> str:
    """Return the options of ``gtrack ls`` that ask the same."""
    parts = [f"--where {shell_word(asked.where)}"] if asked.where else []
    parts += [f"--experiment {shell_word(name)}" for name in asked.query.experiments]
    parts += [f"--status {status}" for status in asked.query.statuses]
    return " ".join(parts)


def python_filter(asked: Asked) -> str:
    """Return the arguments of ``gtrack.search_runs`` that ask the same."""
    where = asked.where
    if asked.query.statuses:
        some = "status IN ({})".format(", ".join(f"'{status}'" for status in asked.query.statuses))
        where = f"({where}) AND {some}" if where else some
    parts = [repr(where)] if where else []
    if asked.query.experiments:
        parts.append(f"experiment={list(asked.query.experiments)!r}")
    return ", ".join(parts)
