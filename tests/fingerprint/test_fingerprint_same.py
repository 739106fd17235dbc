"""Equal content has an equal fingerprint, whatever its chunks, its storage and the library that holds it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from data_strategies import SAME, VALUES, described, digest, tables
from hypothesis import assume, given
from hypothesis import strategies as st

from gtrack.fingerprint.frames import as_table

PANDAS = {kind: values for kind, values in VALUES.items() if kind in (pa.float64(), pa.float32(), pa.string())}
"""Types that come back from pandas as they were, missing values included."""
WHOLE = {kind: values for kind, values in VALUES.items() if kind in (pa.int8(), pa.int64(), pa.uint32(), pa.bool_())}
"""Those that do so where none is missing."""


@given(tables(), st.lists(st.sampled_from(SAME), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_chunks_slices_copies_and_storage_keep_the_fingerprint(
    table: pa.Table, ways: list[Any], chance: random.Random
) -> None:
    before = described(table)
    for way in ways:
        table = way(table, chance)
    after = described(table)
    assert after.facts["digest"] == before.facts["digest"]
    assert after.facts["columns"] == before.facts["columns"]
    if before.rows is not None and after.rows is not None:
        assert after.rows.to_dict() == before.rows.to_dict()


@given(tables(types=PANDAS))
def test_pandas_and_arrow_agree_where_values_are_missing(table: pa.Table) -> None:
    assert digest(table.to_pandas()) == digest(table)


@given(tables(types=WHOLE))
def test_pandas_and_arrow_agree_on_whole_numbers(table: pa.Table) -> None:
    full = table.drop_null()
    assert digest(full.to_pandas()) == digest(full)


@given(tables(types={kind: values for kind, values in VALUES.items() if not pa.types.is_decimal(kind)}))
def test_polars_and_arrow_agree(table: pa.Table) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    assume("\0" not in "".join(str(field.type) for field in table.schema))
    frame = polars.from_arrow(table)
    assert digest(frame) == digest(table)
    if not any("\0" in name for name in table.column_names):  # which ends the process
        assert digest(frame.to_arrow()) == digest(table)


def test_a_nul_in_a_name_of_polars_ends_no_process() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    column = pa.array([1, 2])
    assert digest(polars.DataFrame({"a\0b": [1, 2]})) == digest(pa.table({"a\0b": column}))
    assert digest(polars.Series("a\0b", [1, 2])) == digest(polars.DataFrame({"a\0b": [1, 2]}))
    with pytest.raises(TypeError, match="has a NUL"):
        as_table(polars.DataFrame({"a": [{"x\0": 1}]}))
    with pytest.raises(TypeError, match="has a NUL"):
        as_table(polars.Series("a", [[{"x\0": 1}]]))


def test_pandas_frames_of_all_kinds_agree_with_arrow() -> None:
    frame = pd.DataFrame(
        {
            "float": [1.5, np.nan, 3],
            "text": ["a", None, "c"],
            "category": pd.Categorical(["x", "y", None]),
            "ordered": pd.Categorical(["x", "y", "x"], ["y", "x"], ordered=True),
            "time": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
            "zoned": pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("UTC"),
            "nullable": pd.array([1, None, 3], "Int64"),
            "masked": pd.array([True, None, False], "boolean"),
            "objects": pd.Series(["a", None, "c"], dtype=object),
            "lists": [[1], [2, 3], None],
            "dicts": [{"a": 1}, None, {"a": 2}],
        }
    )
    found = described(frame)
    assert found.facts["digest"] == digest(pa.Table.from_pandas(frame))
    columns = found.facts["columns"]
    assert isinstance(columns, list)
    assert [column["type"] for column in columns] == [
        *("float64", "string", "string", "string", "datetime", "datetime[UTC]", "int64", "bool", "string"),
        *("list<int64>", 'struct<"a": int64>'),
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_moment_is_the_same_in_any_unit(unit: str) -> None:
    seconds = pa.array([0, 86_400, None], pa.timestamp("s"))
    assert digest(pa.table({"t": seconds.cast(pa.timestamp(unit))})) == digest(pa.table({"t": seconds}))
    frame = pd.DataFrame({"t": pd.to_datetime(["1970-01-01", "1970-01-02", None]).astype(f"datetime64[{unit}]")})
    assert digest(frame) == digest(pa.table({"t": seconds}))


def test_missing_and_not_a_number_are_one_in_columns_of_floats_whatever_the_bits() -> None:
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], "<u8").view("<f8")
    assert digest(pd.DataFrame({"x": odd})) == digest(pd.DataFrame({"x": [np.nan, np.nan]}))
    assert digest(pa.table({"x": pa.array([None, None], pa.float64())})) == digest(pd.DataFrame({"x": odd}))
    assert digest(odd) == digest(np.array([np.nan, np.nan]))


def test_an_index_that_only_counts_is_no_content_and_any_other_is_a_column() -> None:
    frame = pd.DataFrame({"x": [1, 2, 3]})
    plain = digest(frame)
    assert digest(frame.set_axis([0, 1, 2])) != plain
    assert digest(frame.set_axis(range(1, 4))) != plain
    assert digest(frame.rename_axis("id")) != plain
    keyed = frame.set_axis(pd.Index([7, 8, 9], name="id"))
    assert digest(keyed) == digest(pa.table({"x": [1, 2, 3], "id": [7, 8, 9]}))
    assert digest(keyed) == digest(pa.Table.from_pandas(keyed))
    levels = frame.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]))
    assert digest(levels) == digest(pa.Table.from_pandas(levels))


def test_a_column_alone_is_a_table_of_one() -> None:
    series = pd.Series([1.5, 2.5], name="y")
    assert digest(series) == digest(pd.DataFrame({"y": series}))
    assert digest(pa.array([1.5, 2.5])) == digest(pa.chunked_array([[1.5], [2.5]]))


def test_columns_given_as_a_map_are_a_table() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    assert digest({"a": [1, 2], "b": np.array(["x", "y"], dtype=object)}) == digest(table)
    assert digest(np.array([(1, 2.5), (3, 4.5)], [("a", "<i8"), ("b", "<f8")])) == digest(
        {"a": [1, 3], "b": [2.5, 4.5]}
    )


def test_sparse_and_complex_columns_of_pandas_have_a_fingerprint() -> None:
    sparse = pd.DataFrame({"x": pd.arrays.SparseArray([0.0, 0.0, 1.0])})
    assert digest(sparse) == digest(pd.DataFrame({"x": [0.0, 0.0, 1.0]}))
    numbers = pd.DataFrame({"z": [1 + 2j, 0]})
    assert digest(numbers) == digest(numbers.copy()) != digest(pd.DataFrame({"z": [1 + 3j, 0]}))


def test_objects_that_arrow_has_no_type_for_are_hashed_as_json() -> None:
    frame = pd.DataFrame({"mixed": [1, "a", None]})
    (column,) = described(frame).facts["columns"]  # type: ignore[misc]
    assert column["type"] == "object"
    assert digest(frame) == digest(frame.copy()) != digest(pd.DataFrame({"mixed": ["1", "a", 2.5]}))


@pytest.mark.parametrize("dtype", ["<f8", "<f4", "<i2", "|b1", "|u1", "<U5", "<M8[s]", "<c16"])
def test_an_array_is_its_type_shape_and_content_in_c_order(dtype: str) -> None:
    array = np.arange(12).astype(dtype).reshape(3, 4)
    same = (np.asfortranarray(array), array.copy(), np.concatenate([array, array])[3:], array[:, ::-1][:, ::-1])
    assert {digest(each) for each in same} == {digest(array)}
    other = array.reshape(4, 3), array.ravel(), array[::-1]
    assert digest(array) not in {digest(each) for each in other}


def test_byte_order_is_storage() -> None:
    assert digest(np.arange(5, dtype=">i4")) == digest(np.arange(5, dtype="<i4")) != digest(np.arange(5, dtype="<u4"))


@pytest.mark.frameworks
def test_tensors_agree_with_arrays() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    tensor = torch.arange(6.0, requires_grad=True).reshape(2, 3)
    assert digest(tensor) == digest(np.arange(6, dtype="f4").reshape(2, 3)) == digest(tensor.T.contiguous().T)
    assert described(torch.ones(2, dtype=torch.bfloat16)).facts["type"] == "bfloat16"


@pytest.mark.frameworks
def test_hugging_face_data_sets_agree_with_what_they_hold() -> None:
    datasets = pytest.importorskip("datasets", reason="needs datasets")
    frame = pd.DataFrame({"text": ["a", None, "c"], "label": [0, 1, 0]})
    data = datasets.Dataset.from_pandas(frame)
    found = described(data)
    assert found.facts["digest"] == digest(frame)
    assert found.facts["source"] == {"huggingface": {"fingerprint": data._fingerprint}}
    assert digest(data.select([2, 0])) == digest(frame.iloc[[2, 0]].reset_index(drop=True))
