"""What changes how the charts are drawn, and of how many runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from gtrack._app.asking import overview
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.zoom import keep_zooms
from gtrack._app.link import Link, Setting
from gtrack._app.reading import Reading
from gtrack._app.safe import cell
from gtrack._app.screens.charts.groups import CONFIGURATION
from gtrack._app.screens.charts.legend import COLOUR_ONLY
from gtrack._app.screens.charts.runs import MOST
from gtrack.display.words import plural
from gtrack.model.goal import Goal
from gtrack.model.state import RunState

__all__ = ["DEFAULTS", "curve_settings", "switches", "tidy", "toolbar"]

DEFAULTS: dict[str, Setting] = {
    "count": 20,
    "best": "",
    "x": "step",
    "smoothing": 0.0,
    "draw": (),
    "group": "",
    "band": "std",
    "metrics": "",
    "columns": 3,
}
"""The settings of the toolbar."""

_AXES = {"step": "Step", "time": "Time (UTC)", "relative": "Time since the start"}
_DRAW = {
    "best": "Best so far",
    "log_y": "Log y",
    "log_x": "Log x",
    "clip": "Clip outliers",
    "ranks": "Each rank",
}
_BANDS = {
    "std": "Mean ± standard deviation",
    "interval": "Mean, 95 % interval",
    "minmax": "Mean, lowest to highest",
    COLOUR_ONLY: "Each run, in its group's colour",
}
_COUNTS = (5, 10, 20, 50, MOST)
_COLUMNS = (1, 2, 3, 4, 6)


def toolbar(now: Reading, link: Link, ranked: Mapping[str, Goal]) -> None:
    """Show the controls.

    Args:
        now: The repository.
        link: The page's settings.
        ranked: The metrics by which runs can be the best.
    """
    there = overview(now)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        axes = _with([*_AXES, *(_axis(key) for key in there.keys["metrics"])], link["x"])
        st.selectbox("X axis", axes, format_func=_axis_name, width=140, **link.widget("x"))
        st.slider("Smoothing", 0.0, 0.99, step=0.01, width=130, help=_SMOOTHING, **link.widget("smoothing"))
        st.text_input("Metrics", placeholder="loss|acc, ^val/", width=140, help=_PATTERN, **link.widget("metrics"))
        fields = ["", CONFIGURATION, *there.unmeasured]
        of = lambda name: cell(name, 60) or "Nothing"  # noqa: E731
        st.selectbox("Group by", _with(fields, link["group"]), format_func=of, width=150, **link.widget("group"))
        if link["group"]:
            bands = _with([*_BANDS], link["band"])
            st.selectbox("Show", bands, format_func=lambda b: _BANDS.get(b, b), width=210, **link.widget("band"))
        if not link["runs"]:
            best = _with(["", *ranked], link["best"])
            st.selectbox("Runs", best, format_func=_best_name, width=150, **link.widget("best"))
            st.selectbox("How many", _with(_COUNTS, link["count"]), width=80, **link.widget("count"))


def switches(link: Link, states: Iterable[RunState]) -> None:
    """Show what is on or off, and how many charts stand side by side.

    Args:
        link: The page's settings.
        states: The runs: ranks are offered where one of them has several.
    """
    ranks = "ranks" in link["draw"] or any(s.ranks for state in states for s in state.metrics.values())
    st.pills(
        "Draw",
        [name for name in _DRAW if name != "ranks" or ranks],
        selection_mode="multi",
        format_func=_DRAW.__getitem__,
        label_visibility="collapsed",
        width="content",
        **link.widget("draw"),
    )
    st.selectbox(
        "Columns",
        _with(_COLUMNS, link["columns"]),
        format_func=lambda count: plural(count, "column"),
        label_visibility="collapsed",
        width=130,
        **link.widget("columns"),
    )


_SMOOTHING = "An exponential moving average, as TensorBoard draws it; the values themselves stay behind it"
_PATTERN = "Only metrics in whose names this regular expression is found"


def curve_settings(link: Link, goals: Mapping[str, Goal]) -> CurveSettings:
    """Return how curves are drawn.

    Args:
        link: The page's settings.
        goals: Which way metrics are better, where somebody said so.

    Raises:
        UsageError: A setting is refused: the regular expression is none, most often.
    """
    draw = link["draw"]
    band = link["band"] if link["group"] and link["band"] != COLOUR_ONLY else ""
    return CurveSettings(
        x=link["x"] or "step",
        names=link["metrics"].strip(),
        smoothing=link["smoothing"],
        best="best" in draw,
        log_x="log_x" in draw,
        log_y="log_y" in draw,
        clip="clip" in draw,
        ranks="each" if "ranks" in draw else "mean",
        band=band,
        goals=goals,
    )


def tidy(link: Link) -> None:
    """Put settings right that an address says and no control can show."""
    draw = tuple(name for name in link["draw"] if name in _DRAW)
    smoothing = link["smoothing"] if 0 <= link["smoothing"] <= 0.99 else 0.0
    wanted: dict[str, Setting] = {
        "draw": draw,
        "smoothing": smoothing,
        "count": min(max(1, link["count"]), MOST),
        "columns": min(max(1, link["columns"]), max(_COLUMNS)),
        "band": link["band"] if link["band"] in _BANDS else "std",
        "zoom": keep_zooms(link["zoom"]),
    }
    wrong = {name: value for name, value in wanted.items() if link[name] != value}
    if wrong:
        link.put(**wrong)


def _with(options: Sequence[Setting], value: Setting) -> list[Setting]:
    """Return options with what is set among them: an address may say what there is no more."""
    return list(options) if value in options else [*options, value]


def _axis(key: str) -> str:
    """Return a metric as an axis; one with an axis's own name says that it is a metric."""
    return f"metrics.{key}" if key in _AXES or key.startswith("metrics.") else key


def _axis_name(axis: str) -> str:
    return _AXES.get(axis) or cell(axis, 60)


def _best_name(metric: str) -> str:
    return f"Best {cell(metric, 40)} first" if metric else "Newest first"
