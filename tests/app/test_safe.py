"""Text of a run is text, wherever it is shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gtrack._app.safe import cell, markdown

JOINER = "\u2060"


@given(st.text(max_size=200))
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    (block,) = MarkdownIt("commonmark").parseInline(markdown(text).replace(JOINER, ""))
    shown = "".join(token.content for token in block.children or [])
    assert {token.type for token in block.children or []} <= {"text", "text_special"}
    assert shown.strip() == cell(text).strip()


@given(st.text(max_size=300), st.integers(2, 50))
def test_a_cell_is_a_short_line_with_both_ends(text: str, most: int) -> None:
    shown = cell(text, most)
    assert len(shown) <= most
    assert shown.isprintable() or not any(ord(c) < 32 for c in shown)


@pytest.mark.parametrize(
    "text", ["https://evil.example", "see www.evil.example", "a@evil.example", "HTTP://EVIL.example"]
)
def test_a_bare_address_is_no_link(text: str) -> None:
    # linkify looks for addresses after escapes are undone, as Streamlit's reader of GitHub's Markdown does.
    shown = "".join(token.content for token in MarkdownIt("commonmark").parseInline(markdown(text))[0].children or [])
    assert JOINER in shown
    assert shown.replace(JOINER, "") == text
    assert not re.search(r"(?i)https?://|www\.|\w@", shown)


def test_colours_icons_and_formulas_of_streamlit_are_not_read() -> None:
    assert ":red[" not in markdown(":red[x] :material/delete: $x$")
