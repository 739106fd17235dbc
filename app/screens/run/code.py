"""The tab of the code: commit, edits that it does not have, the files of the snapshot, and how to have it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import streamlit as st

from gtrack._app.grids import facts
from gtrack._app.parts import problem, remark
from gtrack._app.reading import kept
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.folders import browse
from gtrack._app.screens.run.preview import show_bytes
from gtrack._app.screens.run.subject import Subject
from gtrack.clock import now_ns
from gtrack.display.words import plural, size, value_text
from gtrack.errors import GtrackError
from gtrack.ids import is_object_id
from gtrack.ops.code_files import code_files, diff_text, read_code_file, uncommitted
from gtrack.ops.run_code import CodeChange, RunCode, code_of, fetch_code
from gtrack.report.hosts import Host, host_of_remote
from gtrack.text import clean

__all__ = ["checkout_commands", "code_tab", "left_out_rows"]

_MOST_LINES = 3_000
_LISTED = 200
_NAMED = 20


def code_tab(subject: Subject) -> None:
    """Show the tab."""
    code = subject.run.state.code
    if not code:
        remark("Nothing is known of this run's code: it was recorded outside of a repository.")
        return
    host = host_of_remote(subject.now.repo)
    _commit(code, host)
    command = code.get("command")
    if isinstance(command, list) and command:
        st.code(clean(shlex.join(map(str, command)))[:4000], language="bash", wrap_lines=True)
    here = code_of(subject.now.repo.repository, subject.run.state)
    commands = checkout_commands(code, here=here.object is not None)
    if commands:
        with st.expander("Have this code again", icon=":material/call_split:"):
            st.code("\n".join(commands), language="bash")
    if here.elsewhere:
        _elsewhere(subject, here)
    _edits(subject)
    _left_out(code)
    if here.object is not None and not here.elsewhere:
        _files(subject, here.object)


def checkout_commands(code: Mapping[str, object], *, here: bool) -> list[str]:
    """Return what to type to have a run's code in a folder beside; nothing where that is not known.

    Args:
        code: What the run says of its code.
        here: It is in this clone.
    """
    for name in ("snapshot", "commit"):
        oid = code.get(name)
        # Only what is certainly an object id is offered to be pasted into a shell.
        if isinstance(oid, str) and is_object_id(oid):
            note = "" if name == "snapshot" or code.get("dirty") is False else "    # without the uncommitted edits"
            first = [] if here else ["gtrack pull" if name == "snapshot" else "git fetch"]
            return [*first, f"git worktree add ../{oid[:12]} {oid}{note}"]
    return []


def left_out_rows(code: Mapping[str, object]) -> tuple[list[tuple[str, object]], int]:
    """Return which files are not in the snapshot, each with why, and how many more there are."""
    entries = code.get("left_out")
    listed = entries if isinstance(entries, list) else []
    rows: list[tuple[str, object]] = []
    for entry in listed[:_LISTED]:
        if isinstance(entry, Mapping):
            words = [value_text(entry.get("reason")) if entry.get("reason") else "", size(entry.get("size"))]
            rows.append((value_text(entry.get("path")), ", ".join(filter(None, words))))
    more = code.get("left_out_more")
    beyond = more if isinstance(more, int) and not isinstance(more, bool) else 0
    return rows, beyond + max(0, len(listed) - _LISTED)


def _commit(code: Mapping[str, object], host: Host | None) -> None:
    commit, dirty = code.get("commit"), code.get("dirty")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if isinstance(commit, str):
            st.code(clean(commit[:12]), language=None, width="content")
        if dirty is True:
            st.badge("with uncommitted edits", icon=":material/edit_note:", color="orange")
        elif dirty is False:
            st.badge("clean", icon=":material/check:", color="green")
        if isinstance(code.get("branch"), str):
            st.badge(markdown(code["branch"], 60), icon=":material/fork_right:", color="gray")
        address = host.commit(commit) if host is not None else ""
        if address:
            st.link_button("Open the commit", address, icon=":material/open_in_new:", type="tertiary")
    named = [(name, code[name]) for name in ("remote", "cwd") if code.get(name)]
    modules = code.get("submodules")
    for module in modules[:20] if isinstance(modules, list) else []:
        text = " ".join(map(value_text, module.values())) if isinstance(module, Mapping) else value_text(module)
        named.append(("submodule", text))
    st.caption(" · ".join(f"{name} {markdown(value, 200)}" for name, value in named))


def _elsewhere(subject: Subject, here: RunCode) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        remark(f"{here.remark}; it may be at the remote.")
        clicked = st.button("Fetch", icon=":material/cloud_download:", key="run.code.fetch")
    if clicked:
        try:
            with st.spinner("Fetching the code of runs; this may take a minute."):
                fetch_code(subject.now.repo.repository)
        except (GtrackError, OSError) as error:
            problem(error if isinstance(error, GtrackError) else str(error))
        else:
            st.rerun()


def _edits(subject: Subject) -> None:
    """Show what the commit does not have."""
    repo, state = subject.now.repo, subject.run.state
    if state.code.get("dirty") is not True:
        return
    st.subheader("Uncommitted edits", anchor=False)
    key = (repo.common_dir, "edits", subject.id, repo.has_code(state), now_ns() // 600_000_000_000)

    def answer() -> tuple[CodeChange, list[str], bool]:
        change = uncommitted(repo.repository, state)
        return change, *diff_text(repo.repository, change, _MOST_LINES)

    try:
        change, lines, more = kept(key, answer)
    except GtrackError as error:
        problem(error)
        return
    for text in change.remarks:
        remark(text)
    if not change.compared:
        return
    said = f"{plural(len(change.files), 'file')} changed, :green[+{change.added:,}] :red[-{change.removed:,}]"
    st.markdown(said if change.files else "The snapshot is the same as the commit.")
    named = [
        f"{markdown(cell(file.path, 120))} "
        + ("binary" if file.added is None else f":green[+{file.added:,}] :red[-{file.removed:,}]")
        for file in change.files[:_NAMED]
    ]
    more_files = len(change.files) - len(named)
    st.caption(" · ".join([*named, *([f"and {more_files:,} more"] if more_files else [])]))
    if lines:
        height = min(560, 60 + 20 * len(lines))
        st.code("\n".join(clean(line, lines=True) for line in lines), language="diff", height=height)
    if more:
        remark(f"The first {_MOST_LINES:,} lines; gtrack diff shows all of it.")


def _left_out(code: Mapping[str, object]) -> None:
    rows, more = left_out_rows(code)
    if not rows:
        return
    with st.expander(f"{plural(len(rows) + more, 'file')} not in the snapshot", icon=":material/block:"):
        facts(rows, plain=False, alt="What was left out, and why")
        if more:
            remark(f"and {more:,} more")


def _files(subject: Subject, tree: str) -> None:
    """Show the files of the code, and the one that was chosen."""
    repository, link = subject.now.repo.repository, subject.link
    st.subheader("Files", anchor=False)
    try:
        files = kept((subject.now.repo.common_dir, "code files", tree), lambda: code_files(repository, tree))
    except GtrackError as error:
        problem(error)
        return
    browse(link, [(file.path, file.size) for file in files], folder="sourcefolder", file="source")
    path = link["source"]
    if not path:
        return
    chosen = next((file for file in files if file.path == path), None)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{markdown(path)}**", width="stretch")
            st.button("Close", type="tertiary", on_click=lambda: link.put(source=""), key="run.source.close")
        if chosen is None:
            remark("The code has no such file.")
            return
        try:
            show_bytes(read_code_file(repository, chosen), path, numbers=True)
        except GtrackError as error:
            problem(error)
