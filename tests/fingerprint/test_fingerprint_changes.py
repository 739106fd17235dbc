"""A renamed column, another type, one changed cell, rows or columns in another order: another fingerprint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from data_strategies import VALUES, described, digest, tables
from hypothesis import assume, given
from hypothesis import strategies as st

from gtrack.fingerprint.canonical import table_digest


def edited(table: pa.Table, column: int, row: int, value: object) -> pa.Table:
    values = table.column(column).to_pylist()
    values[row] = value
    kind = table.schema.field(column).type
    return table.set_column(column, table.column_names[column], pa.array(values, kind))


@given(tables(rows=1), st.data())
def test_one_changed_cell_changes_it(table: pa.Table, data: st.DataObject) -> None:
    column = data.draw(st.integers(0, table.num_columns - 1))
    row = data.draw(st.integers(0, table.num_rows - 1))
    values = VALUES[table.schema.field(column).type]
    other = edited(table, column, row, data.draw(st.one_of(st.none(), values)))
    assume(not other.equals(table))
    assert digest(other) != digest(table)
    changed = [
        a != b
        for a, b in zip(described(table).facts["columns"], described(other).facts["columns"], strict=True)  # type: ignore[call-overload]
    ]
    assert [at for at, is_other in enumerate(changed) if is_other] == [column]


@given(tables(), st.data())
def test_a_renamed_column_changes_it_and_keeps_the_columns_own(table: pa.Table, data: st.DataObject) -> None:
    column = data.draw(st.integers(0, table.num_columns - 1))
    names = list(table.column_names)
    names[column] += "x"
    other = table.rename_columns(names)
    assert digest(other) != digest(table)
    one, two = (described(each).facts["columns"][column] for each in (table, other))  # type: ignore[index]
    assert (one["type"], one["digest"]) == (two["type"], two["digest"])


@given(tables(rows=2), st.permutations(range(8)))
def test_rows_in_another_order_change_it_and_are_known_as_the_same_rows(table: pa.Table, order: list[int]) -> None:
    other = table.take([at for at in order if at < len(table)])
    assume(not other.equals(table))
    one, two = described(table), described(other)
    assert one.facts["digest"] != two.facts["digest"]
    assert one.rows is not None
    assert two.rows is not None
    assert one.rows.to_dict() == two.rows.to_dict()


@given(tables(rows=1))
def test_a_row_more_or_less_changes_it(table: pa.Table) -> None:
    assert digest(table.slice(1)) != digest(table) != digest(pa.concat_tables([table, table.slice(0, 1)]))


def test_columns_in_another_order_change_it() -> None:
    assert digest({"a": [1], "b": [1]}) != digest({"b": [1], "a": [1]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int32", "int64"),
        ("int64", "uint64"),
        ("float32", "float64"),
        ("int64", "float64"),
        ("datetime64[us]", "datetime64[us, UTC]"),
        ("datetime64[us, UTC]", "datetime64[us, Europe/Berlin]"),
        ("str", "object"),
    ],
)
def test_another_type_changes_it(one: str, other: str) -> None:
    series = pd.Series([1, 2, 3])
    typed = [
        series.astype("datetime64[us]").astype(each) if "datetime" in each and "," not in each else series
        for each in (one, other)
    ]
    first = _as(typed[0], one)
    second = _as(typed[1], other)
    assert digest(first) != digest(second)


def _as(series: Any, dtype: str) -> Any:
    if "," in dtype:
        return series.astype("datetime64[us]").dt.tz_localize("UTC").astype(dtype)
    return series.astype(dtype)


def test_the_same_bytes_cut_in_other_texts_are_other_content() -> None:
    one, other = {"x": ["ab", "c"]}, {"x": ["a", "bc"]}
    assert digest(one) != digest(other)
    assert digest({"x": [[1], [2, 3]]}) != digest({"x": [[1, 2], [3]]})
    assert digest({"x": ["", None]}) != digest({"x": [None, ""]}) != digest({"x": ["", ""]})
    last = b"\0" * 32
    whole = [table_digest(1, [("a", b"b" * 32), ("c", last)]), table_digest(1, [("ab", b"b" * 31 + b"c"), ("", last)])]
    assert whole[0] != whole[1]


def test_minus_zero_is_not_zero_and_a_text_is_not_bytes() -> None:
    assert digest(np.array([0.0])) != digest(np.array([-0.0]))
    assert digest({"x": ["a"]}) != digest({"x": [b"a"]})
    assert digest(np.arange(4)) != digest({"": np.arange(4)})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: (n for n in range(3)), "a generator"),
        (lambda: 3.5, "a float"),
        (object, "a object"),
        (lambda: {"a": [1], "b": [1, 2]}, "not equally long"),
        (lambda: np.ma.masked_array([1, 2], [True, False]), "masked"),
        (
            lambda: {
                "x": pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["", ""])])
            },
            "no fingerprint",
        ),
    ],
)
def test_what_has_no_fingerprint_says_what_to_log_instead(make: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        described(make())


@pytest.mark.frameworks
def test_loaders_say_what_to_log_instead() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    with pytest.raises(TypeError, match="loader: log the data set"):
        described(torch.utils.data.DataLoader([1, 2]))


def test_queries_say_what_to_log_instead() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    with pytest.raises(TypeError, match=r"frame.collect\(\)"):
        described(polars.LazyFrame({"a": [1]}))


def test_extension_types_differ_by_their_parameters_and_from_what_they_store() -> None:
    flat = np.zeros((2, 4))
    square, row = (pa.FixedShapeTensorArray.from_numpy_ndarray(flat.reshape(2, *shape)) for shape in ((2, 2), (4,)))
    assert len({digest({"x": array}) for array in (square, row, square.storage)}) == 3


def test_what_can_be_read_only_once_is_left_alone() -> None:
    reader = pa.table({"a": [1, 2]}).to_reader()
    with pytest.raises(TypeError, match="only once"):
        described(reader)
    assert reader.read_all().num_rows == 2


def test_a_feature_that_is_no_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'agee'"):
        described({"age": [1]}, ["agee"])
