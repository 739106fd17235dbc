"""The difference of two runs' code: which files, and git's diff of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from gtrack._app.differing.grid import heads_of
from gtrack._app.link import Link
from gtrack._app.parts import remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.compare.runs import Compared
from gtrack.display.words import plural
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.ops.run_code import CodeChange
from gtrack.reader import Repo
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.code_diff import FileChange

__all__ = ["Diff", "FileDiff", "by_file", "show_code"]

_MOST_LINES = 3_000
_MOST_FILES = 60
_OPEN = 3
_OPEN_LINES = 200
_HEAD = "diff --git "
_SAID = "compare.fetched"


@dataclass(slots=True)
class FileDiff:
    """The diff of a file.

    Attributes:
        head: Git's first line of it.
        lines: All lines.
    """

    head: str
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Diff:
    """What git says of two runs' code.

    Attributes:
        change: The files, and what is to be told.
        files: The diffs, in the order of the files, as far as they were read.
        more: There is more of it.
    """

    change: CodeChange
    files: tuple[FileDiff, ...] = ()
    more: bool = False


def by_file(lines: Iterable[str]) -> list[FileDiff]:
    """Return a diff file by file; a file that became a link or the like has two in a row, and they stay together."""
    found: list[FileDiff] = []
    for line in lines:
        # A file's own lines have a sign in front.
        if line.startswith(_HEAD) and (not found or found[-1].head != line):
            found.append(FileDiff(line))
        if found:
            text = line[:-1] + "^M" if line.endswith("\r") else line
            found[-1].lines.append(clean(text, lines=True))
    return found


def show_code(now: Reading, link: Link, runs: Compared) -> None:
    """Show the difference of the reference's code and that of one of the others."""
    reference = runs.reference
    if not runs.others:
        remark("There is no other run.")
        return
    other = _other(link, runs.others)
    diff = _diff(now, reference, other)
    change = diff.change
    for text in change.remarks:
        remark(text)
    if said := st.session_state.pop(_SAID, ""):
        remark(said)
    if not change.compared:
        _elsewhere(now, reference, other, change)
        return
    if not change.files:
        st.markdown("The same code ran.")
        return
    st.markdown(f"**{_counts(change)}**")
    _files(diff, f"gtrack diff {reference.id[:SHORT]} {other.id[:SHORT]} --code")


def _other(link: Link, others: Sequence[RunState]) -> RunState:
    by_id = {run.id: run for run in others}
    if link["other"] not in by_id:
        link.put(other="")
    ids = list(by_id)
    heads = dict(zip(ids, heads_of(others), strict=True))
    if len(ids) == 1:
        return others[0]
    options = ["", *ids[1:]]
    chosen = st.selectbox(
        "Code of",
        options,
        format_func=lambda run_id: heads[run_id or ids[0]],
        width=420,
        **link.widget("other"),
    )
    return by_id[chosen or ids[0]]


def _diff(now: Reading, one: RunState, other: RunState) -> Diff:
    here = now.repo.has_code(one), now.repo.has_code(other)
    return now.kept("compare.code", (one.id, other.id, here), lambda: _read(now.repo, one, other))


def _read(repo: Repo, one: RunState, other: RunState) -> Diff:
    from gtrack.ops.code_files import diff_text
    from gtrack.ops.run_code import compare_code

    change = compare_code(repo.repository, one, other)
    lines, more = diff_text(repo.repository, change, _MOST_LINES)
    return Diff(change, tuple(by_file(lines)), more)


def _counts(change: CodeChange) -> str:
    said = [f"{plural(len(change.files), 'file')} changed"]
    said += [f":green[+{change.added:,}]"] if change.added else []
    said += [f":red[-{change.removed:,}]"] if change.removed else []
    return ", ".join(said)


def _files(diff: Diff, command: str) -> None:
    """Show each file as one that unfolds; the first ones are open where they are short."""
    files = list(zip(diff.change.files, diff.files, strict=False))[:_MOST_FILES]
    for at, (file, text) in enumerate(files):
        cut = diff.more and at == len(files) - 1
        is_open = at < _OPEN and len(text.lines) <= _OPEN_LINES
        with st.expander(_label(file), expanded=is_open, icon=":material/draft:"):
            st.code("\n".join(text.lines), language="diff")
            if cut:
                st.caption("The rest of it is not shown.")
    left = diff.change.files[len(files) :]
    if left:
        st.markdown(f"{plural(len(left), 'further file')}:")
        st.code("\n".join(f"{_name(file)}  {_changed(file)}" for file in left[:500]), language=None)
    if left or diff.more:
        st.caption("The diff is too long to be shown whole. All of it:")
        st.code(command, language="bash")


def _label(file: FileChange) -> str:
    if file.added is None or file.removed is None:
        return f"{markdown(_name(file), 160)} · binary"
    return f"{markdown(_name(file), 160)} :green[+{file.added:,}] :red[-{file.removed:,}]"


def _name(file: FileChange) -> str:
    return cell(file.path if file.was is None else f"{file.was} → {file.path}", 300)


def _changed(file: FileChange) -> str:
    return "binary" if file.added is None or file.removed is None else f"+{file.added:,} -{file.removed:,}"


def _elsewhere(now: Reading, one: RunState, other: RunState, change: CodeChange) -> None:
    """Say how the code can be had that is not here."""
    if not change.elsewhere:
        return
    st.caption("Type this, which fetches it; or fetch it here: that asks the remote, and may take a minute.")
    st.code(f"gtrack diff {one.id[:SHORT]} {other.id[:SHORT]} --code", language="bash")
    if not now.read_only:
        path = now.repo.root or now.repo.git_dir
        st.button("Fetch the code", icon=":material/download:", on_click=_fetch, args=(path,))


def _fetch(path: str) -> None:
    from gtrack.ops.run_code import fetch_code

    try:
        with Repo(path) as repo:
            remote = fetch_code(repo.repository)
    except (GtrackError, OSError) as error:
        st.session_state[_SAID] = f"The code could not be fetched: {error}"
    else:
        st.session_state[_SAID] = f"Fetched the code of runs from {remote}; what is missing still was not published."
