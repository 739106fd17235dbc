"""Names in figures: short, of one line, and no markup."""

from __future__ import annotations

import doctest
import html
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.text import escaped, figure_id, short
from gtrack.text import clean


@given(st.text(), st.integers(3, 100))
def test_any_text_becomes_one_clean_line_of_bounded_length(text, most):
    found = short(text, most)
    assert clean(found) == found
    assert len(found) <= max(most, len("(no name)"))


@given(st.text(alphabet="<>&;abc/= \x00\u202e") | st.text())
def test_nothing_escaped_can_be_markup_and_it_reads_as_the_text(text):
    found = escaped(text)
    assert not set("<>") & set(found)
    assert html.unescape(found) == html.unescape(html.escape(short(text), quote=False))


def test_a_long_name_keeps_both_of_its_ends():
    found = short("a" * 5_000 + "b" * 5_000, 21)
    assert (found[:10], found[10], found[11:]) == ("a" * 10, "…", "b" * 10)


@pytest.mark.parametrize("text", ["", "   ", "\t"])
def test_a_name_of_nothing_is_called_so(text):
    assert short(text) == "(no name)"


def test_an_identifier_is_the_same_for_the_same_names_and_harmless():
    assert figure_id("curve", "<b>") == figure_id("curve", "<b>") != figure_id("curve", "b")
    assert figure_id("curve", "<b>\ud800" * 1_000).replace("-", "").isalnum()


@pytest.mark.parametrize("name", ["text", "colours", "sections", "intervals"])
def test_examples_in_the_documentation_are_right(name):
    found = doctest.testmod(import_module(f"gtrack._app.charts.{name}"))
    assert found.attempted
    assert not found.failed
