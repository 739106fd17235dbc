"""Columns of the table of runs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from figure_world import HOSTILE, START, runs_table
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.columns import as_categories, axis_of, column_of, marks_of, without
from gtrack.errors import UsageError

NAN = float("nan")


def column(values, name="params.p", kind=None):
    return column_of(runs_table(len(values), **{name: pa.array(values, kind)}), name)


def test_numbers_written_as_text_are_numbers():
    found = column(["1e-3", "0.1", None, "5"])
    assert found.kind == "number"
    np.testing.assert_array_equal(found.values, [1e-3, 0.1, NAN, 5])


def test_one_word_among_them_makes_categories_numbers_first():
    found = column(["10", "9", "auto", None, "10"])
    assert (found.kind, found.categories) == ("category", ("9", "10", "auto"))
    np.testing.assert_array_equal(found.values, [1, 0, 2, NAN, 1])


def test_truth_values_are_categories():
    assert column([True, False, None]).categories == ("false", "true")


def test_what_is_not_finite_is_no_value():
    assert column([1.0, NAN, float("inf"), None]).known.tolist() == [True, False, False, False]
    assert column(["1e999", "1"]).known.tolist() == [False, True]


def test_numbers_beyond_measure_are_not_drawn_and_those_next_to_0_are_0():
    found = column([1e160, -1e160, 1e-160, 1.0])
    np.testing.assert_array_equal(found.values, [NAN, NAN, 0, 1])


def test_a_time_is_milliseconds():
    assert column_of(runs_table(1), "started").values.tolist() == [START / 1e3]
    assert column_of(runs_table(1), "started").kind == "time"


def test_the_rarest_of_very_many_categories_are_one():
    found = column([f"c{number}" for number in range(50)] + ["c49", "c48"])
    assert len(found.categories) == 31
    assert found.categories[-1] == "20 others"
    assert {"c48", "c49"} <= set(found.categories)
    assert (found.values == 30).sum() == 20


@pytest.mark.parametrize("name", ["params.`a.b c`", 'params."a.b c"'])
def test_a_key_with_dots_and_blanks_is_quoted_as_in_a_filter(name):
    assert column_of(runs_table(1, **{"params.a.b c": [3]}), name).values.tolist() == [3]


def test_a_param_that_no_run_has_is_a_column_of_nothing():
    assert not column_of(runs_table(2), "params.lr").known.any()
    assert not column_of(runs_table(0), "metrics.loss").known.any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lr", "unknown field lr"),
        ("host", "no such column"),
        ("max(metrics.loss)", "no such column"),
        ("", "cannot draw"),
    ],
)
def test_a_column_that_is_none_is_refused(name, message):
    with pytest.raises(UsageError, match=message):
        column_of(runs_table(1), name)


@pytest.mark.parametrize(
    ("values", "decades"),
    [
        ([1e-4, 1e-3, 1e-2], True),
        ([1e-4, 1e-3, 1e-2, 1e-2, 1e-2], True),
        (np.linspace(0.001, 0.5, 50), False),
        ([0, 1, 1_000], False),
        ([1, 2, 3], False),
        ([5], False),
        ([], False),
    ],
)
def test_learning_rates_span_decades_and_uniform_numbers_do_not(values, decades):
    assert column(list(values), kind=pa.float64()).spans_decades is decades


words = st.text(st.characters(codec="utf-8"), max_size=6)
some = [st.booleans(), words, st.floats(), st.integers(-(2**63), 2**63 - 1)]


@given(st.one_of([st.lists(st.none() | kind, max_size=9) for kind in some]))
def test_any_column_can_be_read_and_every_value_shown(values):
    found = column(values, kind=None if any(value is not None for value in values) else pa.string())
    assert len(found.values) == len(values)
    assert all(found.shown(at) for at in range(len(values)))
    categories = as_categories(found)
    assert (categories.known == found.known).all()
    places = categories.values[categories.known]
    assert (places < len(categories.categories)).all()


def test_an_axis_of_categories_has_numbers_and_escaped_marks():
    axis = axis_of(column([HOSTILE.replace("\ud800", ""), "2026-01-01"]))
    assert axis["type"] == "linear"
    assert axis["tickvals"] == [0, 1]
    assert "<" not in "".join(axis["ticktext"])


def test_marks_of_a_logarithmic_axis_stand_at_logarithms():
    marks = marks_of(column([1e-4, 1e-1]), 1e-4, 1e-1, log=True)
    assert dict(zip(marks["ticktext"], np.round(marks["tickvals"], 9), strict=True))["0.001"] == -3


def test_runs_that_are_not_drawn_are_counted():
    lr, loss = column([1.0, None, 0.0], "params.lr"), column([1.0, 2.0, None], "metrics.loss", pa.float64())
    assert without([lr, loss], log=[lr]) == (
        "2 runs without lr or loss; 1 run with lr at 0 or below, not on a logarithmic axis"
    )
    assert without([column([1.0])]) == ""
