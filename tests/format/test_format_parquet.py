from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.format.parquet import decode_metrics, encode_metrics, metrics_metadata
from gtrack.format.table import describe_parquet
from gtrack.text import clean

COLUMNS = ("key", "step", "time", "value", "rank")
int64 = st.integers(-(2**63), 2**63 - 1)
times = st.integers(-(2**63) // 1000 + 1, 2**63 // 1000 - 1)
names = st.text(max_size=12)
rows = st.lists(st.tuples(names, int64, times, st.floats(), st.integers(-1, 3)), max_size=30)
few = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.just(0), st.sampled_from((0.0, -0.0, math.nan, 1.0)),
              st.integers(-1, 1)), max_size=20)  # fmt: skip


def encode(points, **more):
    keys = list(dict.fromkeys(point[0] for point in points))
    columns = [np.array([point[at] for point in points], dtype) for at, dtype in ((1, "i8"), (2, "i8"), (3, "f8"))]
    rank = np.array([point[4] for point in points], "i4")
    return encode_metrics(np.array([keys.index(point[0]) for point in points], "i8"), keys, *columns, rank, **more)


def points_of(table):
    out = [table.column("key").to_pylist(), table.column("step").to_pylist()]
    out += [table.column("time").cast(pa.int64()).to_pylist(), table.column("value").to_pylist()]
    out.append(table.column("rank").to_pylist() if "rank" in table.column_names else [-1] * len(table))
    return list(zip(*out, strict=True))


@settings(max_examples=60, deadline=None)
@given(rows)
def test_every_point_comes_back_and_in_order(points):
    back = points_of(decode_metrics(encode(points)))
    assert sorted(map(repr, back)) == sorted(map(repr, points))
    assert [point[:3] for point in back] == sorted(point[:3] for point in points)


@settings(max_examples=60, deadline=None)
@given(few, st.randoms(use_true_random=False))
def test_the_bytes_are_a_function_of_the_set_of_points(points, random):
    shuffled = random.sample(points, len(points))
    assert encode(points) == encode(shuffled)


@settings(max_examples=60, deadline=None)
@given(rows, st.sets(names))
def test_asking_for_some_keys_gives_exactly_their_rows(points, keys):
    data = encode(points)
    keys |= {point[0] for point in points[::2]}
    chosen = decode_metrics(data, keys)
    assert list(map(repr, points_of(chosen))) == [
        repr(point) for point in points_of(decode_metrics(data)) if point[0] in keys
    ]


def test_the_table_is_of_one_form():
    points = [("loss", 1, 2, 3.0, -1), ("acc", 1, 2, 3.0, -1)]
    alone = decode_metrics(encode(points))
    assert alone.schema.names == list(COLUMNS[:4])
    ranked = decode_metrics(encode([*points, ("acc", 1, 2, 3.0, 0)]))
    assert ranked.schema.names == list(COLUMNS)
    assert ranked.schema.types == [
        pa.dictionary(pa.int32(), pa.string()), pa.int64(), pa.timestamp("us", "UTC"), pa.float64(), pa.int32()
    ]  # fmt: skip
    assert decode_metrics(encode([])).schema.types == ranked.schema.types[:4]
    assert all(column.num_chunks == 1 for column in ranked.columns)


def test_keys_that_do_not_occur_leave_no_trace():
    one = np.zeros(1, "i8")
    assert encode_metrics(one, ["a", "unused"], one, one, one) == encode_metrics(one + 1, ["x", "a"], one, one, one)


def test_any_parquet_reader_reads_it():
    data = encode([("loss", 1, 1_700_000_000_000_000, 0.5, 0)], metadata={"preview": "yes"})
    table = pq.read_table(pa.BufferReader(data))
    assert table.to_pylist()[0]["key"] == "loss"
    assert table.schema.field("time").type == pa.timestamp("us", "UTC")
    footer = pq.read_metadata(pa.BufferReader(data))
    chunks = [footer.row_group(0).column(at) for at in range(footer.num_columns)]
    assert {chunk.compression for chunk in chunks} == {"ZSTD"}
    assert not any(chunk.is_stats_set for chunk in chunks)
    assert [chunk.encodings[-1] for chunk in chunks[1:4]] == [
        "DELTA_BINARY_PACKED", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"
    ]  # fmt: skip


def test_metadata_comes_back():
    assert metrics_metadata(encode([], metadata={"preview": "min-max", "é": "ü"})) == {"é": "ü", "preview": "min-max"}
    assert metrics_metadata(encode([("a", 0, 0, 0.0, -1)])) == {}


def test_a_realistic_run_is_small():
    step = np.tile(np.arange(100), 10)
    value = np.random.default_rng(0).normal(size=1000)
    data = encode_metrics(np.repeat(np.arange(10), 100), [f"metric_{i}" for i in range(10)], step,
                          1_700_000_000_000_000 + step * 1_000_003, value)  # fmt: skip
    assert len(data) < 11_000


@pytest.mark.parametrize(
    "arguments",
    [
        ([0, 0], ["a"], [1], [1], [1.0]),
        ([1], ["a"], [1], [1], [1.0]),
        ([-1], ["a"], [1], [1], [1.0]),
        ([0], ["\ud800"], [1], [1], [1.0]),
        ([0], ["a"], [1], [2**62], [1.0]),
    ],
)
def test_wrong_arrays_are_refused_by_name(arguments):
    with pytest.raises(UsageError):
        encode_metrics(*(np.array(item) if item is not arguments[1] else item for item in arguments))


def test_the_description_lists_keys_then_points():
    data = encode([("loss", step, step * 1_000_000, 1 / (step + 1), -1) for step in range(3)]
                  + [("a\x1b[2J", 0, 0, math.nan, -1)], metadata={"preview": "min-max"})  # fmt: skip
    assert describe_parquet(data) == (
        "preview: min-max\n"
        "4 points of 2 keys\n"
        "\n"
        "key       points  first step  last step  first      last       min  max\n"
        "a\\x1b[2J       1           0          0    nan       nan       nan  nan\n"
        "loss           3           0          2      1  0.333333  0.333333    1\n"
        "\n"
        "key       step                         time     value\n"
        "a\\x1b[2J     0  1970-01-01T00:00:00.000000Z       nan\n"
        "loss         0  1970-01-01T00:00:00.000000Z         1\n"
        "loss         1  1970-01-01T00:00:01.000000Z       0.5\n"
        "loss         2  1970-01-01T00:00:02.000000Z  0.333333\n"
    )


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 50))
def test_the_description_is_safe_to_print_and_no_longer_than_asked(points, limit):
    text = describe_parquet(encode(points), limit)
    lines = text.split("\n")
    assert clean(text, lines=True) == text
    assert len(lines) <= 8 + len({point[0] for point in points}) + limit


def test_the_description_of_damage_is_one_line():
    for data in (b"", b"PAR1", encode([("a", 0, 0, 0.0, -1)])[:-20]):
        text = describe_parquet(data)
        assert text.endswith("\n")
        assert text.count("\n") == 1


def test_many_keys_are_cut_in_the_description():
    data = encode([(f"key{at}", 0, 0, 0.0, -1) for at in range(300)])
    assert "and 100 more keys\n" in describe_parquet(data)
