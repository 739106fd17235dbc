from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from format_strategies import plain, same
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.format.events import read_events
from gtrack.format.plain import decode_line, encode_line, fit_key, to_plain
from gtrack.format.yaml import dump, load


class Colour(enum.Enum):
    RED = 1


class Optimiser(enum.StrEnum):
    ADAM = "adam"


@dataclasses.dataclass
class Config:
    lr: float
    inner: object = None


Point = collections.namedtuple("Point", "x y")


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no")


class Hostile:
    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError("no")


class Model:
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.longdouble(2), 2.0),
        (np.array(3), 3),
        (np.arange(3), [0, 1, 2]),
        (np.array([[1.5, math.nan]]), [[1.5, math.nan]]),
        (np.array([1, "a", None], dtype=object), [1, "a", None]),
        (np.zeros((100, 100)), "<ndarray of float64, shape (100, 100)>"),
        (np.str_("a"), "a"),
        (Colour.RED, "RED"),
        (Optimiser.ADAM, "adam"),
        (Config(0.1, Config(1.0)), {"lr": 0.1, "inner": {"lr": 1.0, "inner": None}}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (argparse.Namespace(lr=0.1), {"lr": 0.1}),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), "2026-01-02T00:00:00+00:00"),
        (datetime.timedelta(days=1), "1 day, 0:00:00"),
        (decimal.Decimal("0.5"), 0.5),
        ({3, 10, 2}, [2, 3, 10]),
        ({1, "a"}, ["a", 1]),
        ((1, [2]), [1, [2]]),
        (range(3), [0, 1, 2]),
        (b"abc", "b'abc'"),
        (1 + 2j, "(1+2j)"),
        (Model(), "<test_format_plain.Model object>"),
        (Config, "<class 'test_format_plain.Config'>"),
        (Unprintable(), "<unprintable Unprintable>"),
        ({1: "a", "1": "b", None: 1, (1, 2): 3}, {"1": "a", "1~2": "b", "None": 1, "(1, 2)": 3}),
        ({"\udc80": 1}, {"\\udc80": 1}),
        (10**640 - 1, 10**640 - 1),
    ],
)
def test_what_users_pass_becomes_plain(value, expected):
    assert same(to_plain(value), expected)


def test_an_object_that_refuses_everything_costs_only_itself():
    assert to_plain([Hostile(), 1]) == ["<unprintable Hostile>", 1]


def test_an_integer_beyond_every_reader_becomes_hexadecimal_text():
    assert to_plain(10**640) == hex(10**640)
    assert len(to_plain(1 << 100_000)) == 4096


def test_a_cycle_ends_in_a_word():
    loop = {}
    loop["self"] = [loop]
    assert to_plain(loop) == {"self": ["<dict within itself>"]}


def test_depth_ends_in_a_word():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    text = json.dumps(to_plain(deep))
    assert text.count("[") == 32
    assert "<list too deep>" in text


def test_shared_parts_that_unfold_without_end_are_cut():
    bomb = []
    for _ in range(30):
        bomb = [bomb, bomb]
    assert 0 < len(json.dumps(to_plain(bomb))) < 5_000_000


def test_a_long_repr_is_cut_and_long_text_is_not():
    class Long:
        def __repr__(self):
            return "x" * 100_000

    assert to_plain(Long()) == "x" * 4096
    assert to_plain("x" * 100_000) == "x" * 100_000


def test_nothing_here_imports_numpy():
    code = "import sys, gtrack.format.plain, gtrack.format.yaml as y; y.load(b'a: 1\\n'); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters()) | st.integers() | st.tuples(st.integers()), inner, max_size=4)
        | st.builds(Config, st.floats(), inner)
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_what_was_made_plain_can_be_dumped_and_stays_as_it_is(value):
    plain_value = to_plain(value)
    assert same(to_plain(plain_value), plain_value)
    load(dump({"params": plain_value}))
    assert encode_line({"params": plain_value}).isascii()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=10), plain, max_size=4))
def test_a_line_comes_back_as_it_was(record):
    line = encode_line(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert same(decode_line(line), record)


def test_a_line_keeps_a_lone_surrogate():
    assert decode_line(encode_line({"a": "\ud800"})) == {"a": "\ud800"}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=10), plain, min_size=1, max_size=2), st.data())
def test_a_torn_line_is_none(record, data):
    line = encode_line(record)
    assert decode_line(line[: data.draw(st.integers(0, len(line) - 2))]) is None


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"[1]\n", b"1\n", b"\x00" * 64, b"\xff\n", b'{"a": NaN}', b'{"a":1,"a":2}', b'{"$float":"nan"}',
     b'{"a":' + b"9" * 5000 + b"}", b'{"a":' + b"[" * 200_000, b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"],
    ids=range(12),
)  # fmt: skip
def test_a_damaged_line_is_none(line):
    assert decode_line(line) is None


def test_encoding_a_line_never_raises():
    loop = {}
    loop["loop"] = loop
    record = decode_line(encode_line({"a": loop, "b": Hostile(), "c": 10**5000, "d": {1: {2}}, "e": "\ud800"}))
    assert record["a"] == {"loop": "<dict within itself>"}
    assert record["b"] == "<unprintable Hostile>"


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=30), st.integers(1, 400))
def test_a_fitted_key_is_accepted_by_the_writer_and_both_readers(text, times):
    key = fit_key(text * times)
    assert fit_key(key) == key
    document = {"params": {key: {key: 1}}}
    assert load(dump(document)) == document
    assert read_events(dump(document).decode(), "x") == document


def test_long_keys_that_begin_alike_stay_apart():
    assert fit_key("x" * 1000 + "a") != fit_key("x" * 1000 + "b")
    assert fit_key("x" * 512) == "x" * 512
