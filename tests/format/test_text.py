from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.text import clean

anything = st.text(st.characters())


@given(anything)
def test_clean_text_holds_no_control_character_and_can_be_written(text):
    cleaned = clean(text)
    cleaned.encode()
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in cleaned)
    assert not any(unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
                   for char in cleaned)  # fmt: skip


@given(anything)
def test_cleaning_twice_changes_nothing_more(text):
    assert clean(clean(text)) == clean(text)
    assert clean(clean(text, lines=True), lines=True) == clean(text, lines=True)


@given(anything)
def test_lines_and_tabs_stay_on_request_and_nothing_else_does(text):
    assert [clean(part) for part in text.replace("\t", "\n").split("\n")] == clean(text, lines=True).replace(
        "\t", "\n"
    ).split("\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("val_auc", "val_auc"),
        ("é漢字 😀 \u200d", "é漢字 😀 \u200d"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\rb\x7f", "a\\x0db\\x7f"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("two\nlines", "two\\x0alines"),
    ],
)
def test_a_command_to_the_terminal_is_shown_instead(text, expected):
    assert clean(text) == expected
