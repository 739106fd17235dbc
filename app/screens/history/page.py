"""The page of history: a metric along the code's commits and branches, and what each commit did to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from gtrack._app.asking import overview
from gtrack._app.experiment_choice import choose_experiment, filter_line
from gtrack._app.header import header
from gtrack._app.link import Link, saved_settings
from gtrack._app.panels import last_event, panels
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.history.commit import choose, show_commit
from gtrack._app.screens.history.figure import CUSTOM, history_figure
from gtrack._app.screens.history.question import (
    DEFAULTS,
    VALUES,
    Question,
    as_cli,
    as_python,
    history_of,
    judged_of,
    question_of,
)
from gtrack._app.screens.history.table import show_commits
from gtrack._app.watching import watch
from gtrack.display.measured import measured
from gtrack.display.words import plural
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.ops.blame import Blame, Point
from gtrack.ops.goals import test_metric_warning
from gtrack.ops.metric_history import HistoryLine, MetricHistory

__all__ = ["page"]

_CHART = "history.chart"
_AXES = {"order": "One by one", "date": "By date"}
_WELCOME = (
    "gtrack run -- python train.py                 # a run of the code as it is",
    "git commit -am 'wider layers'                 # another commit",
    "gtrack run -- python train.py                 # and a run of that",
)


def page(now: Reading) -> None:
    """Show the history."""
    saved, trouble = saved_settings(now.repo, "history")
    link = Link("history", {**DEFAULTS, "plain": False}, saved)
    for name, known in (("value", VALUES), ("x", _AXES)):
        if link[name] not in known:
            link.put(**{name: DEFAULTS[name]})
    if not overview(now).total:
        header(now, "History", link)
        empty_state("No runs yet", "Each commit that has runs is a point of the history.", _WELCOME)
        watch(now)
        return
    try:
        question = question_of(now, link)
        found = history_of(now, question) if question.metric else None
        judged = judged_of(now, found) if found is not None else []
    except GtrackError as error:
        header(now, "History", link)
        filter_line(now, link)
        problem(error)
        st.button("Forget the branches and the filter", on_click=lambda: link.put(branches=(), where=""))
        return
    header(now, "History", link, *((as_cli(question, judged), as_python(question)) if found is not None else ()))
    for text in filter(None, (trouble, *link.problems)):
        problem(text)
    _tools(now, link, question)
    if found is None:
        remark("No run that matches has a metric.")
    else:
        _show(now, link, found, judged)
    watch(now)


def _tools(now: Reading, link: Link, question: Question) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choose_experiment(now, link, question.experiment)
        metrics = list(dict.fromkeys([question.metric, *sorted(question.metrics)]))
        st.session_state["history.which"] = question.metric
        st.selectbox(
            "Metric",
            metrics,
            format_func=lambda name: cell(name, 60),
            width=220,
            key="history.which",
            on_change=lambda: link.put(metric=st.session_state["history.which"]),
        )
        filter_line(now, link)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        began, branches = question.began, [*question.names.branches]
        ordered = sorted(branches, key=lambda name: -began.get(name, 0))
        st.multiselect(
            "Branches",
            list(dict.fromkeys([*link["branches"], *ordered, *question.names.tags])),
            format_func=lambda name: cell(name, 60) + (f" ({began[name]:,})" if name in began else ""),
            placeholder=", ".join(cell(each.name, 30) for each in question.revisions) or "Branches",
            accept_new_options=True,
            width=420,
            help="In brackets, how many runs began on it. Tags and other revisions can be typed.",
            **link.widget("branches"),
        )
        st.segmented_control(
            "Each commit's",
            list(VALUES),
            format_func=VALUES.__getitem__,
            required=True,
            help="The mean is over the runs that gtrack blame compares: of the params that most commits were run with.",
            **link.widget("value"),
        )
        st.segmented_control("Commits", list(_AXES), format_func=_AXES.__getitem__, required=True, **link.widget("x"))
        st.toggle(
            "Count uncommitted edits",
            help="Count runs of code with uncommitted edits for the commit they began at",
            **link.widget("dirty"),
        )


def _show(now: Reading, link: Link, found: MetricHistory, judged: Sequence[Blame]) -> None:
    if (warning := test_metric_warning(found.metric)) is not None:
        remark(warning)
    if not found.points:
        where = ", ".join(line.revision.name for line in found.lines)
        remark(f"No commit of {where} has a finished run with {found.metric}. {_left_out(found)}")
        if found.elsewhere:
            remark("Choose the branch that they began on, or its remote's.")
        return
    chosen = choose(found, judged, link["commit"])
    figure = history_figure(
        found, judged, value=link["value"], x=link["x"], chosen="" if chosen is None else chosen.point.commit.id
    )

    def clicked() -> None:
        event = last_event(_CHART)
        if event is not None and event.kind == "click" and event.ids:
            link.put(commit=event.ids[0])

    panels([figure], key=_CHART, columns=1, height=440, events=("click",), on_event=clicked)
    said = [
        sentence
        for line, told in zip(found.lines, judged, strict=True)
        for sentence in _verdicts(line, told, several=len(found.lines) > 1)
    ]
    if said:
        st.markdown("  \n".join(said))
    if left := _left_out(found):
        st.caption(left)
    _select(link, found, "" if chosen is None else chosen.point.commit.id)
    if chosen is not None:
        show_commit(now, found, chosen)
    elif link["commit"]:
        remark(f"The commit {link['commit']:.12} is not one of these.")
    show_commits(link, found, judged, plain=link["plain"])
    st.toggle("As an HTML table", help="For screen readers", **link.widget("plain"))


def _select(link: Link, found: MetricHistory, chosen: str) -> None:
    """Let a commit be chosen by keyboard."""
    points = {point.commit.id: point for point in found.points[::-1]}
    st.session_state["history.pick"] = chosen or None

    def label(oid: str) -> str:
        commit = points[oid].commit
        day = f"{datetime.fromtimestamp(min(max(commit.time, 0), 253_402_300_799), UTC):%Y-%m-%d}"
        return f"{oid[:SHORT]} · {day} · {cell(commit.subject, 80)}"

    st.selectbox(
        "Commit",
        list(points),
        index=None,
        format_func=label,
        placeholder="Click a point above, or choose a commit here",
        key="history.pick",
        on_change=lambda: link.put(commit=(st.session_state["history.pick"] or "")[:CUSTOM]),
    )


def _verdicts(line: HistoryLine, told: Blame, *, several: bool) -> list[str]:
    """Return which commit of a branch moved the metric, as Markdown; of what it shares with another, that tells."""
    on = f" on {markdown(line.revision.name, 60)}" if several else ""
    moved, worse = told.moved_most, told.worsened_most
    if moved is not None:
        own = {point.commit.id for point in line.points[line.parted :]}
        both = [("Moved most", moved), *([("Worsened most", worse)] if worse not in (None, moved) else [])]
        return [_blamed(f"{what}{on}", point) for what, point in both if point is not None and point.commit.id in own]
    if len(told.points) < 2 or several:
        return []
    if told.noise is None:
        return ["How much runs of the same code differ is not known: run some commits twice, with other seeds."]
    return ["No commit moved it by more than chance explains."]


def _blamed(what: str, point: Point) -> str:
    step, commit = point.step, point.commit
    assert step is not None  # or it would not have moved
    change = measured(step.interval.difference, step.interval.half_width, signed=True)
    change = change if point.sample.n else "NaN from then on"
    colour = {"better": "green", "worse": "red"}.get(step.verdict or "", "orange")
    more = f", one of {step.commits} commits" if step.commits > 1 else ""
    params = f"; its params changed as well: {markdown(', '.join(step.params[:3]), 120)}" if step.params else ""
    subject = markdown(commit.subject, 80)
    return f"{what}: **{commit.id[:SHORT]}** {subject} :{colour}[**{change}** ({step.verdict})]{more}{params}"


def _left_out(found: MetricHistory) -> str:
    """Return what is not in the chart, in a line."""
    said = [f"{plural(found.unfinished, 'run')} did not finish"] if found.unfinished else []
    said += [f"{plural(found.edited, 'run')} of uncommitted edits (rings)"] if found.edited else []
    said += [f"{plural(found.elsewhere, 'run')} of other commits"] if found.elsewhere else []
    parts = [f"Not counted: {', '.join(said)}."] if said else []
    parts += ["Older runs are not looked at."] if found.more else []
    parts += ["The clone is shallow: git fetch --unshallow shows older commits."] if found.shallow else []
    return " ".join(parts)
