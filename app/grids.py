"""Tables of the page: names and values, rows of facts; a canvas to sort and search, or HTML for screen readers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.charts.figure import Figure
from gtrack._app.charts.table import rows_of
from gtrack._app.safe import cell, markdown
from gtrack.display.words import instant, value_text
from gtrack.text import clean

__all__ = ["facts", "figure_table", "grid", "html_table", "pairs", "texts_of"]

_LONGEST = 2_000
_ROWS = 14


def pairs(items: Iterable[tuple[str, object]], names: tuple[str, str] = ("name", "value")) -> pa.Table:
    """Return names and values as a table of texts."""
    listed = [(cell(clean(key), 300), cell(value_text(value), _LONGEST)) for key, value in items]
    return pa.table(
        {
            names[0]: pa.array([key for key, _ in listed], pa.string()),
            names[1]: pa.array([value for _, value in listed], pa.string()),
        }
    )


def grid(
    table: pa.Table,
    *,
    plain: bool,
    alt: str,
    config: dict[str, Any] | None = None,
    rows: int = _ROWS,
    key: str | None = None,
    on_row: Callable[[int], None] | None = None,
) -> None:
    """Show a table.

    Args:
        table: It.
        plain: As HTML, for screen readers.
        alt: What it holds, in words.
        config: Streamlit's configuration of columns.
        rows: As many rows are seen without scrolling.
        key: What tells it from others, where rows can be chosen.
        on_row: Is told the number of a row that was chosen.
    """
    if plain:
        html_table(table, alt=alt)
        return
    height = 38 + 35 * min(max(table.num_rows, 1), rows)
    more: dict[str, Any] = {}
    if on_row is not None and key is not None:
        act = on_row

        def chosen() -> None:
            found: Sequence[int] = st.session_state[key]["selection"]["rows"]
            if found:
                act(int(found[0]))

        more = {"key": key, "on_select": chosen, "selection_mode": "single-row"}
    more |= {"column_config": config, "placeholder": "", "alt": cell(alt, 200)}
    st.dataframe(table, hide_index=True, height=height, row_height=35, **more)


def facts(items: Sequence[tuple[str, object]], *, plain: bool, alt: str) -> None:
    """Show names and values, where there are any."""
    if items:
        config = {"name": st.column_config.TextColumn(width=200), "value": st.column_config.TextColumn(width="large")}
        grid(pairs(items), plain=plain, alt=alt, config=config)


def figure_table(figure: Figure) -> None:
    """Show a figure's data as an HTML table."""
    st.markdown(f"**{markdown(figure.title)}**")
    rows = rows_of(figure)
    if rows:
        html_table(pa.Table.from_pylist(rows), alt=figure.title)
    if figure.note:
        st.caption(markdown(figure.note))


def html_table(table: pa.Table, *, alt: str, without: Sequence[str] = ()) -> None:
    """Show a table as HTML, for screen readers: what is in it is text, whatever it says.

    Args:
        table: It.
        alt: What it holds, in words.
        without: Columns that are pictures.
    """
    st.table(texts_of(table.drop_columns([name for name in without if name in table.column_names])), alt=cell(alt, 200))


def texts_of(table: pa.Table) -> pa.Table:
    """Return a table of texts in which Streamlit, which reads Markdown in cells and heads, finds none."""
    columns = [pa.array(map(_text, _values(column)), pa.string()) for column in table.columns]
    return pa.table(columns, names=[markdown(name.strip()) for name in table.column_names])


def _values(column: pa.ChunkedArray) -> list[object]:
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()  # type: ignore[no-any-return]
    # What a run says of its time can be further off than Python's dates go.
    times = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_pylist()
    return [None if time is None else instant(time) for time in times]


def _text(value: object) -> str:
    if value is None:
        return ""
    return markdown(f"{value:.6g}" if isinstance(value, float) else value, _LONGEST)
