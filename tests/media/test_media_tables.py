"""Tables: equal after Parquet, whatever library they come from."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.errors import DamageError, UsageError
from gtrack.media import tables

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
TIMES = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1))
VALUES: dict[str, tuple[st.SearchStrategy[Any], pa.DataType]] = {
    "truth": (st.booleans(), pa.bool_()),
    "int": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "small": (st.integers(0, 255), pa.uint8()),
    "float": (st.floats(allow_nan=False), pa.float64()),
    "single": (st.floats(width=32, allow_nan=False), pa.float32()),
    "text": (TEXT, pa.string()),
    "time": (TIMES, pa.timestamp("us")),
    "day": (st.dates(), pa.date32()),
    "clock": (st.times(), pa.time64("us")),
}


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    """Tables of every plain type, with values missing here and there."""
    rows = draw(st.integers(0, 12))
    columns = draw(st.dictionaries(TEXT, st.sampled_from(sorted(VALUES)), min_size=1, max_size=5))
    arrays = []
    for kind in columns.values():
        values, dtype = VALUES[kind]
        arrays.append(pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), dtype))
    return pa.table(arrays, names=list(columns))


def kept(data: object, names: Sequence[str] | None = None) -> pa.Table:
    """Return a table as it is read back."""
    return tables.read(tables.table_medium(data, names).data)


@settings(max_examples=60)
@given(arrow_tables())
def test_a_table_of_plain_types_is_equal_after_parquet(table: pa.Table) -> None:
    medium = tables.table_medium(table)
    read = tables.read(medium.data)
    assert read.equals(table)
    assert medium.remarks == ()
    assert (medium.details["rows"], medium.details["columns"]) == (len(table), table.num_columns)


@settings(max_examples=30)
@given(arrow_tables())
def test_any_tool_reads_what_was_kept(table: pa.Table) -> None:
    assert pq.read_table(io.BytesIO(tables.table_medium(table).data)).equals(table)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(-9, 9), TEXT), min_size=1, max_size=6))
def test_rows_dicts_and_columns_are_one_table(rows: list[tuple[int, str]]) -> None:
    numbers, texts = [row[0] for row in rows], [row[1] for row in rows]
    expected = pa.table({"number": numbers, "text": texts})
    assert kept(rows, ["number", "text"]).equals(expected)
    assert kept([{"number": number, "text": text} for number, text in rows]).equals(expected)
    assert kept({"number": np.array(numbers), "text": texts}).equals(expected)
    assert kept(pd.DataFrame({"number": numbers, "text": texts})).equals(expected)


def test_a_frame_of_pandas_is_kept_with_what_it_means() -> None:
    frame = pd.DataFrame(
        {
            "float": [1.5, np.nan],
            "nullable": pd.array([1, None], dtype="Int64"),
            "category": pd.Categorical(["low", None]),
            "when": pd.to_datetime(["2026-01-01", None]),
            "took": pd.to_timedelta(["90s", "1ms"]),
        },
        index=pd.Index(["a", "b"], name="who"),
    )
    read = kept(frame).to_pydict()
    assert np.isnan(read.pop("float")[1])
    assert read == {
        "who": ["a", "b"],
        "nullable": [1, None],
        "category": ["low", None],
        "when": [datetime.datetime(2026, 1, 1), None],
        "took": [90.0, 0.001],
    }


def test_a_frame_of_polars_is_kept_with_what_it_means() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.DataFrame(
        {"n": [1, None], "c": polars.Series(["a", "b"], dtype=polars.Categorical), "t": ["x", "y"]}
    )
    assert kept(frame).to_pydict() == {"n": [1, None], "c": ["a", "b"], "t": ["x", "y"]}


class Hostile:
    """An object that runs something when it is looked at, or pickled."""

    def __reduce__(self) -> object:
        raise AssertionError("pickled")

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "two", None], ["1", "two", None]),
        ([{"a": [1]}, [2]], ['{"a": [1]}', "[2]"]),
        ([Hostile()], ["<unprintable Hostile>"]),
        ([decimal.Decimal("1.50")], ["1.50"]),
        ([b"\xff"], ["b'\\xff'"]),
        (["\ud800"], ["\\ud800"]),
        ([2**80], [str(2**80)]),
    ],
)
def test_what_is_no_plain_value_becomes_text_and_that_is_said(values: list[object], expected: list[object]) -> None:
    medium = tables.table_medium({"x": values})
    assert tables.read(medium.data).to_pydict() == {"x": expected}
    assert "'x'" in medium.remarks[0]


def test_names_become_texts_that_differ() -> None:
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=["a", "a", ("b", 1), 7])
    assert kept(frame).column_names == ["a", "a~2", "b/1", "7"]


@pytest.mark.parametrize(
    "data",
    [None, 3, "text", [], {}, {"a": 1}, {"a": [1], "b": [1, 2]}, [1, 2], [[1], [1, 2]], ["ab", "cd"], [{"a": 1}, [2]]],
)
def test_what_is_no_table_is_refused_by_name(data: object) -> None:
    with pytest.raises(UsageError):
        tables.table_medium(data)


def test_a_table_of_very_many_columns_is_refused() -> None:
    with pytest.raises(UsageError, match="columns"):
        tables.table_medium({str(at): [1] for at in range(tables._LIMITS.columns + 1)})
    assert kept({str(at): [1] for at in range(tables._LIMITS.columns)}).num_columns == tables._LIMITS.columns


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    given = {"compression": "zstd", "store_schema": False, "write_statistics": False, "version": "2.6", **options}
    pq.write_table(table, sink, **given)
    return sink.getvalue()


PLAIN = pa.table({"a": [1, 2]})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"PAR1\x00\x00\x00\x00PAR1",
        b"PAR1" + b"\xff" * 8 + b"PAR1",
        parquet(PLAIN, compression="snappy"),
        parquet(PLAIN, store_schema=True),
        parquet(PLAIN, write_statistics=True),
        parquet(PLAIN, data_page_version="2.0"),
        parquet(pa.table({"a": [[1], [2]]})),
        parquet(pa.table({"a": [{"b": 1}]})),
        parquet(pa.table({"a": [b"bytes"]})),
        parquet(pa.table({"a": [decimal.Decimal("1.5")]})),
        parquet(PLAIN, use_dictionary=False, column_encoding={"a": "DELTA_BINARY_PACKED"})[:-9] + b"\x00PAR1",
    ],
)
def test_what_gtrack_does_not_write_is_refused(data: bytes) -> None:
    with pytest.raises(DamageError):
        tables.read(data)


def test_a_text_that_unfolds_without_end_is_refused_before_it_does() -> None:
    one = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 1_000_000]))
    bomb = parquet(pa.table({"a": one}))
    assert len(bomb) < 10_000, "100 GB in a few kilobytes"
    with pytest.raises(DamageError, match="texts"):
        tables.read(bomb)


def test_numbers_that_unfold_without_end_are_refused_before_they_do() -> None:
    zeros = pa.array(np.zeros(400_000, np.int64))
    bomb = parquet(pa.table({str(at): zeros for at in range(100)}))
    assert len(bomb) < 100_000
    with pytest.raises(DamageError, match="too much"):
        tables.read(bomb)


@settings(max_examples=150)
@given(st.data())
def test_whatever_bytes_are_changed_a_table_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(CHANGED)
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DamageError):
        tables.read(bytes(whole))


CHANGED = tables.table_medium(
    {"n": [1, None, 3], "s": ["x", None, "yy"], "f": [0.5, float("nan"), None], "b": [True, None, False]}
).data


def test_a_frame_of_a_size_that_cannot_be_shown_is_kept_and_said() -> None:
    medium = tables.table_medium({"a": np.zeros(4_000_001, np.int8)})
    assert "too large" in medium.remarks[0]
    assert pq.read_table(io.BytesIO(medium.data)).num_rows == 4_000_001


@pytest.mark.soak
@settings(max_examples=50_000)
@given(st.data())
def test_a_table_is_read_or_refused_fifty_thousand_times(data: st.DataObject) -> None:
    whole = bytearray(CHANGED)
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DamageError):
        tables.read(bytes(whole))
