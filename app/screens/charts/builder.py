"""Putting a panel together, and arranging those that there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from gtrack._app.asking import overview
from gtrack._app.charts.panel_spec import KINDS, PanelSpec
from gtrack._app.link import Link
from gtrack._app.parts import problem
from gtrack._app.reading import reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.charts.panels import MOST, changed, copied, moved, name_of, read_panels, removed
from gtrack._app.screens.charts.suggest import suggested_here
from gtrack.errors import GtrackError, UsageError

__all__ = ["panel_tools"]

_KINDS = {
    "line": "Lines",
    "scatter": "Scatter",
    "bar": "Bars",
    "histogram": "Histogram",
    "parallel": "Parallel coordinates",
    "importance": "Importance of params",
    "matrix": "Scatter matrix",
}
_LABELS = {
    ("line", "metrics"): "Metrics",
    ("line", "x"): "X axis",
    ("importance", "y"): "What is to be explained",
    ("importance", "metrics"): "By which params (all if none)",
    ("parallel", "metrics"): "Axes, from left to right",
    ("matrix", "metrics"): "Columns, up to six",
    ("bar", "y"): "Length of the bars",
    ("bar", "x"): "A bar for each value of (else for each run)",
    ("histogram", "x"): "Values of",
}
_PLAIN_LABELS = {"x": "X", "y": "Y", "colour": "Colour", "group": "Mean over groups by", "metrics": "Columns"}
_SWITCHES = {"log_x": "Logarithmic x", "log_y": "Logarithmic y"}
_KEY = "charts.panel"
_KIND = f"{_KEY}.form.kind"
_NEXT = "charts.panels.next"


def panel_tools(link: Link) -> None:
    """Show what adds panels, and arranges those that there are."""
    built = st.session_state.pop(_NEXT, None)
    if built is not None:
        link.put(panels=built)
    panels = link["panels"]
    full = len(panels) >= MOST
    help_ = f"{MOST} panels are the most" if full else "Scatter, bars, histogram, importance, ..."
    if st.button("Add a panel", icon=":material/add_chart:", disabled=full, help=help_):
        _open(link, None)
    if panels:
        with st.popover("Arrange", icon=":material/reorder:", help="Change, copy, move and remove panels"):
            for at, panel in enumerate(read_panels(panels)):
                _row(link, panels, at, panel)


def _row(link: Link, panels: Sequence[Any], at: int, panel: PanelSpec | UsageError) -> None:
    full = len(panels) >= MOST
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{at + 1}\\. {markdown(name_of(panel), 60)}", width="stretch")
        if _tool("edit", "Change", at, disabled=isinstance(panel, UsageError)):
            _open(link, at)
        _tool("arrow_upward", "Up", at, disabled=at == 0, act=lambda: moved(panels, at, -1), link=link)
        last = at == len(panels) - 1
        _tool("arrow_downward", "Down", at, disabled=last, act=lambda: moved(panels, at, 1), link=link)
        _tool("content_copy", "Copy", at, disabled=full, act=lambda: copied(panels, at), link=link)
        _tool("delete", "Remove", at, act=lambda: removed(panels, at), link=link)


def _tool(
    icon: str,
    name: str,
    at: int,
    *,
    disabled: bool = False,
    act: Callable[[], list[Any]] | None = None,
    link: Link | None = None,
) -> bool:
    """Show a button of a panel; pressed, it changes the panels, or says so."""

    def pressed() -> None:
        if act is not None and link is not None:
            link.put(panels=act())

    return st.button(
        "",
        icon=f":material/{icon}:",
        help=name,
        type="tertiary",
        disabled=disabled,
        on_click=pressed,
        key=f"{_KEY}.{name}.{at}",
    )


def _open(link: Link, at: int | None) -> None:
    """Open the form: with something to see at once, or with a panel to change."""
    for key in [key for key in st.session_state if str(key).startswith(f"{_KEY}.form.")]:
        del st.session_state[key]
    title = "Add a panel" if at is None else "Change the panel"
    st.dialog(title, width="medium")(_form)(link, at)


def _form(link: Link, at: int | None) -> None:
    panels = link["panels"]
    before = read_panels(panels)[at] if at is not None and at < len(panels) else None
    is_new = at is None
    try:
        with reading() as now:
            there, offered = overview(now), suggested_here(now, link)
            fields, metrics = there.fields, list(there.keys["metrics"])
    except GtrackError as error:
        problem(error)
        return
    kind = _kind(before.kind if isinstance(before, PanelSpec) else offered.first)
    known = before if isinstance(before, PanelSpec) and before.kind == kind else offered.panels.get(kind)
    if is_new and kind == offered.first and offered.other:
        _alternative(offered.panels[offered.other])
    needed, understood = KINDS[kind]
    values: dict[str, Any] = {"kind": kind}
    for name in (*needed, *understood):
        values[name] = _field(kind, name, known, fields, metrics, name in needed)
    values["title"] = st.text_input(
        "Title", known.title if known else "", max_chars=120, key=f"{_KEY}.form.title", placeholder="By what it shows"
    )
    missing = [name for name in needed if not values[name]]
    label = "Add" if is_new else "Change"
    if st.button(label, type="primary", disabled=bool(missing), key=f"{_KEY}.form.done"):
        try:
            panel = PanelSpec.from_dict({name: value for name, value in values.items() if value})
        except UsageError as error:
            problem(error)
            return
        # The address is written by the page: what is sent just before running again does not always arrive.
        st.session_state[_NEXT] = changed(panels, at, panel)
        st.rerun()


def _kind(usual: str) -> str:
    """Show the kinds of panels, and return the one that is chosen."""
    st.session_state.setdefault(_KIND, usual)
    kind: str = st.selectbox("Kind", list(_KINDS), format_func=_KINDS.__getitem__, key=_KIND)
    return kind


def _alternative(panel: PanelSpec) -> None:
    """Offer a panel of another kind."""
    st.button(
        f"Or a {markdown(name_of(panel), 80)}",
        icon=":material/lightbulb:",
        type="tertiary",
        on_click=lambda: st.session_state.update({_KIND: panel.kind}),
        key=f"{_KEY}.form.alternative",
    )


def _field(
    kind: str, name: str, known: PanelSpec | None, fields: Sequence[str], metrics: Sequence[str], needed: bool
) -> Any:
    """Show what one setting of a panel can be, and return what it is."""
    key = f"{_KEY}.form.{kind}.{name}"
    label = _LABELS.get((kind, name)) or _PLAIN_LABELS.get(name) or _SWITCHES.get(name) or name
    before = getattr(known, name) if known else None
    if name in _SWITCHES:
        return st.toggle(label, bool(before), key=key)
    if name == "smoothing":
        return st.slider("Smoothing", 0.0, 0.99, float(before or 0.0), 0.01, key=key)
    shown = lambda text: cell(text, 80)  # noqa: E731
    if name == "metrics":
        options = list(dict.fromkeys([*(before or ()), *_choices(kind, name, fields, metrics)]))
        return st.multiselect(label, options, list(before or ()), format_func=shown, key=key, max_selections=40)
    options = list(dict.fromkeys([*([before] if before else []), *_choices(kind, name, fields, metrics)]))
    at = options.index(before) if before else None
    optional = "" if needed else "None"
    return st.selectbox(label, options, at, format_func=shown, placeholder=optional or "Choose", key=key) or ""


def _choices(kind: str, name: str, fields: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Return the columns that a setting of a panel can be."""
    if kind == "line" and name == "metrics":
        return list(metrics)
    if kind == "line" and name == "x":
        return ["step", "time", "relative", *metrics]
    if kind == "importance" and name == "metrics":
        return [field for field in fields if field.startswith("params.")]
    if name == "group":
        return [field for field in fields if not field.startswith("metrics.")]
    return list(fields)
