"""The panels that the form for a panel starts with: something to see at once, of the runs that the page draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gtrack._app.asking import Asked, ask
from gtrack._app.charts.panel_spec import PanelSpec
from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.screens.charts.figures import is_single
from gtrack._app.screens.charts.runs import Chosen, chosen_runs
from gtrack._app.screens.charts.sections import first_metrics
from gtrack._app.usual_axes import usual_params
from gtrack.errors import GtrackError, UsageError
from gtrack.index.fields import Field
from gtrack.index.query import Query

__all__ = ["Suggested", "suggested", "suggested_here"]

_PARAMS, _METRICS = 3, 2


@dataclass(frozen=True, slots=True)
class Suggested:
    """What a new panel may show.

    Attributes:
        panels: A panel for each kind that has something to draw.
        first: The kind to start with.
        other: The kind that shows something else of these runs, where there is one.
    """

    panels: dict[str, PanelSpec] = field(default_factory=dict)
    first: str = "scatter"
    other: str = ""


def suggested_here(now: Reading, link: Link) -> Suggested:
    """Return what a new panel may show of the runs that the page draws.

    Args:
        now: The repository.
        link: The page's settings.
    """
    try:
        asked = ask(link)
    except GtrackError:
        asked = Asked(Query(), valid=False)  # said beside the filter
    return suggested(chosen_runs(now, link, asked))


def suggested(chosen: Chosen) -> Suggested:
    """Return what a new panel may show of runs.

    The main metric over its steps comes first. Where several params differ, how it depends on the first of them, in the
    colours of the second, is offered beside it.

    Args:
        chosen: The runs.

    Example:
        >>> suggested(chosen).panels["line"].metrics
        ('val_auc',)
    """
    states = chosen.states
    keys = list(dict.fromkeys(key for state in states for key in state.metrics))
    main = list(dict.fromkeys(first_metrics(chosen, states, keys)))
    curved = next((key for key in main if not is_single(states, key)), None)
    params = usual_params(states, _PARAMS)
    found = _of_runs(params, [str(Field("metrics", key)) for key in main[:_METRICS]])
    if curved is not None:
        found["line"] = {"x": "step", "metrics": (curved,)}
    panels = {kind: panel for kind, values in found.items() if (panel := _panel(kind, values)) is not None}
    first = "line" if "line" in panels else "scatter"
    return Suggested(panels, first, "scatter" if first == "line" and len(params) > 1 and "scatter" in panels else "")


def _of_runs(params: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the panels in which each run is one thing: a point, a bar, a line through its values."""
    x, colour, *_ = (*params, "", "")
    y = metrics[0] if metrics else "duration"
    axes = (*params, *(metrics or ("duration",)))
    panels: dict[str, dict[str, Any]] = {
        "scatter": {"x": x or "started", "y": y, "colour": colour},
        "bar": {"y": y},
        "histogram": {"x": y},
    }
    if params:
        panels |= {"importance": {"y": y}, "parallel": {"metrics": axes}, "matrix": {"metrics": axes}}
    return panels


def _panel(kind: str, values: Mapping[str, Any]) -> PanelSpec | None:
    try:
        return PanelSpec(kind, **values)
    except UsageError:  # a name that is too long for an address
        return None
