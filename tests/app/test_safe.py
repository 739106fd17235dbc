"""Text of a run is text, wherever it is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gtrack._app.safe import cell, markdown


@given(st.text(max_size=200))
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    (block,) = MarkdownIt("commonmark").parseInline(markdown(text))
    shown = "".join(token.content for token in block.children or [])
    assert {token.type for token in block.children or []} <= {"text", "text_special"}
    assert shown.strip() == cell(text).strip()


@given(st.text(max_size=300), st.integers(2, 50))
def test_a_cell_is_a_short_line_with_both_ends(text: str, most: int) -> None:
    shown = cell(text, most)
    assert len(shown) <= most
    assert shown.isprintable() or not any(ord(c) < 32 for c in shown)


def test_colours_icons_and_formulas_of_streamlit_are_not_read() -> None:
    assert ":red[" not in markdown(":red[x] :material/delete: $x$")
