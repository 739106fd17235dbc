"""Charts as tables of HTML, for those who do not see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.charts.figure import Figure
from gtrack._app.charts.table import rows_of
from gtrack._app.parts import remark
from gtrack._app.safe import markdown
from gtrack.display.words import value_text

__all__ = ["show_tables", "table_of"]


def show_tables(figures: Sequence[Figure]) -> None:
    """Show what figures say as tables, one below the other."""
    for figure in figures:
        st.subheader(markdown(figure.title), anchor=False)
        rows = rows_of(figure)
        if rows:
            st.table(table_of(rows))
        if figure.note or not rows:
            remark(figure.note or "Nothing is drawn.")


def table_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    r"""Return rows of the same keys as a table of texts, in which no name can be more than text.

    Example:
        >>> table_of([{"name": "run-1", "last": 0.5}]).to_pylist()
        [{'name': 'run\\-1', 'last': '0.5'}]
    """
    names = list(rows[0]) if rows else []
    return pa.table({name: [_text(row.get(name)) for row in rows] for name in names})


def _text(value: object) -> str:
    # A table's cells are Markdown to Streamlit; numbers have nothing in them that it would take for more.
    return "-" if value is None else markdown(value, 120) if isinstance(value, str) else value_text(value)
