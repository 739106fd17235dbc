"""Nested maps as flat ones, and what keeps a forged one from becoming gigabytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gtrack.model import nested
from gtrack.model.nested import flatten

keys = st.text("ab.", max_size=3)
maps = st.recursive(
    st.dictionaries(keys, st.integers(0, 3) | st.just({}), max_size=3),
    lambda inner: st.dictionaries(keys, st.integers(0, 3) | inner, max_size=3),
    max_leaves=8,
)


def simply(values, prefix=""):
    out = []
    for key, value in values.items():
        out += simply(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [(prefix + key, value)]
    return out


@given(maps)
def test_every_leaf_is_found_in_its_place(values):
    assert list(flatten(values)) == simply(values)


@given(maps, st.integers(0, 30))
def test_inner_maps_of_too_many_characters_are_leaves_themselves(values, most):
    with_limit = nested.MOST
    nested.MOST = most
    try:
        found = list(flatten(values))
    finally:
        nested.MOST = with_limit
    joined = sum(len(key) for key, _ in found if key not in values)
    assert joined <= most
    for key, value in found:
        assert (key, value) in simply(values) or value == values[key]


def test_a_forged_map_of_a_megabyte_stays_a_few():
    bottom = {str(at): 1 for at in range(100_000)}
    for depth in range(60):
        bottom = {f"{depth:0500d}": bottom}
    ((key, value),) = flatten(bottom)
    assert (key, value) == next(iter(bottom.items()))
