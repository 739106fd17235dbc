"""The tab of a model's audit trail: everything that happened to it, in words."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.subject import Subject
from gtrack.display.model_history import remarks, sentence
from gtrack.display.model_words import who
from gtrack.display.words import instant, plural
from gtrack.model.registry import ModelState

__all__ = ["history_tab", "history_table"]

_MOST = 500


def history_tab(subject: Subject) -> None:
    """Show who did what and why, the newest first."""
    state = subject.state
    table = history_table(state)
    st.table(table, border="horizontal", hide_index=True, alt=plural(table.num_rows, "entry"))
    if len(state.history) > _MOST:
        remark(f"The last {_MOST:,} of {len(state.history):,}; gtrack model show --events prints them all.")
    for name in state.future[:_MOST]:
        remark(f"of a time to come, it does not count yet: {cell(name, 200)}")
    remark("An entry for each file of the model on the gtrack branch, which is only ever added to.")


def history_table(state: ModelState) -> pa.Table:
    """Return the audit trail as Markdown that shows texts as they are, the newest first."""
    entries = list(reversed(state.history))[:_MOST]
    columns = {
        "when": [markdown(instant(entry.time), 40) for entry in entries],
        "who": [markdown(who(entry.author), 80) for entry in entries],
        "what": [markdown(sentence(state, entry)) for entry in entries],
        "why": ["; ".join(markdown(line.strip()) for line in remarks(entry)) for entry in entries],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
