"""The tab of what a version was made of, the run, code and data, and of the proof that nothing of it was altered."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.proof import show_proof
from gtrack._app.screens.models.subject import Subject
from gtrack._app.steps import go_to, go_to_run
from gtrack.display.data_text import data_label, data_text
from gtrack.display.words import ago, plural, value_text
from gtrack.ids import SHORT
from gtrack.model.registered import Version
from gtrack.model.state import RunState
from gtrack.model.uses import edges_of
from gtrack.ops.code_files import uncommitted
from gtrack.text import clean

__all__ = ["data_table", "lineage_tab"]

_MOST = 50
_FILES = 30


def lineage_tab(subject: Subject) -> None:
    """Show the tab."""
    version = subject.version
    if version is None:
        remark("There is no version.")
        return
    run = subject.run_of(version)
    _run(subject, version, run)
    if run is not None:
        _code(subject, run)
        _data(run)
        _uses(run)
    show_proof(subject, version)


def data_table(data: list[object]) -> pa.Table:
    """Return the inputs of a run with their whole digests, as Markdown that shows texts as they are."""
    digests = [entry.get("digest") if isinstance(entry, Mapping) else None for entry in data]
    columns = {
        "input": [markdown(data_label(entry, number), 120) for number, entry in enumerate(data, 1)],
        "what": [markdown(data_text(entry), 300) for entry in data],
        "digest": [f"`{text}`" if (text := _digest(digest)) else "" for digest in digests],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _run(subject: Subject, version: Version, run: RunState | None) -> None:
    st.subheader("Made by", anchor=False)
    if version.run is None:
        remark("No run made it.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = f"{version.run[:SHORT]} (not here)" if run is None else f"{cell(run.name, 60)} · {run.id[:SHORT]}"
        st.button(
            markdown(name),
            icon=":material/play_circle:",
            disabled=run is None,
            on_click=go_to_run,
            args=(version.run,),
            key="models.run",
        )
        if run is not None:
            st.button(
                "Its lineage",
                icon=":material/account_tree:",
                type="tertiary",
                on_click=go_to,
                args=("run", {"id": run.id, "tab": "Lineage"}),
                key="models.run.lineage",
            )
            said = f"{run.status}, started {ago(run.started, subject.now.now_us)}, artifact {version.path or '-'}"
            st.caption(markdown(said, 300), width="content")


def _code(subject: Subject, run: RunState) -> None:
    """Show the commit, and in which files the code that ran was not as committed."""
    code = run.code
    st.subheader("Code", anchor=False)
    commit = code.get("commit")
    if not isinstance(commit, str):
        remark("Nothing is known of the code: the run was recorded outside of a repository.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.code(clean(commit[:12]), language=None, width="content")
        if code.get("dirty") is True:
            st.badge("with uncommitted edits", icon=":material/edit_note:", color="orange")
        elif code.get("dirty") is False:
            st.badge("clean", icon=":material/check:", color="green")
        if isinstance(code.get("branch"), str):
            st.badge(markdown(code["branch"], 60), icon=":material/fork_right:", color="gray")
        st.button(
            "The edits and files",
            icon=":material/code:",
            type="tertiary",
            on_click=go_to,
            args=("run", {"id": run.id, "tab": "Code"}),
            key="models.run.code",
        )
    if code.get("dirty") is not True:
        return
    repository = subject.now.repo.repository
    change = subject.now.kept("models.uncommitted", run.id, lambda: uncommitted(repository, run))
    for text in filter(None, change.remarks):
        remark(text)
    lines = [
        f"- {markdown(file.path, 200)} :green[+{file.added or 0:,}] :red[-{file.removed or 0:,}]"
        for file in change.files[:_FILES]
    ]
    if lines:
        st.markdown("\n".join(lines))
    if len(change.files) > _FILES:
        remark(f"and {plural(len(change.files) - _FILES, 'file')} more")


def _data(run: RunState) -> None:
    st.subheader("Data", anchor=False)
    if not run.data:
        remark("No data recorded: run.log_data fingerprints what goes in.")
        return
    shown = list(run.data[:_MOST])
    st.table(data_table(shown), border="horizontal", hide_index=True, alt=plural(len(shown), "input"))
    if len(run.data) > _MOST:
        remark(f"and {len(run.data) - _MOST:,} more")


def _uses(run: RunState) -> None:
    edges = list(edges_of(run.id, run.uses))
    if not edges:
        return
    st.subheader("Artifacts of other runs", anchor=False)
    for number, edge in enumerate(edges[:_MOST]):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                edge.run[:SHORT],
                type="tertiary",
                icon=":material/arrow_outward:",
                on_click=go_to_run,
                args=(edge.run,),
                key=f"models.uses.{number}",
            )
            digest = f" · sha256 {edge.digest[:12]}" if edge.digest else ""
            st.caption(markdown(cell(edge.path, 160) + digest), width="content")


def _digest(value: object) -> str:
    """Return a digest where it looks like one, since it is shown as code."""
    text = value_text(value) if isinstance(value, str) else ""
    return text if text and all(char.isalnum() or char in ":-_" for char in text) else ""
