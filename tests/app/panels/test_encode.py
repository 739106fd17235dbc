"""Figures as bytes: they come back as they were, and what a browser cannot hold is refused or a gap."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gtrack._app.panels.encode import encode


def decode(data):
    """Return what was encoded, as app/panels/browser/payload.js reads it."""
    (length,) = struct.unpack_from("<I", data)
    start = 4 + length
    assert start % 8 == 0
    assert len(data) % 8 == 0

    def revive(value):
        if isinstance(value, list):
            return [revive(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "bdata" in value:
            offset, size = value["bdata"]
            assert offset % 8 == 0
            array = np.frombuffer(data[start + offset : start + offset + size], f"<{value['dtype']}")
            return array.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else array
        return {name: revive(item) for name, item in value.items()}

    return revive(json.loads(data[4:start]))


NUMBERS = st.one_of(
    *(npst.integer_dtypes(sizes=sizes) for sizes in ((8, 16, 32, 64),)),
    npst.unsigned_integer_dtypes(),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)
ARRAYS = npst.arrays(NUMBERS, npst.array_shapes(max_dims=3, max_side=5))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def finite(value):
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, list):
        return [finite(item) for item in value]
    return {name: finite(item) for name, item in value.items()} if isinstance(value, dict) else value


@given(PLAIN.filter(lambda value: "bdata" not in repr(value)))
def test_plain_values_come_back_with_null_for_what_is_not_finite(value):
    assert decode(encode(value)) == finite(value)


@given(st.lists(ARRAYS, max_size=4))
def test_arrays_come_back_in_a_type_that_javascript_has(arrays):
    found = decode(encode({"all": arrays}))["all"]
    for array, back in zip(arrays, found, strict=True):
        expected = array.astype(float)
        expected[~np.isfinite(expected)] = np.nan
        assert back.dtype.str[1:] in ("f8", "f4", "i4", "u4", "i2", "u2", "i1", "u1")
        np.testing.assert_array_equal(back.astype(float), expected)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_what_is_not_finite_is_a_gap(dtype):
    values = [1.5, np.inf, -np.inf, np.nan]
    np.testing.assert_array_equal(decode(encode(np.array(values, dtype))), [1.5, np.nan, np.nan, np.nan])
    assert decode(encode(values)) == [1.5, None, None, None]


def test_dates_are_milliseconds_and_a_missing_one_is_a_gap():
    dates = np.array(["1970-01-01T00:00:01.500", "NaT"], "datetime64[us]")
    np.testing.assert_array_equal(decode(encode(dates)), [1500.0, np.nan])


def test_text_truths_and_scalars_are_json():
    value = {
        "a": np.array(["x", "y"]),
        "b": np.array([True, False]),
        "c": np.float64(2.5),
        "d": np.array([]),
        "e": (1,),
    }
    assert decode(encode(value)) == {"a": ["x", "y"], "b": [True, False], "c": 2.5, "d": [], "e": [1]}


def test_the_same_numbers_are_sent_once():
    steps = np.arange(10_000)
    once, often = (encode([steps.copy() for _ in range(count)]) for count in (1, 20))
    assert len(often) < len(once) + 1000


def test_a_lone_surrogate_breaks_nothing():
    assert decode(encode("\ud800")) == "\ud800"


@pytest.mark.parametrize("value", [object(), b"bytes", {1: 2}, {"x"}, 1j, np.array([1j]), np.array([object()])])
def test_anything_else_is_refused(value):
    with pytest.raises(TypeError, match="a figure"):
        encode({"deep": [value]})


def test_what_is_nested_too_deeply_is_refused():
    value: list[object] = []
    for _ in range(100):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        encode(value)
