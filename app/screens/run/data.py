"""The tab of data: what went in, how much, with which digest, and how it differs from the reference's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import facts, grid
from gtrack._app.parts import empty_state, remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.subject import Subject
from gtrack.display.data_text import change_label, change_lines, data_label, is_fingerprint, shared_line
from gtrack.display.words import plural, size, value_text
from gtrack.model.nested import flatten
from gtrack.ops.data_changes import data_changes, shared_rows, without_sketch

__all__ = ["columns_table", "data_tab", "data_table"]

_MOST = 200
_COLUMNS = 2_000


def data_tab(subject: Subject) -> None:
    """Show the tab."""
    data, plain = subject.run.state.data[:_MOST], bool(subject.link["plain"])
    if not data:
        commands = ['run.log_data("train", frame)', 'run.log_data("raw", "data/raw.csv")']
        text = "A fingerprint of what goes in tells later whether two runs saw the same data."
        empty_state("No data recorded", text, commands, language="python")
        return
    for shared in shared_rows(data):
        st.warning(markdown(shared_line(shared)), icon=":material/warning:")
    _drift(subject)
    config = {"rows": st.column_config.NumberColumn(format="localized")}
    grid(data_table(data), plain=plain, alt=plural(len(data), "input"), config=config)
    for number, entry in enumerate(data, 1):
        _entry(entry, number, plain=plain)


def data_table(data: Sequence[object]) -> pa.Table:
    """Return a row for each input."""
    rows = [entry if isinstance(entry, Mapping) else {"name": entry} for entry in data]
    columns: dict[str, Any] = {
        "input": [cell(data_label(entry, number), 120) for number, entry in enumerate(data, 1)],
        "kind": [_text(row.get("type") or row.get("kind")) for row in rows],
        "rows": pa.array([_whole(row.get("rows")) for row in rows], pa.int64()),
        "columns": [_extent(row) for row in rows],
        "size": [size(row.get("bytes")) for row in rows],
        "digest": [_digest(row) for row in rows],
        "from": [_source(row.get("source")) for row in rows],
    }
    return pa.table(columns)


def columns_table(entry: Mapping[str, object]) -> pa.Table | None:
    """Return the columns of a table that went in, with their types and digests; None where it names none."""
    columns = entry.get("columns")
    named = [one for one in columns if isinstance(one, Mapping)] if isinstance(columns, list) else []
    if not named:
        return None
    names = list(dict.fromkeys(str(key) for one in named[:20] for key in one))[:12]
    return pa.table(
        {cell(name, 60): pa.array([_text(one.get(name)) for one in named[:_COLUMNS]], pa.string()) for name in names}
    )


def _drift(subject: Subject) -> None:
    """Show what is not as it was in the reference."""
    if subject.reference is None:
        return
    other, what = subject.reference
    changes = data_changes(other.data, subject.run.state.data)
    if not changes:
        remark(f"The same data as {what}, {cell(other.name, 60)}." if other.data else f"{what} recorded no data.")
        return
    with st.container(border=True):
        st.markdown(f"**Against {markdown(what)}**, {markdown(cell(other.name, 60))}")
        for change in changes[:20]:
            words = {"added": "new", "removed": "gone", "changed": "other content"}[change.change]
            lines = change_lines(change) or [f"{change_label(change)}: {words}"]
            st.markdown("\n\n".join(markdown(line, 1000) for line in lines))


def _entry(entry: object, number: int, *, plain: bool) -> None:
    if not isinstance(entry, Mapping):
        return
    table = columns_table(entry)
    label = data_label(entry, number) if is_fingerprint(entry) else value_text(entry.get("name") or number)
    with st.expander(markdown(cell(label, 80)), icon=":material/dataset:"):
        kept = without_sketch({key: value for key, value in entry.items() if key != "columns"})
        facts(list(flatten(kept)) if isinstance(kept, Mapping) else [], plain=plain, alt="What is known of it")
        if table is not None:
            grid(table, plain=plain, alt=plural(table.num_rows, "column"))


def _extent(row: Mapping[str, object]) -> str:
    shape, columns = row.get("shape"), row.get("columns")
    if isinstance(shape, list):
        return " x ".join(value_text(part) for part in shape[:8])
    if isinstance(columns, list):
        more = _whole(row.get("more_columns")) or 0
        return f"{len(columns) + more:,}"
    return ""


def _digest(row: Mapping[str, object]) -> str:
    found = next((row[key] for key in ("digest", "sha256", "hash", "md5") if row.get(key)), None)
    name, colon, digits = found.rpartition(":") if isinstance(found, str) else ("", "", "")
    return f"{cell(name, 12) + ' ' if colon else ''}{cell(digits[:12], 12)}"


def _source(source: object) -> str:
    if not isinstance(source, Mapping):
        return _text(source)
    return cell(" ".join(f"{key}={value_text(value)}" for key, value in flatten(source)), 300)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62 else None


def _text(value: object) -> str:
    return "" if value is None else cell(value_text(value), 200)
