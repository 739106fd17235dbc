"""The metrics in sections by their prefixes: which are open, and what stands on their pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gtrack._app.charts.sections import Section, sections
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.screens.charts.figures import is_single
from gtrack._app.screens.charts.runs import Chosen
from gtrack.display.main_metrics import main_metrics
from gtrack.model.state import RunState

__all__ = ["PAGE", "Fold", "first_metrics", "fold_after", "folds_of", "metrics_of"]

PAGE = 24
"""Charts on a page of a section."""
_MAIN = 20
_FEW = 12
"""With so many metrics in all, every section is open at first."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A section of the page.

    Attributes:
        name: What its metrics' names begin with.
        keys: Its metrics, in order.
        open: It shows its charts.
        page: Which page of them, from 1.
    """

    name: str
    keys: tuple[str, ...]
    open: bool = False
    page: int = 1

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return max(1, -(-len(self.keys) // PAGE))

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics of its page."""
        return self.keys[(self.page - 1) * PAGE : self.page * PAGE]


def metrics_of(states: Iterable[RunState], settings: CurveSettings) -> list[str]:
    """Return the metrics that some runs have and the settings select."""
    keys = dict.fromkeys(key for state in states for key in state.metrics)
    axis = settings.axis.metric if settings.axis.kind == "metric" else None
    return [key for key in keys if key != axis and settings.selects(key)]


def first_metrics(chosen: Chosen, states: Sequence[RunState], keys: Sequence[str]) -> list[str]:
    """Return the metrics to look at first: what runs are compared by, then the main ones, those that have curves first.

    Args:
        chosen: The runs, with the goals of their metrics.
        states: Those that are drawn.
        keys: Their metrics to choose from.
    """
    known = set(keys)
    compared = [key for key, goal in chosen.goals if goal.source == "experiment" and key in known]
    main = [key for key in main_metrics(states, _MAIN) if key in known]
    return [*compared, *sorted(main, key=lambda key: is_single(states, key))]


def folds_of(
    keys: Sequence[str],
    main: Sequence[str],
    *,
    opened: Collection[str] = (),
    closed: Collection[str] = (),
    pages: Mapping[str, object] | None = None,
) -> list[Fold]:
    """Return the sections of a page, that of the main metric first.

    Args:
        keys: The metrics.
        main: The main ones; the section of the first of them is open at first, where there are many metrics.
        opened: The sections that somebody opened.
        closed: Those that somebody closed.
        pages: The pages that somebody turned to, by section.
    """
    found = sections(keys)
    first = _first(found, main)
    found.sort(key=lambda section: section.name != first)
    folds = []
    for section in found:
        usual = len(keys) <= _FEW or section.name == first
        is_open = section.name in opened or (usual and section.name not in closed)
        count = max(1, -(-len(section.keys) // PAGE))
        page = (pages or {}).get(section.name, 1)
        page = min(max(1, page), count) if isinstance(page, int) else 1
        folds.append(Fold(section.name, section.keys, is_open, page))
    return folds


def fold_after(fold: Fold, opened: Sequence[str], closed: Sequence[str], *, to: bool) -> dict[str, tuple[str, ...]]:
    """Return the settings after somebody opened or closed a section: its name in one list and not in the other."""
    others = [tuple(name for name in names if name != fold.name) for names in (opened, closed)]
    others[0 if to else 1] += (fold.name,)
    return {"open": others[0], "closed": others[1]}


def _first(found: Sequence[Section], main: Sequence[str]) -> str:
    for key in main:
        for section in found:
            if key in section.keys:
                return section.name
    return found[0].name if found else ""
