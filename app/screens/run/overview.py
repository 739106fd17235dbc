"""The tab of what the run came to: its error, metrics, params, tags, seeds, and what went wrong in recording it."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import facts, grid
from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.changed import changed
from gtrack._app.screens.run.subject import Subject
from gtrack.display.goals import Goals
from gtrack.display.system_use import use_in_words
from gtrack.display.words import instant, plural, value_text
from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.text import clean

__all__ = ["metrics_table", "overview_tab"]

_TRACEBACK = 200_000


def overview_tab(subject: Subject) -> None:
    """Show the tab."""
    state, plain = subject.state, bool(subject.link["plain"])
    changed(subject)
    _error(state)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _metrics(subject, plain=plain)
        _system(subject, plain=plain)
    with right:
        _titled("Params", list(flatten(state.params)), plain=plain)
        _titled("Tags", list(state.tags.items()), plain=plain)
        _titled("Seeds", list(state.seed.items()), plain=plain)
        if not state.params and not state.tags:
            remark("No params: gtrack.log_params({...}) records them, or gtrack run -p lr=0.1.")
    _sessions(state, plain=plain)
    _problems(state, subject.run.artifact_list.problems if not state.live else [])


def metrics_table(metrics: Mapping[str, MetricSummary], goals: Mapping[str, Goal | None]) -> pa.Table:
    """Return a row for each metric: last, best, lowest and highest value with their steps, and how many there are.

    Args:
        metrics: The summaries.
        goals: Which way each is better, where known.
    """
    rows = list(metrics.items())
    best = [_best(summary, goals.get(key)) for key, summary in rows]
    number, whole, text = pa.float64(), pa.int64(), pa.string()
    columns = {
        "metric": pa.array([cell(key, 200) for key, _ in rows], text),
        "last": pa.array([summary.last for _, summary in rows], number),
        "step": pa.array([summary.step for _, summary in rows], whole),
        "best": pa.array([value for value, _ in best], number),
        "best at": pa.array([step for _, step in best], whole),
        "better": pa.array([_direction(goals.get(key)) for key, _ in rows], text),
        "min": pa.array([summary.min for _, summary in rows], number),
        "min at": pa.array([summary.argmin for _, summary in rows], whole),
        "max": pa.array([summary.max for _, summary in rows], number),
        "max at": pa.array([summary.argmax for _, summary in rows], whole),
        "values": pa.array([_count(summary) for _, summary in rows], text),
    }
    return pa.table(columns)


def _best(summary: MetricSummary, goal: Goal | None) -> tuple[float | None, int | None]:
    if goal is None:
        return None, None
    return (summary.min, summary.argmin) if goal.direction == "min" else (summary.max, summary.argmax)


def _direction(goal: Goal | None) -> str:
    if goal is None:
        return ""
    return f"{'lower' if goal.direction == 'min' else 'higher'}{'' if goal.declared else ', by its name'}"


def _count(summary: MetricSummary) -> str:
    nan = f" ({summary.nan:,} NaN)" if summary.nan else ""
    return f"{'~' if summary.partial else ''}{summary.count:,}{nan}"


def _error(state: RunState) -> None:
    error = state.error or {}
    if not error:
        return
    with st.container(border=True):
        what = ": ".join(value_text(error[name]) for name in ("type", "message") if error.get(name))
        st.markdown(f":red[:material/error: **{markdown(what or state.status, 1000)}**]")
        if error.get("cause"):
            st.caption(markdown(f"Cause: {value_text(error['cause'])}", 1000))
        traceback = error.get("traceback")
        if isinstance(traceback, str) and traceback.strip():
            text = clean(traceback[-_TRACEBACK:], lines=True).rstrip()
            st.code(text, language=None, height=min(460, 50 + 21 * (text.count("\n") + 1)))


def _metrics(subject: Subject, *, plain: bool) -> None:
    state = subject.state
    st.subheader("Metrics", anchor=False)
    if not state.metrics:
        remark("No metrics: gtrack.log({'loss': 0.3}, step=1) records them.")
        return
    goals = Goals(subject.now.repo)
    known = {key: goals.among(key, [state]) for key in state.metrics}
    first = subject.main
    ordered = {key: state.metrics[key] for key in [*first, *(key for key in state.metrics if key not in first)]}
    numbers = {name: st.column_config.NumberColumn(format="%.6g") for name in ("last", "best", "min", "max")}
    config = {"metric": st.column_config.TextColumn(pinned=True), **numbers}
    grid(metrics_table(ordered, known), plain=plain, alt=plural(len(ordered), "metric"), config=config)
    for key, count in state.rejected.items():
        remark(f"{cell(key, 100)}: {plural(count, 'value')} refused")


def _system(subject: Subject, *, plain: bool) -> None:
    if subject.state.live:
        return  # means of what is being measured: the tab of the machine draws it
    use = subject.now.kept("system use", subject.version, lambda: dict(subject.run.system_use))
    _titled("Machine", list(use_in_words(use)), plain=plain)


def _titled(title: str, items: list[tuple[str, object]], *, plain: bool) -> None:
    if items:
        st.subheader(title, anchor=False)
        facts(items, plain=plain, alt=f"{title}, {len(items):,}")


def _sessions(state: RunState, *, plain: bool) -> None:
    if len(state.sessions) < 2:
        return
    st.subheader("Sessions", anchor=False)
    rows = state.sessions
    table = {
        "session": [cell(one.id, 40) for one in rows],
        "status": [value_text(one.status) for one in rows],
        "started": [instant(one.started) for one in rows],
        "ended": [instant(one.ended) for one in rows],
        "resumes": [cell(one.previous or "", 40) + (" (forked)" if one.fork else "") for one in rows],
    }
    grid(pa.table(table), plain=plain, alt=plural(len(rows), "session"))


def _problems(state: RunState, left_out: list[str]) -> None:
    lines = [*state.problems, *left_out, *(f"in the future: {name}" for name in state.future)]
    lines += [f"edited in two clones at the same time, the later one stands: {what}" for what in state.concurrent]
    if lines:
        st.subheader("Problems", anchor=False)
        st.code("\n".join(cell(line, 500) for line in lines[:200]), language=None, wrap_lines=True)
