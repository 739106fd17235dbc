"""What moves on the page of charts: the legend, the panels that were put together, and the sections of metrics."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import pyarrow as pa
import streamlit as st

from gtrack._app.charts.builder import PanelData, build
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.panel_spec import PanelSpec
from gtrack._app.charts.text import figure_id
from gtrack._app.charts.zoom import with_zoom
from gtrack._app.link import Link
from gtrack._app.panels import last_event, panels
from gtrack._app.panels.legend import legend, legend_click
from gtrack._app.parts import problem, remark
from gtrack._app.reading import Reading, kept
from gtrack._app.safe import markdown
from gtrack._app.screens.charts.curves import Preview, fetch_whole, read_curves
from gtrack._app.screens.charts.figures import Drawing, Drawn, figures_of, key_of
from gtrack._app.screens.charts.legend import hidden_after
from gtrack._app.screens.charts.panels import name_of, read_panels
from gtrack._app.screens.charts.sections import Fold, first_metrics, fold_after, folds_of, metrics_of
from gtrack._app.screens.charts.tables import show_tables
from gtrack._app.steps import go_to_run
from gtrack.display.words import plural
from gtrack.errors import GtrackError, UsageError
from gtrack.runs import runs_table

__all__ = ["show_body"]

_EVENTS = ("zoom", "click")
_LEGEND = "charts.legend"


def show_body(now: Reading, link: Link, drawing: Drawing, said: str) -> None:
    """Show the charts.

    Args:
        now: The repository.
        link: The page's settings.
        drawing: What they are drawn from.
        said: Which runs these are, in words.
    """
    _legend(link, drawing, said)
    _own_panels(now, link, drawing)
    keys = metrics_of(drawing.states, drawing.settings)
    if not keys:
        remark(_why_nothing(drawing))
        return
    main = first_metrics(drawing.chosen, drawing.states, keys)
    folds = folds_of(keys, main, opened=link["open"], closed=link["closed"], pages=link["pages"])
    preview = Preview()
    if len(folds) == 1:
        preview |= _charts(now, link, drawing, folds[0])
    else:
        for fold in folds:
            preview |= _section(now, link, drawing, fold)
    if preview.ids:
        _fetch(now, drawing, keys, preview)


def _why_nothing(drawing: Drawing) -> str:
    if not drawing.legend.runs:
        return "All runs are hidden: click on one in the legend."
    if drawing.settings.names:
        return "No metric has such a name."
    return "These runs have no metrics yet."


def _legend(link: Link, drawing: Drawing, said: str) -> None:
    entries = drawing.legend.entries

    def clicked() -> None:
        click = legend_click(_LEGEND)
        if click is None:
            return
        if click.kind == "open":
            if click.ids[:1]:
                go_to_run(click.ids[0])
        elif click.kind == "all":
            link.put(hidden=())
        else:
            link.put(hidden=hidden_after(entries, link["hidden"], click.ids, only=click.kind == "only"))

    legend(
        [
            {
                "name": entry.name,
                "colour": entry.colour,
                "dash": entry.dash,
                "ids": list(entry.ids),
                "run": entry.run,
                "hidden": entry.hidden,
                "live": entry.live,
                "strong": entry.strong,
            }
            for entry in entries
        ],
        key=_LEGEND,
        label=said,
        on_click=clicked,
    )


def _section(now: Reading, link: Link, drawing: Drawing, fold: Fold) -> Preview:
    key = f"charts.section.{figure_id('s', fold.name)}"

    def changed() -> None:
        link.put(**fold_after(fold, link["open"], link["closed"], to=bool(st.session_state.get(key))))

    st.session_state[key] = fold.open
    label = f"**{markdown(fold.name, 80)}** · {len(fold.keys):,}"
    box = st.expander(label, key=key, on_change=changed)
    if not fold.open:
        return Preview()
    with box:
        return _charts(now, link, drawing, fold)


def _charts(now: Reading, link: Link, drawing: Drawing, fold: Fold) -> Preview:
    """Show the charts of a section's page, and return whose curves are a preview."""
    try:
        drawn = figures_of(now, drawing, fold.shown)
    except GtrackError as error:
        problem(error)
        return Preview()
    _draw(link, drawing, drawn.figures, f"charts.grid.{figure_id('g', fold.name)}")
    if fold.pages > 1:
        _pager(link, fold)
    return drawn.preview


