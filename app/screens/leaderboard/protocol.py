"""How an experiment's runs are compared: shown, and changed for the whole team."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.leaderboard.board import Board
from gtrack._app.steps import go_to_run
from gtrack.display.ranking import describe_goal
from gtrack.display.words import ago, plural
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.model.experiment import ExperimentState
from gtrack.reader import Repo

__all__ = ["changes_of", "make_baseline", "show_protocol"]

_SAID = "leaderboard.said"
_GOALS = {"": "As the runs or its name say", "max": "Higher is better", "min": "Lower is better"}


def show_protocol(now: Reading, board: Board) -> None:
    """Show what an experiment's runs are held to, who said so, and what makes it doubtful."""
    state = board.protocol
    with st.container(border=True):
        if state.description:
            st.markdown(markdown(state.description, 500))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("  \n".join(_lines(board)), width="stretch")
            if board.baseline is not None:
                st.button("Open the baseline", icon=":material/flag:", on_click=go_to_run, args=(board.baseline.id,))
            if not now.read_only:
                _form(now, board)
                _archive(now, state)
        st.caption(_who(now, state))
    for text in (*state.problems, *board.remarks):
        remark(text)
    for what in state.concurrent:
        remark(f"Its {what} was set in two clones at the same time; the later one stands until it is set again.")
    for text in st.session_state.pop(_SAID, ()):
        remark(text)


def _lines(board: Board) -> list[str]:
    """Return the protocol in lines of Markdown."""
    state = board.protocol
    if state.metric is None:
        metric = "nobody said by which"
    else:
        metric = f"**{markdown(state.metric, 80)}**, {markdown(describe_goal(board.goal_said))}"
    floor = "none"
    if state.floor is not None:
        met = board.total if board.good is None else board.good
        floor = f"{_code(state.floor)}, met by {met:,} of {plural(board.total, 'run')}"
    baseline = "none"
    if state.baseline is not None:
        run = board.baseline
        name = "" if run is None else f" **{markdown(run.name, 80)}**"
        good = {True: ", meets the floor", False: ", :red[does not meet the floor]", None: ""}[board.baseline_good]
        baseline = f"{markdown(state.baseline[:SHORT])}{name}{good}"
    return [f"Metric: {metric}", f"Floor: {floor}", f"Baseline: {baseline}"]


def _code(text: str) -> str:
    """Return a text as code in a line of Markdown, which leaves ``>=`` alone."""
    line = cell(text, 200)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}"


def _who(now: Reading, state: ExperimentState) -> str:
    if state.updated is None:
        return "Nobody has said anything about this experiment yet."
    who = markdown(state.author.partition(" <")[0], 80) or "somebody"
    archived = " It is archived." if state.archived else ""
    return f"Last said by {who}, {ago(state.updated, now.now_us)}.{archived}"


def changes_of(state: ExperimentState, wanted: Mapping[str, str]) -> dict[str, object | None]:
    """Return what is new of what was typed: an empty text takes a field away.

    Args:
        state: What was said of the experiment.
        wanted: The texts by field; the baseline's as a run's id.

    Example:
        >>> changes_of(ExperimentState("churn", metric="auc", goal="max"), {"metric": "auc", "goal": "", "floor": "x"})
        {'goal': None, 'floor': 'x'}
    """
    changes: dict[str, object | None] = {}
    for key, text in wanted.items():
        value = text.strip() or None
        if key == "metric" and value is not None:
            value = value.removeprefix("metrics.")
        if value != getattr(state, key):
            changes[key] = value
    if changes.get("metric") is not None and "goal" in wanted:
        changes["goal"] = wanted["goal"] or None  # a goal is that of one metric: it is said again
    return changes


def _form(now: Reading, board: Board) -> None:
    state = board.protocol
    # Another key once somebody has said something: what was typed before is not what holds.
    key = f"leaderboard.protocol.{state.name}.{state.updated}"
    with st.popover("Change", icon=":material/edit:"), st.form(key, border=False, width=360):
        st.caption("For everybody who shares the runs; the next gtrack push passes it on.")
        metrics = list(dict.fromkeys(["", *([state.metric] if state.metric else []), *sorted(board.metrics)]))
        st.selectbox(
            "Metric",
            metrics,
            index=metrics.index(state.metric or ""),
            format_func=lambda name: cell(name, 60) or "None",
            accept_new_options=True,
            key=f"{key}.metric",
        )
        goals = list(_GOALS)
        st.selectbox(
            "Goal", goals, index=goals.index(state.goal or ""), format_func=_GOALS.__getitem__, key=f"{key}.goal"
        )
        st.text_input("Floor", state.floor or "", placeholder="metrics.precision >= 0.8", key=f"{key}.floor")
        st.text_input(
            "Baseline", (state.baseline or "")[:SHORT], placeholder="a run's id or name, last", key=f"{key}.baseline"
        )
        st.text_area("What it is about", state.description or "", key=f"{key}.description", max_chars=2000)
        st.form_submit_button("Set", type="primary", on_click=_set, args=(_path(now), state, key))


def _set(path: str, state: ExperimentState, key: str) -> None:
    from gtrack.ops.experiments import set_protocol

    wanted = {name: str(st.session_state.get(f"{key}.{name}") or "") for name in _FIELDS}

    def act(repo: Repo) -> list[str]:
        typed = wanted["baseline"].strip()
        if typed and state.baseline is not None and typed == state.baseline[:SHORT]:
            wanted["baseline"] = state.baseline
        elif typed:
            wanted["baseline"] = repo.run(typed).id
        changes = changes_of(state, wanted)
        if not changes:
            return ["It is so already."]
        set_protocol(repo.repository, state.name, changes)
        return _doubts(repo, state.name, changes)

    _act(path, act)


_FIELDS = ("metric", "goal", "floor", "baseline", "description")


def make_baseline(path: str, experiment: str, run_id: str) -> None:
    """Make a run the one that others are compared with, from within a callback."""
    from gtrack.ops.experiments import set_protocol

    def act(repo: Repo) -> list[str]:
        changes: dict[str, object | None] = {"baseline": run_id}
        set_protocol(repo.repository, experiment, changes)
        return _doubts(repo, experiment, changes)

    _act(path, act)


def _archive(now: Reading, state: ExperimentState) -> None:
    label = "Restore" if state.archived else "Archive"
    icon = ":material/unarchive:" if state.archived else ":material/archive:"
    args = (_path(now), state.name, not state.archived)
    with st.popover(label, icon=icon):
        st.markdown(
            "List it among the others again." if state.archived else "It is over: listings leave it out. Runs stay."
        )
        st.button(f"{label} for everybody", type="primary", on_click=_set_archived, args=args)


def _set_archived(path: str, name: str, archived: bool) -> None:
    from gtrack.ops.experiments import archive

    def act(repo: Repo) -> list[str]:
        archive(repo.repository, name, archived)
        return ["Archived for everybody." if archived else "It is listed again."]

    _act(path, act)


def _doubts(repo: Repo, name: str, changes: Mapping[str, object | None]) -> list[str]:
    from gtrack.display.protocols import doubts
    from gtrack.ops.rivals import rivals

    said = [f"Set {', '.join(changes)} for everybody; gtrack push shares it."]
    return [*said, *doubts(rivals(repo, name), changes)]


def _act(path: str, act: Callable[[Repo], list[str]]) -> None:
    try:
        with Repo(path) as repo:
            st.session_state[_SAID] = act(repo)
    except (GtrackError, OSError) as error:
        st.session_state[_SAID] = [f"Not done: {error}"]


def _path(now: Reading) -> str:
    return now.repo.root or now.repo.git_dir
