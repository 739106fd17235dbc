"""A commit of the history: who made it, what it changed, and its runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid
from gtrack._app.parts import problem, remark
from gtrack._app.reading import Reading, kept
from gtrack._app.run_columns import RunColumn, columns_of, usual_columns
from gtrack._app.run_list import run_list
from gtrack._app.safe import cell, markdown
from gtrack.display.measured import measured
from gtrack.display.words import ago, instant, plural, value_text
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.index.query import Query
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.ops.blame import Blame, Point
from gtrack.ops.leaderboard import value_of, varying_params
from gtrack.ops.metric_history import (
    CommitPoint,
    FileChange,
    HistoryLine,
    MetricHistory,
    RunValue,
    changes_between,
)
from gtrack.report.hosts import host_of_remote

__all__ = ["Chosen", "choose", "params_changed", "show_commit"]

_SAID_ABOVE = ("experiment", "commit")
_MOST_RUNS = 100
_MOST_FILES = 200
_MOST_COMMITS = 20
_MOST_VALUES = 5


@dataclass(frozen=True, slots=True)
class Chosen:
    """A commit that is looked at.

    Attributes:
        line: The branch that it is on.
        point: The commit with its runs.
        base: The commit before it on that branch that has runs that count.
        judged: What is known of the step between the two.
    """

    line: HistoryLine
    point: CommitPoint
    base: CommitPoint | None = None
    judged: Point | None = None


def choose(found: MetricHistory, judged: Sequence[Blame], text: str) -> Chosen | None:
    """Return the commit whose id begins with a text; None where there is none, or the text is too short to tell."""
    if len(text) < SHORT:
        return None
    for line, told in zip(found.lines, judged, strict=True):
        for at in range(line.parted, len(line.points)):
            point = line.points[at]
            if point.commit.id.startswith(text):
                base = next((before for before in reversed(line.points[:at]) if before.runs), None)
                return Chosen(line, point, base, next((p for p in told.points if p.commit.id == point.commit.id), None))
    return None


def show_commit(now: Reading, found: MetricHistory, chosen: Chosen) -> None:
    """Show a commit."""
    with st.container(border=True):
        _head(now, found, chosen)
        states = _states(now, found, (*chosen.point.runs, *chosen.point.edited))
        _runs(found, chosen, states)
        _changes(now, found, chosen, states)


def _head(now: Reading, found: MetricHistory, chosen: Chosen) -> None:
    commit = chosen.point.commit
    tags = found.tags.get(commit.id, ())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{markdown(commit.subject, 200) or '(no subject)'}**", width="stretch")
        host = host_of_remote(now.repo)
        if host is not None and (address := host.commit(commit.id)):
            st.link_button("Open at the host", address, icon=":material/open_in_new:")
    when = f"{ago(commit.time * 1_000_000, now.now_us)} ({instant(commit.time * 1_000_000)})"
    where = f"on {markdown(chosen.line.revision.name, 60)}"
    said = [commit.id[:12], markdown(commit.author, 80), when, where]
    said += [f":material/sell: {markdown(tag, 40)}" for tag in tags[:5]]
    st.caption(" · ".join(filter(None, said)))
    if sentence := _sentence(found, chosen):
        st.markdown(sentence)


def _sentence(found: MetricHistory, chosen: Chosen) -> str:
    """Return what the commit did to the metric, as Markdown."""
    judged = chosen.judged
    if judged is None or judged.step is None:
        return ""
    step = judged.step
    change = measured(step.interval.difference, step.interval.half_width, signed=True)
    since = f"since {step.base.id[:SHORT]}"
    metric = markdown(found.metric, 80)
    if not judged.sample.n:
        return f":red[**{metric} is NaN from here on**]"
    if not step.moved:
        return f"{metric} changed by {change} {since}: no more than chance explains."
    colour = {"better": "green", "worse": "red"}.get(step.verdict or "", "orange")
    mark = "▲" if step.interval.difference > 0 else "▼"
    return f":{colour}[**{mark} moved {metric} by {change} {since}: {step.verdict}**]"


def _states(now: Reading, found: MetricHistory, runs: Sequence[RunValue]) -> list[RunState]:
    """Return the whole states of a commit's runs, the best first; a bounded number."""
    sign = -1 if found.goal is not None and found.goal.direction == "max" else 1
    ordered = sorted(runs, key=lambda run: (math.isnan(run.value), sign * run.value, run.moment))
    ids = tuple(run.id for run in ordered[:_MOST_RUNS])

    def read() -> list[RunState]:
        states = now.repo.facts(Query(deleted=None)).states(ids)
        return [states[run_id] for run_id in ids]

    return now.kept("states", ids, read)


