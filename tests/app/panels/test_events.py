"""What the browser says is believed only in the form of an event."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.panels.events import KINDS, Event, event_of

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SPANS = st.tuples(NUMBERS, NUMBERS).map(lambda ends: tuple(sorted(ends)))
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(KINDS),
    panel=st.text(max_size=20),
    axis=st.none() | st.text(max_size=20),
    range=st.none() | SPANS,
    ranges=st.dictionaries(st.text(max_size=10), st.lists(SPANS, max_size=3).map(tuple), max_size=3),
    ids=st.lists(st.text(max_size=40), unique=True, max_size=5).map(tuple),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("kind", "panel", "axis", "range", "ranges", "ids")


@given(EVENTS)
def test_an_event_comes_back(event):
    assert event_of(json.loads(json.dumps({name: getattr(event, name) for name in NAMES}))) == event


@given(JSON | st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(KINDS)))
def test_anything_else_is_none_and_never_an_error(value):
    found = event_of(value)
    assert found is None or (found.kind in KINDS and isinstance(found.panel, str))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rm"},
        {"kind": []},
        {"panel": None},
        {"panel": "x" * 2000},
        {"range": [1]},
        {"range": [1, "2"]},
        {"range": [1, 10**400]},
        {"range": [True, 2]},
        {"range": [1, float("nan")]},
        {"range": [1, float("inf")]},
        {"ranges": {"lr": [1, 2]}},
        {"ranges": {"lr": [[0, 1]] * 1000}},
        {"ids": "abc"},
        {"ids": [1]},
        {"ids": ["a"] * 200_000},
    ],
)
def test_a_wrong_shape_is_none(change):
    right = {"kind": "zoom", "panel": "a", "axis": "step", "range": [3, 1]}
    assert event_of(right) == Event("zoom", "a", "step", (1.0, 3.0))
    assert event_of({**right, **change}) is None
