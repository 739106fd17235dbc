"""The page of leaderboards: every experiment at a glance, and one of them by its protocol."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gtrack._app.asking import overview
from gtrack._app.experiment_choice import choose_experiment, filter_line
from gtrack._app.header import header
from gtrack._app.link import Link, saved_settings
from gtrack._app.panels import last_event, panels
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.leaderboard.board import DEFAULTS, Board, as_cli, as_python, board_of, fields_of
from gtrack._app.screens.leaderboard.figure import floor_on, leaderboard_figure
from gtrack._app.screens.leaderboard.overview import show_overview
from gtrack._app.screens.leaderboard.protocol import make_baseline, show_protocol
from gtrack._app.screens.leaderboard.table import row_labels, show_left, show_row, show_rows
from gtrack._app.steps import go_to_run
from gtrack._app.watching import watch
from gtrack.display.measured import measured
from gtrack.display.ranking import describe_goal, left_out, tie
from gtrack.errors import GtrackError
from gtrack.index.fields import Field
from gtrack.ops.goals import test_metric_warning
from gtrack.ops.leaderboard import Row

__all__ = ["page"]

_CHART = "leaderboard.chart"
_MOST_ROWS = 200
_WELCOME = (
    "gtrack run --experiment churn -- python train.py",
    "gtrack experiment set churn --metric val_auc --goal max --floor 'metrics.precision >= 0.8' --baseline last",
)


def page(now: Reading) -> None:
    """Show all experiments, or the leaderboard of one."""
    saved, trouble = saved_settings(now.repo, "leaderboard")
    link = Link("leaderboard", DEFAULTS, saved)
    chosen = link["experiment"]
    one = chosen[0] if len(chosen) == 1 else ""
    code = (as_cli(link, one), as_python(link, one)) if one else _OVERVIEW
    header(now, "Leaderboard", link, *code)
    for text in filter(None, (trouble, *link.problems)):
        problem(text)
    if not overview(now).total:
        empty_state("No runs yet", "An experiment's runs are ranked by what is said of it.", _WELCOME)
    elif one:
        _tools(now, link, one)
        try:
            _show(now, link, board_of(now, link, one))
        except GtrackError as error:
            problem(error)
            st.button("Forget the filter and the groups", on_click=lambda: link.put(where="", group=()))
    else:
        show_overview(now, link)
    watch(now, live=bool(link["unfinished"]))


_OVERVIEW = (
    "gtrack experiment ls",
    "import gtrack\nfrom gtrack.ops.overview import overviews\n\nwith gtrack.Repo() as repo:\n"
    "    for each in overviews(repo):\n        print(each.state.name, each.runs, each.metric, each.best)",
)


def _tools(now: Reading, link: Link, experiment: str) -> None:
    there = overview(now)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choose_experiment(now, link, experiment, none="All experiments")
        metrics = list(dict.fromkeys(["", *([link["metric"]] if link["metric"] else []), *there.keys["metrics"]]))
        label = lambda name: cell(name, 60) or "The experiment's own"  # noqa: E731
        st.selectbox("Metric", metrics, format_func=label, width=220, **link.widget("metric"))
        filter_line(now, link)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, least, most in (("min_runs", 1, 1000), ("count", 1, _MOST_ROWS)):
            if not least <= link[name] <= most:
                link.put(**{name: min(max(link[name], least), most)})
        fields = [name for name in there.unmeasured if name != "name"]
        st.multiselect(
            "Group by",
            list(dict.fromkeys([*link["group"], *fields])),
            format_func=lambda name: cell(name, 60),
            placeholder="Configuration: all but seeds",
            disabled=link["single"],
            width=280,
            **link.widget("group"),
        )
        few = "Leave out what has fewer runs"
        st.number_input(
            "Runs at least", 1, 1000, help=few, width=130, disabled=link["single"], **link.widget("min_runs")
        )
        st.number_input("Rows", 1, _MOST_ROWS, width=130, **link.widget("count"))
        st.toggle("Single runs", help="Rank runs rather than configurations", **link.widget("single"))
        st.toggle("Unfinished runs", help="Count failed, killed and running runs too", **link.widget("unfinished"))


def _show(now: Reading, link: Link, board: Board) -> None:
    show_protocol(now, board)
    if not board.total:
        remark("No run of this experiment matches.")
        return
    if board.problem is not None or board.board is None:
        problem(board.problem or "There is nothing to rank.")
        return
    ranking, single = board.board, bool(link["single"])
    value = "best" if ranking.goal.declared else "last"
    ranked = f"Ranked by {ranking.metric}, {describe_goal(ranking.goal)}: the {value} value of each run."
    st.caption(markdown(ranked, 400))
    if (warning := test_metric_warning(ranking.metric)) is not None:
        remark(warning)
    if not ranking.rows:
        remark("Nothing to rank.")
    if board.rows:
        by: list[Field] = [] if single else fields_of(link["group"])
        _chart(link, board, by)
        show_rows(board, by, lambda run_id: link.put(row=run_id), single=single, plain=bool(link["plain"]))
        st.toggle("As an HTML table", help="For screen readers", **link.widget("plain"))
        _remarks(board, len(board.rows))
        _row(now, link, board)
    show_left(board, left_out(ranking, board.protocol, max(1, link["min_runs"]), unfinished="the switch above"))


def _chart(link: Link, board: Board, by: Sequence[Field]) -> None:
    assert board.board is not None and board.states is not None
    ranking = board.board
    floor = floor_on(board.protocol.floor, ranking.metric)
    labels = row_labels(board.rows, by)
    figure = leaderboard_figure(ranking, board.rows, board.states, floor=floor, chosen=link["row"], labels=labels)
    single = {row.best.id for row in board.rows if row.of == 1}

    def clicked() -> None:
        event = last_event(_CHART)
        if event is None or event.kind != "click" or not event.ids:
            return
        if event.ids[0] in single:
            go_to_run(event.ids[0])
        else:
            link.put(row=event.ids[0])

    panels([figure], key=_CHART, columns=1, events=("click",), on_event=clicked)


def _remarks(board: Board, shown: int) -> None:
    """Say what the table does not: more rows, and whether the first is really the best."""
    assert board.board is not None
    hidden = board.board.total - sum(row.rank is not None for row in board.rows[:shown])
    if hidden > 0:
        st.caption(f"{hidden:,} more rows")
    apart = tie(board.board)
    if apart is not None:
        difference = measured(apart.difference, apart.half_width, signed=True)
        remark(f"1 and 2 cannot be told apart by so many runs: {difference} (Welch 95 %).")


def _row(now: Reading, link: Link, board: Board) -> None:
    """Show the row that is looked at: whichever has the run that the address names."""
    wanted = link["row"]
    row = next((row for row in board.rows if wanted and any(run.id == wanted for run in row.runs)), None)
    if row is None:
        return
    assert board.states is not None
    best = board.states[row.best.id]
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{_ranked(row)}** {markdown(best.name, 80)}", width="stretch")
            if not now.read_only and not row.baseline:
                path = now.repo.root or now.repo.git_dir
                args = (path, board.protocol.name, best.id)
                st.button("Make its best run the baseline", icon=":material/flag:", on_click=make_baseline, args=args)
            st.button("Close", icon=":material/close:", type="tertiary", on_click=lambda: link.put(row=""))
        show_row(now, board, row)


def _ranked(row: Row) -> str:
    return "Baseline" if row.rank is None else f"Rank {row.rank}" + (", baseline" if row.baseline else "")
