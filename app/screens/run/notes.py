"""The tabs of what was said and done: notes as a thread, and the audit trail."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid
from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.acting import act_on
from gtrack._app.screens.run.subject import Subject
from gtrack.display.words import ago, instant, plural
from gtrack.text import clean

__all__ = ["history_tab", "notes_tab"]

_MOST = 200
_LONGEST = 20_000
_KEY = "run.note"


def notes_tab(subject: Subject) -> None:
    """Show the notes, the oldest first, and a form for another."""
    notes = subject.run.state.notes
    if len(notes) > _MOST:
        remark(f"The last {_MOST:,} of {len(notes):,} notes.")
    for note in notes[-_MOST:]:
        with st.container(border=True, gap="small"):
            author = markdown(cell(note.author.partition(" <")[0], 80)) or "somebody"
            st.caption(f"**{author}** · {instant(note.time)}, {ago(note.time, subject.now.now_us)}")
            text = clean(note.text, lines=True)
            st.text(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …")
    if not notes:
        remark("No notes yet.")
    if subject.now.read_only:
        return
    key = f"{_KEY}.{subject.id}"
    with st.form(_KEY, clear_on_submit=True, border=False):
        st.text_area("Add a note", key=key, max_chars=10_000, placeholder="Looks leaky: check the split.", height=90)
        st.form_submit_button("Add", type="primary", icon=":material/add_comment:", on_click=_add, args=(subject, key))


def _add(subject: Subject, key: str) -> None:
    from gtrack.ops.edit import note

    text = str(st.session_state.get(key, ""))
    act_on(subject.path, subject.id, lambda repo, run: note(repo, [run], text), "Noted.")


def history_tab(subject: Subject) -> None:
    """Show who did what to the run, the oldest first."""
    trail = subject.now.kept("audit", subject.version, subject.run.audit)
    if not trail:
        remark("Nothing is recorded yet: the run is live, and what it does is written down when it ends.")
        return
    table = pa.table(
        {
            "when": pa.array([instant(entry.time) for entry in trail], pa.string()),
            "who": pa.array([entry.author.partition(" <")[0] or "gtrack" for entry in trail], pa.string()),
            "what": pa.array([_what(entry.sentence, future=entry.future) for entry in trail], pa.string()),
            "file": pa.array([entry.path for entry in trail], pa.string()),
        }
    )
    config = {"what": st.column_config.TextColumn(width="large"), "file": st.column_config.TextColumn(width="medium")}
    grid(table, plain=bool(subject.link["plain"]), alt=plural(len(trail), "entry"), config=config, rows=18)
    remark("An entry for each file of the run on the gtrack branch, which is only ever added to.")


def _what(sentence: str, *, future: bool) -> str:
    return f"{sentence} (of a time to come: it does not count yet)" if future else sentence
