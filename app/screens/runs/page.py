"""The page of runs: filter, choose columns, sort, group, select, and go on from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from gtrack._app.asking import Asked, ask, filter_bar, overview
from gtrack._app.bulk import Chosen, bulk_bar
from gtrack._app.charts.colours import inks
from gtrack._app.downloads import Download
from gtrack._app.grids import html_table
from gtrack._app.header import header
from gtrack._app.link import Link, Setting, saved_settings
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading, reading
from gtrack._app.run_columns import columns_of, usual_columns
from gtrack._app.safe import cell
from gtrack._app.screens.runs.as_code import code_of_groups, code_of_runs
from gtrack._app.screens.runs.elsewhere import selected_elsewhere
from gtrack._app.screens.runs.grouped import CONFIGURATION, grouped_of
from gtrack._app.screens.runs.groups import show_groups
from gtrack._app.screens.runs.rows import PAGE, Rows, orders_of, rows_of
from gtrack._app.screens.runs.sparks import sparks_of
from gtrack._app.screens.runs.table import TableEvents, arrow_table, show_table
from gtrack._app.steps import go_to_run, part
from gtrack.display.goals import Goals
from gtrack.display.ordering import falls
from gtrack.display.words import plural
from gtrack.errors import GtrackError
from gtrack.index.fields import read_field
from gtrack.index.query import Query
from gtrack.reader import Repo

__all__ = ["page"]

DEFAULTS: dict[str, Setting] = {
    "sort": "",
    "falling": True,
    "page": 1,
    "columns": (),
    "group": "",
    "groups": (),
    "nested": True,
    "open": (),
    "plain": False,
}
_TICK = 1.0
"""Seconds between looks at what has changed."""
_WELCOME = (
    "gtrack run -p lr=0.1 -- python train.py --lr {lr}     # record a run of any program",
    "gtrack log accuracy=0.91 -p lr=0.1                     # or values you have already",
    "gtrack demo                                            # or look at runs that are there",
)


def page(now: Reading) -> None:
    """Show the runs."""
    saved, trouble = saved_settings(now.repo, "runs")
    link = Link("runs", DEFAULTS, saved)
    asked = _asked(link)
    header(now, "Runs", link, *_code(now, link, asked))
    if trouble:
        problem(trouble)
    if overview(now).total:
        filter_bar(now, link)
        _tools(now, link)
    _table(link)


def _asked(link: Link) -> Asked | None:
    try:
        return ask(link)
    except GtrackError:
        return None  # said beside the filter


def _code(now: Reading, link: Link, asked: Asked | None) -> tuple[str, str]:
    asked = asked or Asked(Query(), valid=False)
    if link["group"]:
        try:
            return code_of_groups(asked, link["group"], grouped_of(now, asked, link["group"], _sort(link)))
        except (GtrackError, ValueError):
            pass  # said in the place of the groups
    return code_of_runs(asked, _sort(link), link["columns"])


def _sort(link: Link) -> str:
    return f"{'-' if link['falling'] else ''}{link['sort']}" if link["sort"] else ""


def _tools(now: Reading, link: Link) -> None:
    """Show what changes how runs are shown, not which."""
    fields = overview(now).fields
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = lambda name: cell(name, 80) or "Newest first"  # noqa: E731
        st.selectbox(
            "Sort by",
            list(dict.fromkeys(["", *fields, link["sort"]])),
            format_func=by,
            width=260,
            **{**link.widget("sort"), "on_change": _sort_by, "args": (now.repo.root or now.repo.git_dir, link)},
        )
        st.toggle("Falling", disabled=not link["sort"], **link.widget("falling"))
        groups = list(dict.fromkeys(["", CONFIGURATION, *overview(now).unmeasured, link["group"]]))
        of = lambda name: cell(name, 80) or "Nothing"  # noqa: E731
        st.selectbox(
            "Group by",
            groups,
            format_func=of,
            width=260,
            **{**link.widget("group"), "on_change": _group_by, "args": (link,)},
        )
        with st.popover("Columns", icon=":material/view_column:"):
            st.multiselect(
                "Columns, in order",
                list(dict.fromkeys([*link["columns"], *fields])),
                format_func=lambda name: cell(name, 80),
                placeholder="The usual ones",
                **link.widget("columns"),
            )
        st.toggle(
            "Nest children",
            help="Show children below their parents, unless a filter or a status is chosen",
            **link.widget("nested"),
        )


def _sort_by(path: str, link: Link) -> None:
    """Sort by what was chosen, the best, the latest or the smallest first, as ``gtrack ls --sort`` does."""
    name = st.session_state["runs.sort"] or ""
    with Repo(path) as repo:
        falling = not name or falls(read_field(name), Goals(repo).of)
    link.put(sort=name, falling=falling)


def _group_by(link: Link) -> None:
    """Group by what was chosen: the groups that are selected are of what was before."""
    link.put(group=st.session_state["runs.group"] or "", groups=())


@part(every=_TICK)
def _table(link: Link) -> None:
    """Show the table, again and again: live runs move in it."""
    with reading() as now:
        _table_of(now, link)


def _table_of(now: Reading, link: Link) -> None:
    if not overview(now).total:
        empty_state("No runs yet", "Record the first one in this repository, and it appears here by itself.", _WELCOME)
        return
    asked = _asked(link)
    if asked is None:
        return
    if link["group"]:
        show_groups(now, link, asked, _sort(link), _download(link, asked))
        return
    # What a filter or a status finds is shown, whatever its parent is.
    nested = bool(link["nested"]) and not asked.where and not link["status"]
    try:
        rows = rows_of(now, asked, sort=_sort(link), page=max(1, link["page"]), nested=nested, opened=link["open"])
    except GtrackError as error:
        problem(error)
        return
    if not rows.total:
        _no_match(link)
    else:
        bulk_bar(now, link, _chosen(link, rows), _download(link, asked))
    selected_elsewhere(now, link, (run.id for run in rows.runs))
    if rows.rows:
        _show(now, link, rows)
    if rows.total:
        _pager(link, rows)


def _chosen(link: Link, rows: Rows) -> Chosen:
    ids = link["runs"]
    return Chosen(ids, plural(len(ids), "run"), f"{len(ids)} selected" if ids else f"{rows.total:,} runs")


def _download(link: Link, asked: Asked) -> Download:
    """Return what a file of the runs holds."""
    try:
        order = orders_of(_sort(link))
    except GtrackError:
        order = ()  # said in the place of the table
    return Download(replace(asked.query, order=order), link["columns"])


def _no_match(link: Link) -> None:
    """Say that no run matches, and offer to ask for all."""
    remark("No run matches.")
    st.button("Show all runs", on_click=lambda: link.put(where="", experiment=(), status=()))


def _show(now: Reading, link: Link, rows: Rows) -> None:
    runs = rows.runs
    ids = [run.id for run in runs]
    protocol = Goals(now.repo).protocol(runs)
    first = None if protocol is None else protocol.metric
    names = list(link["columns"]) or now.kept("columns", tuple(ids), lambda: usual_columns(runs, first))
    columns = columns_of(names, runs)
    spark, sparks = sparks_of(now, runs, first)
    ink = inks(run.id for run in sorted(runs, key=lambda run: (run.started or 0, run.id)))
    table = arrow_table(
        rows.rows,
        columns,
        colours={run_id: one.colour for run_id, one in ink.items()},
        hidden=link["hidden"],
        sparks=sparks,
    )
    if link["plain"]:
        html_table(table, alt=plural(len(runs), "run"), without=(" eye", " spark"))
        return
    show_table(
        table,
        columns,
        selected=[number for number, run_id in enumerate(ids) if run_id in link["runs"]],
        on_select=lambda chosen: _select(link, ids, chosen),
        events=TableEvents(
            lambda row: go_to_run(ids[row]),
            lambda row: link.put(open=_toggled(link["open"], ids[row])),
            lambda row: link.put(hidden=_toggled(link["hidden"], ids[row])),
        ),
        spark=spark,
    )


def _select(link: Link, ids: Sequence[str], rows: Sequence[int]) -> None:
    here = set(ids)
    chosen = [ids[row] for row in rows if row < len(ids)]
    link.put(runs=(*(run_id for run_id in link["runs"] if run_id not in here), *chosen))


def _toggled(ids: Sequence[str], run_id: str) -> tuple[str, ...]:
    return tuple(one for one in ids if one != run_id) if run_id in ids else (*ids, run_id)


def _pager(link: Link, rows: Rows) -> None:
    pages = max(1, -(-rows.total // PAGE))
    at = min(max(1, link["page"]), pages)
    first = (at - 1) * PAGE + 1
    noun = "runs at the top" if rows.nested else "runs"
    with st.container(horizontal=True, vertical_alignment="center"):
        back, on = (lambda: link.put(page=at - 1)), (lambda: link.put(page=at + 1))
        st.button("Back", icon=":material/chevron_left:", disabled=at == 1, on_click=back)
        st.caption(f"{first:,} to {min(at * PAGE, rows.total):,} of {rows.total:,} {noun}", width="content")
        st.button("Next", icon=":material/chevron_right:", disabled=at == pages, on_click=on)
        st.toggle("As an HTML table", help="For screen readers", **link.widget("plain"))
