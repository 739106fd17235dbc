"""The model that the page is about, and the version of it that is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack.branch.author import author
from gtrack.display.goals import Goals
from gtrack.display.main_metrics import main_metrics
from gtrack.display.model_words import called
from gtrack.errors import GtrackError
from gtrack.index.query import Query
from gtrack.model.goal import Goal
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState
from gtrack.model.state import RunState
from gtrack.model.version_name import is_uid
from gtrack.model.version_pick import pick
from gtrack.ops.model_events import version_name

__all__ = ["Subject", "label_of", "path_of", "typed", "usual_version", "wanted_version"]


@dataclass
class Subject:
    """The model that the page is about, as it is in one pass over the page.

    Attributes:
        now: The repository.
        link: The page's settings.
        state: The model.
        version: The version that is looked at; None where there is none.
    """

    now: Reading
    link: Link
    state: ModelState
    version: Version | None

    @property
    def path(self) -> str:
        """Where the repository is, for actions."""
        return path_of(self.now)

    @cached_property
    def by(self) -> str:
        """Who acts here: git's identity, ``Name <email>``."""
        return author(self.now.repo.repository.config, self.now.repo.env)

    @cached_property
    def runs(self) -> Mapping[str, RunState]:
        """The runs that made the versions, as far as they are here, by id."""
        ids = tuple(dict.fromkeys(each.run for each in self.state.versions if each.run is not None))

        def read() -> Mapping[str, RunState]:
            facts = self.now.repo.facts(Query(deleted=None))
            here = facts.view.run_ids
            return facts.states([run_id for run_id in ids if run_id in here])

        return self.now.kept("models.runs", ids, read)

    def run_of(self, version: Version) -> RunState | None:
        """Return the run that made a version; None where it is not here."""
        return self.runs.get(version.run or "")

    @cached_property
    def metrics(self) -> Sequence[str]:
        """The metrics of the runs to show unasked, the first of which is the one they are compared by."""
        runs = [run for each in reversed(self.state.versions) if (run := self.run_of(each)) is not None]
        found = main_metrics(runs, 3)
        protocol = self._goals.protocol(runs) if runs else None
        first = None if protocol is None else protocol.metric
        if first is None or not any(first in run.metrics for run in runs):
            return found
        return [first, *(key for key in found if key != first)][:3]

    def goal(self, key: str) -> Goal | None:
        """Return which way a metric is better, where that is known."""
        return self._goals.among(key, list(self.runs.values()))

    @cached_property
    def _goals(self) -> Goals:
        return Goals(self.now.repo)

    def choose(self, version: Version, tab: str = "") -> None:
        """Look at a version, from within a callback."""
        self.link.put(version=version.uid, **({"tab": tab} if tab else {}))


def path_of(now: Reading) -> str:
    """Return where the repository is, for actions."""
    return now.repo.root or now.repo.git_dir


def typed(version: Version) -> str:
    """Return a name of a version that means it whatever happens meanwhile: ``churn/~`` and its whole uid."""
    return f"{version.model}/~{version.uid}"


def label_of(version: Version) -> str:
    """Return a version with where it stands: ``v3 · Production · champion``."""
    stage = () if version.stage == "None" else (version.stage,)
    return " · ".join((called(version), *stage, *version.aliases))


def wanted_version(state: ModelState, text: str) -> Version:
    """Return the version that the address names, by its uid or any name of it.

    Raises:
        GtrackError: It names none of this model.

    Example:
        >>> wanted_version(state, "champion").label
        '3'
    """
    if is_uid(text) and (found := state.version(text)) is not None:
        return found
    if text in state.aliases:
        text = f"{state.name}@{text}"
    return pick(state, version_name(state.name, text), deleted=True, settled=False)


def usual_version(state: ModelState, text: str = "") -> tuple[Version | None, GtrackError | None]:
    """Return the version to look at, and what is wrong with the one that the address names.

    Where it names none: what is in Production, in Staging, the latest.
    """
    wrong = None
    if text:
        try:
            return wanted_version(state, text), None
        except GtrackError as error:
            wrong = error
    for stage in ("Production", "Staging"):
        there = state.in_stage(stage)
        if there:
            return there[0], wrong
    return state.latest or (state.versions[-1] if state.versions else None), wrong