def _runs(found: MetricHistory, chosen: Chosen, states: Sequence[RunState]) -> None:
    values = [value_of(run, found.metric, found.goal) for run in states]
    metric = RunColumn(" value", cell(found.metric, 60), "number", values)
    others = [name for name in usual_columns(states) if not name.startswith("metrics.") and name not in _SAID_ABOVE]
    edited = {run.id for run in (*chosen.point.runs, *chosen.point.edited) if run.edited}
    marks = ["◌ " if run.id in edited else "" for run in states]
    run_list("history.runs", states, [metric, *columns_of(others, states)], marks)
    total = len(chosen.point.runs) + len(chosen.point.edited)
    said = [f"the best {_MOST_RUNS} of {plural(total, 'run')}"] if total > len(states) else []
    said += ["◌ had uncommitted edits"] if any(marks) else []
    if said:
        st.caption("; ".join(said))


def _changes(now: Reading, found: MetricHistory, chosen: Chosen, states: Sequence[RunState]) -> None:
    """Show what changed since the commit before that has runs."""
    base = chosen.base
    if base is None:
        remark("No commit before it on this branch has runs: there is nothing to compare it with.")
        return
    st.markdown(f"**What changed since {base.commit.id[:SHORT]}** {markdown(base.commit.subject, 100)}")
    _between(chosen, base)
    changed = params_changed(_states(now, found, base.runs), states)
    if changed:
        rows = [(cell(key, 80), *map(_values, sides)) for key, sides in changed.items()]
        names, before, after = zip(*rows, strict=True)
        changed = pa.table({"param": list(names), "before": list(before), "here": list(after)})
        grid(changed, plain=False, alt="Params that changed", rows=8)
    try:
        files = _files(now, base.commit.id, chosen.point.commit.id)
    except GtrackError as error:
        problem(error)
        return
    _file_table(files)


def _between(chosen: Chosen, base: CommitPoint) -> None:
    ids = [commit.id for commit in chosen.line.commits]
    if not {base.commit.id, chosen.point.commit.id} <= set(ids):
        return
    between = chosen.line.commits[ids.index(chosen.point.commit.id) : ids.index(base.commit.id)]
    if len(between) < 2:
        if len(chosen.point.commit.parents) > 1:
            st.caption("A merge: what it brought may be the reason.")
        return
    lines = [f"{commit.id[:SHORT]}  {cell(commit.subject, 100)}  ({cell(commit.author, 40)})" for commit in between]
    more = f"\n… and {len(lines) - _MOST_COMMITS:,} more" if len(lines) > _MOST_COMMITS else ""
    st.caption(f"One of {len(between):,} commits; the others have no runs.")
    st.code("\n".join(lines[:_MOST_COMMITS]) + more, language=None)


def params_changed(before: Sequence[RunState], here: Sequence[RunState]) -> dict[str, tuple[list[str], list[str]]]:
    """Return the params, seeds apart, that have not the same values on both sides, with the values of each.

    Example:
        >>> params_changed(runs_with_lr_0_1, runs_with_lr_0_01_and_0_02)
        {'lr': (['0.1'], ['0.01', '0.02'])}
    """
    if not before or not here:
        return {}
    flat = [[dict(flatten(run.params)) for run in side] for side in (before, here)]
    out = {}
    for key in varying_params([*before, *here]):
        sides = [list(dict.fromkeys(_text(params, key) for params in side)) for side in flat]
        if set(sides[0]) != set(sides[1]):
            out[key] = (sides[0], sides[1])
    return out


def _text(params: Mapping[str, object], key: str) -> str:
    return value_text(params[key]) if key in params else "—"


def _values(texts: Sequence[str]) -> str:
    more = f", … ({len(texts)} values)" if len(texts) > _MOST_VALUES else ""
    return ", ".join(cell(text, 60) for text in texts[:_MOST_VALUES]) + more


def _files(now: Reading, base: str, commit: str) -> list[FileChange]:
    """Return what differs between two commits, which never changes."""
    key = (now.repo.common_dir, "history.files", base, commit)
    return kept(key, lambda: changes_between(now.repo, base, commit))


def _file_table(files: Sequence[FileChange]) -> None:
    if not files:
        remark("The code is the same.")
        return
    added, removed = sum(file.added or 0 for file in files), sum(file.removed or 0 for file in files)
    st.caption(f"{plural(len(files), 'file')}: {plural(added, 'line')} added, {removed:,} removed")
    shown = files[:_MOST_FILES]
    names = [cell(f"{file.was} → {file.path}" if file.was else file.path, 200) for file in shown]
    counts = [[file.added for file in shown], [file.removed for file in shown]]
    table = pa.table(
        {"file": names, "added": pa.array(counts[0], pa.int64()), "removed": pa.array(counts[1], pa.int64())}
    )
    config = {
        "file": st.column_config.TextColumn("file", width="large"),
        "added": st.column_config.NumberColumn("+", width=70, help="Lines added; none of a binary file"),
        "removed": st.column_config.NumberColumn("-", width=70, help="Lines removed; none of a binary file"),
    }
    grid(table, plain=False, alt="Files that changed", config=config, rows=8)
    if len(files) > len(shown):
        st.caption(f"the first {len(shown)} of {len(files):,}")
