"""Summaries of metrics: one definition, whichever way the points come together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import expected, points, same, some_points

from gtrack.model.summary import MetricSummary, merge
from gtrack.spool.reading import Points, summarise


def of(some):
    return merge([MetricSummary.point(*point) for point in some])


@given(some_points)
@settings(max_examples=150, deadline=None)
def test_the_summary_of_points_is_what_the_definition_says(some):
    assert same(of(some), expected(some))


@given(some_points, some_points)
@settings(max_examples=100, deadline=None)
def test_merged_summaries_equal_the_summary_of_all_points_together(one, other):
    assert same(merge([of(one), of(other)]), of([*one, *other]))


@given(st.lists(some_points, min_size=2, max_size=5), st.randoms())
@settings(max_examples=100, deadline=None)
def test_merging_does_not_depend_on_order_or_grouping(parts, random):
    whole = [of(part) for part in parts]
    shuffled = random.sample(whole, len(whole))
    at = random.randint(1, len(whole) - 1)
    grouped = merge([merge(shuffled[:at]), merge(shuffled[at:])])
    assert same(merge(whole), merge(shuffled))
    assert same(merge(whole), grouped)


@given(st.lists(st.tuples(points, st.integers(-1, 2)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_journal_is_summarised_by_the_same_definition(ranked):
    some = [point for point, _ in ranked]
    ranks = np.array([rank for _, rank in ranked], np.int32)
    value, step, time = (np.array(column) for column in zip(*some, strict=True))
    found = summarise(Points(["loss"], np.zeros(len(some), np.int64), step, time, value.astype(float), ranks))["loss"]
    known = {rank: min(p[1] for p, r in ranked if r == rank) for _, rank in ranked if rank >= 0}
    assert found.ranks == (known or None)
    plain = {name: value for name, value in found.to_dict().items() if name != "ranks"}
    assert same(MetricSummary.from_dict(plain), expected(some))


@given(some_points)
@settings(max_examples=60, deadline=None)
def test_a_written_summary_reads_back(some):
    assert same(MetricSummary.from_dict(of(some).to_dict()), of(some))


odd_values = st.sampled_from([None, True, 1, 1.0, "1", math.nan, -1, [], {}, 10**30])


@given(
    some_points,
    st.dictionaries(st.sampled_from([*MetricSummary.point(1.0, 1, 1).to_dict(), "nan", "goal"]), odd_values),
)
@settings(max_examples=150, deadline=None)
def test_a_summary_reads_the_same_whatever_the_order_of_its_fields(some, changed):
    def read(entry):
        try:
            found = MetricSummary.from_dict(entry)
        except ValueError:
            return None
        # Whole numbers stay whole, and values are floats.
        assert [type(v) for v in (found.last, found.step, found.count)] == [float, int, int]
        return repr(found)

    data = {**of(some).to_dict(), **changed}
    assert read(data) == read(dict(reversed(data.items())))


def test_the_last_value_is_the_highest_by_step_then_time_then_value():
    assert of([(9.0, 2, 5), (1.0, 3, 1)]).last == 1.0
    assert of([(9.0, 3, 1), (1.0, 3, 2)]).last == 1.0
    assert of([(9.0, 3, 1), (1.0, 3, 1)]).last == 9.0


def test_nan_sorts_lowest_is_counted_and_skipped_by_min_and_max():
    found = of([(math.nan, 3, 1), (2.0, 3, 1), (math.nan, 1, 1)])
    assert (found.last, found.min, found.max, found.count, found.nan) == (2.0, 2.0, 2.0, 3, 2)
    assert math.isnan(of([(2.0, 1, 1), (math.nan, 2, 1)]).last)
    alone = of([(math.nan, 1, 1)])
    assert (alone.min, alone.argmin, alone.max, alone.argmax) == (None, None, None, None)


def test_of_equal_extremes_the_smallest_step_is_named():
    found = of([(1.0, 7, 1), (1.0, 2, 1), (5.0, 9, 1), (5.0, 8, 1)])
    assert (found.argmin, found.argmax) == (2, 8)


def test_nothing_has_no_summary():
    with pytest.raises(ValueError, match="no summaries"):
        merge([])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, 2**63) for field in ("step", "first_step", "argmin", "argmax", "count", "nan")),
        *(("step", -(2**63) - 1), ("min", math.nan), ("max", math.nan)),
    ],
)
def test_numbers_that_no_writer_writes_are_refused(field, value):
    usual = MetricSummary.point(1.0, 1, 1).to_dict()
    for data in ({**usual, field: value}, {**usual, field: value, "goal": "max"}):
        with pytest.raises(ValueError, match="not a metric summary"):
            MetricSummary.from_dict(data)