def _pager(link: Link, fold: Fold) -> None:
    key = f"charts.page.{figure_id('p', fold.name)}"

    def turn(by: int) -> None:
        link.put(pages={**link["pages"], fold.name: fold.page + by})

    first = fold.keys.index(fold.shown[0]) + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        start, end = fold.page == 1, fold.page == fold.pages
        st.button("Back", icon=":material/chevron_left:", on_click=turn, args=(-1,), key=f"{key}.back", disabled=start)
        st.caption(f"{first} to {first + len(fold.shown) - 1} of {len(fold.keys)} charts", width="content")
        st.button("Next", icon=":material/chevron_right:", on_click=turn, args=(1,), key=f"{key}.next", disabled=end)


def _own_panels(now: Reading, link: Link, drawing: Drawing) -> None:
    figures: list[Figure] = []
    for at, panel in enumerate(read_panels(link["panels"])):
        if isinstance(panel, UsageError):
            problem(UsageError(f"panel {at + 1}: {panel.message}", hint="Arrange, Remove"))
            continue
        try:
            figures.append(_own(now, drawing, panel))
        except GtrackError as error:
            problem(UsageError(f"{name_of(panel)}: {error.message}", hint=error.hint))
    if figures:
        _draw(link, drawing, _apart(figures), "charts.grid.own")


def _own(now: Reading, drawing: Drawing, panel: PanelSpec) -> Figure:
    def answer() -> Drawn:
        states = drawing.states
        columns = (panel.x, panel.y, panel.colour, panel.group, *panel.metrics)
        known = [name for name in columns if panel.kind != "line" and name]
        curves: pa.Table | None = read_curves(now, states, panel.curve_keys) if panel.curve_keys else None
        data = PanelData(runs_table(states, known), curves, drawing.legend.runs, drawing.settings.goals, drawing.zooms)
        return Drawn((build(panel, data),))

    zooms = tuple(drawing.zooms.items()) if panel.kind == "line" else ()
    key: Hashable = (key_of(now, drawing), repr(panel), zooms)
    return kept(("charts.own", key), answer).figures[0]


def _apart(figures: Sequence[Figure]) -> list[Figure]:
    """Return figures with ids that differ: a panel may be there twice."""
    count: dict[str, int] = {}
    out = []
    for figure in figures:
        count[figure.id] = number = count.get(figure.id, 0) + 1
        out.append(figure if number == 1 else replace(figure, id=f"{figure.id}-{number}"))
    return out


def _draw(link: Link, drawing: Drawing, figures: Sequence[Figure], key: str) -> None:
    if link["tables"]:
        show_tables(figures)
        return

    def happened() -> None:
        event = last_event(key)
        if event is None:
            return
        if event.kind == "zoom" and event.axis is not None:
            link.put(zoom=with_zoom(link["zoom"], event.axis, event.range))
        elif event.kind == "click" and len(event.ids) == 1:
            link.put(picked="" if link["picked"] == event.ids[0] else event.ids[0])

    panels(figures, key=key, columns=link["columns"], height=_height(link["columns"]), events=_EVENTS,
           ranges=drawing.zooms, on_event=happened)  # fmt: skip


def _height(columns: int) -> int:
    return {1: 420, 2: 320}.get(columns, 260)


def _fetch(now: Reading, drawing: Drawing, keys: Sequence[str], preview: Preview) -> None:
    """Say whose curves are a preview, and offer to fetch the whole ones."""
    said = st.session_state.pop("charts.fetched.said", "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f":material/info: Of {plural(len(preview.ids), 'run')} the store has more: {preview.shown:,} of "
            f"{preview.points:,} points are here.",
            width="content",
        )
        if st.button("Fetch the whole curves", icon=":material/cloud_download:", key="charts.fetch"):
            states = [state for state in drawing.states if state.id in set(preview.ids)]
            with st.spinner("Asking the store: some seconds for each 100 MB ..."):
                try:
                    left = fetch_whole(now, states, keys)
                except GtrackError as error:
                    problem(error)
                    return
            if left.ids:
                st.session_state["charts.fetched.said"] = (
                    f"The curves of {plural(len(left.ids), 'run')} could not be fetched: gtrack store status says why."
                )
            st.rerun()
    if said:
        problem(said)
