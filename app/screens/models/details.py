"""The tab of one version: all that is known of it, and its files. What is in them is neither read nor shown."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid
from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.subject import Subject
from gtrack._app.steps import go_to
from gtrack.display.model_facts import model_rows, version_rows
from gtrack.display.words import plural, size
from gtrack.model.registered import Version

__all__ = ["details_tab", "files_table", "pairs_table"]

_MOST = 1000
_LONGEST = 400


def details_tab(subject: Subject) -> None:
    """Show the tab."""
    version = subject.version
    if version is not None:
        rows = version_rows(version, subject.run_of(version), subject.now.now_us)
        st.table(pairs_table(rows), border="horizontal", hide_index=True, hide_header=True, alt="What is known of it")
        _files(subject, version)
    st.subheader("The model", anchor=False)
    rows = model_rows(subject.state)
    st.table(pairs_table(rows), border="horizontal", hide_index=True, hide_header=True, alt="The model as a whole")


def pairs_table(rows: list[tuple[str, str]]) -> pa.Table:
    """Return names and values as Markdown that shows them as they are."""
    heads, texts = [markdown(head, 120) for head, _ in rows], [markdown(text, _LONGEST) for _, text in rows]
    return pa.table({"name": pa.array(heads, pa.string()), "value": pa.array(texts, pa.string())})


def files_table(version: Version) -> pa.Table:
    """Return the files of a version with their sizes and digests."""
    files = version.files[:_MOST]
    columns = {
        "file": [cell(file.path, 300) for file in files],
        "size": [size(file.size) for file in files],
        "sha256": [cell(file.sha256, 64) for file in files],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _files(subject: Subject, version: Version) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Files", anchor=False, width="stretch")
        if subject.run_of(version) is not None:
            st.button(
                "Among the run's artifacts",
                icon=":material/folder_open:",
                type="tertiary",
                on_click=go_to,
                args=("run", {"id": version.run or "", "tab": "Artifacts"}),
                key="models.files",
            )
    table = files_table(version)
    config = {"file": st.column_config.TextColumn(width="medium"), "sha256": st.column_config.TextColumn(width="large")}
    grid(table, plain=bool(subject.link["plain"]), alt=plural(table.num_rows, "file"), config=config, rows=8)
    if len(version.files) > _MOST:
        remark(f"and {len(version.files) - _MOST:,} more")
