"""The tab of two versions beside each other: metrics and which way they are better, params, data, code, the files."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gtrack._app.differing.data import data_of
from gtrack._app.differing.grid import Cell, Grid, show_grid
from gtrack._app.differing.leaves import PARTS, leaf_grid
from gtrack._app.differing.metrics import metrics_by_run
from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.subject import Subject, label_of, usual_version, wanted_version
from gtrack._app.steps import go_to
from gtrack.display.model_facts import signature_text
from gtrack.display.model_words import called
from gtrack.display.words import plural, size
from gtrack.errors import GtrackError
from gtrack.model.registered import Version
from gtrack.model.state import RunState
from gtrack.ops.compare import judge
from gtrack.ops.run_code import CodeChange, compare_code

__all__ = ["compare_tab", "file_rows", "later_rows", "reference_version"]

_MOST_ROWS = 300
_MOST_FILES = 30
_SIGNS = {"better": "✓", "worse": "✗", "equal": "=", "different": "≠"}
_PARTS = ("params", "seed", "code")


def compare_tab(subject: Subject) -> None:
    """Show what differs between the version that is looked at and another."""
    version = subject.version
    others = [] if version is None else [each for each in reversed(subject.state.versions) if each.uid != version.uid]
    if version is None or not others:
        remark("There is no other version to compare with.")
        return
    base = _choose(subject, version, others)
    a, b = subject.run_of(base), subject.run_of(version)
    sections = [("Version", file_rows(base, version)), ("Measured later", later_rows(subject, base, version))]
    notes: list[str] = []
    if a is not None and b is not None:
        found, more = _run_sections(subject, a, b)
        sections, notes = [*found[:1], *sections, *found[1:]], more
    else:
        missing = " and ".join(called(each) for each, run in ((base, a), (version, b)) if run is None)
        remark(f"The run of {missing} is not here; gtrack pull fetches what the remote has.")
    rows = [row for title, part in sections if part for row in ([Cell(title, tone="title"), Cell(""), Cell("")], *part)]
    ids = [a.id, b.id] if a is not None and b is not None else []
    if rows:
        heads = ["", f"{called(base)} (reference)", called(version)]
        show_grid(Grid(heads, rows[:_MOST_ROWS], ids), f"what differs between {called(base)} and {called(version)}")
    else:
        remark("Nothing that is recorded differs.")
    for line in notes:
        st.caption(markdown(line))
    if a is not None and b is not None:
        _code(subject, a, b)


def reference_version(subject: Subject, version: Version, others: Sequence[Version]) -> Version:
    """Return what to compare a version with when nobody has said: what is in service, else the one before it."""
    usual, _ = usual_version(subject.state)
    if usual is not None and usual.uid != version.uid:
        return usual
    every = list(subject.state.versions)
    at = next((number for number, each in enumerate(every) if each.uid == version.uid), 0)
    return every[at - 1] if at else others[0]


def file_rows(a: Version, b: Version) -> list[list[Cell]]:
    """Return what differs in the files of two versions, and in what they take and give."""
    facts = [
        ("files", *(f"{plural(len(each.files), 'file')}, {size(each.size)}, {each.digest[:12]}" for each in (a, b)))
    ]
    facts += [("flavors", ", ".join(a.flavors), ", ".join(b.flavors))]
    for name in ("inputs", "outputs"):
        one, other = ((each.signature or {}).get(name) for each in (a, b))
        facts.append((name, *("" if part is None else signature_text(part) for part in (one, other))))
    if a.digest == b.digest:
        facts[0] = ("files", "the same", "the same")
    return [
        [Cell(name), Cell(one or "—"), Cell(other or "—", tone="faint" if one == other else "")]
        for name, one, other in facts
        if one != other or name == "files"
    ]


def later_rows(subject: Subject, a: Version, b: Version) -> list[list[Cell]]:
    """Return what was measured of two versions later, with which is better where that is known."""
    rows = []
    for key in dict.fromkeys([*a.metrics, *b.metrics]):
        one, other = a.metrics.get(key), b.metrics.get(key)
        verdict = judge(one, other, subject.goal(key))
        sign = _SIGNS.get(verdict, "") if one is not None and other is not None else ""
        delta = f"{sign} {other - one:+.4g}".strip() if sign and one is not None and other is not None else ""
        tone = verdict if sign and verdict in ("better", "worse") else ""
        rows.append([Cell(key), Cell(_number(one)), Cell(_number(other), delta, tone)])
    return rows


def _choose(subject: Subject, version: Version, others: Sequence[Version]) -> Version:
    """Let somebody choose what a version is compared with."""
    base = reference_version(subject, version, others)
    if subject.link["against"]:
        try:
            wanted = wanted_version(subject.state, subject.link["against"])
            base = wanted if wanted.uid != version.uid else base
        except GtrackError as error:
            remark(error.message)
    key = "models.against.box"
    st.session_state[key] = base.uid
    by_uid = {each.uid: each for each in (*others, base)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Compared with",
            list(by_uid),
            format_func=lambda uid: cell(label_of(by_uid[uid]), 80),
            key=key,
            on_change=lambda: subject.link.put(against=st.session_state[key]),
            width=320,
        )
        runs = [each.run for each in (base, version)]
        st.button(
            "Everything about their runs",
            icon=":material/compare_arrows:",
            disabled=None in runs or runs[0] == runs[1],
            on_click=go_to,
            args=("compare", {"runs": [str(run) for run in runs]}),
            key="models.compare",
        )
    return base


def _run_sections(subject: Subject, a: RunState, b: RunState) -> tuple[list[tuple[str, list[list[Cell]]]], list[str]]:
    """Return what differs between two runs, part by part, and what is to be said of it."""
    metrics = metrics_by_run([a, b], subject.goal)
    parts = [("Metrics", _listed(metrics.grid))]
    parts += [(PARTS[name][0], _listed(leaf_grid([a, b], PARTS[name][1], ""))) for name in _PARTS[:2]]
    data = data_of([a, b])
    parts += [("Data", _listed(data.grid))]
    parts += [(PARTS[name][0], _listed(leaf_grid([a, b], PARTS[name][1], ""))) for name in _PARTS[2:]]
    equal = [f"{plural(metrics.equal, 'metric')} equal"] if metrics.equal else []
    if not data.grid.rows and a.data:
        equal.append("the same data")
    said = [" · ".join([*metrics.notes, *equal])] if metrics.notes or equal else []
    return parts, [*said, *data.lines]


def _code(subject: Subject, a: RunState, b: RunState) -> None:
    """Show in which files the code of two runs differs."""
    change = subject.now.kept("models.code", (a.id, b.id), lambda: compare_code(subject.now.repo.repository, a, b))
    for text in change.remarks:
        remark(text)
    if not change.compared:
        return
    st.caption(markdown(_code_line(change)))
    if change.files:
        rows = [
            [
                Cell(file.path),
                Cell("binary" if file.added is None else f"+{file.added:,}"),
                Cell("" if file.removed is None else f"-{file.removed:,}"),
            ]
            for file in change.files[:_MOST_FILES]
        ]
        show_grid(Grid(["file", "lines added", "lines removed"], rows), "files of the code that differ")


def _code_line(change: CodeChange) -> str:
    if not change.files:
        return "the same code, uncommitted edits included"
    more = f"; the first {_MOST_FILES:,}" if len(change.files) > _MOST_FILES else ""
    return f"the code differs in {plural(len(change.files), 'file')}, +{change.added:,} -{change.removed:,} lines{more}"


def _listed(grid: Grid) -> list[list[Cell]]:
    return [list(row) for row in grid.rows]


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.6g}"
