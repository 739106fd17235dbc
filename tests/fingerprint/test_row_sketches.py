"""What is kept of rows tells how many of them two tables share, exactly or about, and never says more than it knows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from data_strategies import JUNK, described, tables
from hypothesis import given
from hypothesis import strategies as st

from gtrack.fingerprint.rows import array_rows, column_hashes, under_name
from gtrack.fingerprint.sketch import LEAST, Rows, read_sketch, row_change

HASHES = st.lists(st.integers(0, 2**48 - 1).map(lambda high: high << 16), max_size=30)


def keys(count: int, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def rows(*parts: Any) -> Rows:
    return Rows.of(np.concatenate(parts), cells=True)


def recorded(found: Rows) -> Rows:
    """Return what a reader makes of a record."""
    read = read_sketch(json.loads(json.dumps(found.to_dict())), found.rows)
    assert read is not None
    return read


@given(tables(rows=1), st.randoms(use_true_random=False))
def test_a_rows_hash_does_not_depend_on_the_order_of_columns_nor_on_other_rows(table: pa.Table, chance: Any) -> None:
    names = list(table.column_names)
    chance.shuffle(names)
    whole, shuffled = described(table).columns, described(table.select(names)).columns
    assert whole is not None
    assert shuffled is not None
    assert np.array_equal(sum(whole.values()), sum(shuffled[name] for name in names))
    last = described(table.slice(len(table) - 1)).columns
    assert last is not None
    assert sum(last.values())[0] == sum(whole.values())[-1]


def test_a_value_is_the_same_whatever_its_width() -> None:
    for narrow, wide in (("int8", "int64"), ("uint8", "uint32"), ("float32", "float64")):
        values = pa.array([1, None, 3], narrow)
        assert np.array_equal(column_hashes(values), column_hashes(values.cast(wide)))
    assert np.array_equal(column_hashes(pa.array([0.0, None])), column_hashes(pa.array([-0.0, float("nan")])))


def test_hashes_of_a_million_rows_do_not_collide() -> None:
    numbers = under_name(column_hashes(pa.array(np.arange(1 << 18))), "a") + under_name(
        column_hashes(pa.array(np.arange(1 << 18) % 7)), "b"
    )
    texts = column_hashes(pa.array([f"user-{n}" for n in range(1 << 16)]))
    blocks = array_rows(np.eye(300, dtype=np.uint8))
    for found in (numbers, texts, blocks):
        assert len(set(found.tolist())) == len(found)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 16, 4095, 4096, 4097, 10_000])
def test_a_text_of_any_length_is_hashed_to_its_last_byte(length: int) -> None:
    text = "x" * length
    same, *others = column_hashes(pa.array([text, text + "y", text + "\0", text[:-1] + "z", "a" + text])).tolist()
    assert column_hashes(pa.array(["before", text]))[1] == same
    assert same not in others


@given(HASHES, HASHES)
def test_small_tables_are_compared_exactly(a: list[int], b: list[int]) -> None:
    one, two = (rows(np.array(side, np.uint64)) for side in (a, b))
    shared = len(set(a) & set(b))
    assert one.shared(two) == (shared, True)
    change = row_change(recorded(one), recorded(two))
    assert (change.removed, change.added, change.how) == (len(set(a)) - shared, len(set(b)) - shared, "exact")


@pytest.mark.parametrize("changed", [0, 1, 3, 20])
def test_few_changed_rows_of_many_are_counted_exactly(changed: int) -> None:
    for seed in range(10):
        common = keys(3000, seed)
        one, two = rows(common, keys(changed, seed + 100)), rows(common, keys(changed + 1, seed + 200))
        change = row_change(recorded(one), recorded(two))
        assert (change.removed, change.added, change.how) == (changed, changed + 1, "exact")


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_many_changed_rows_are_estimated_and_said_to_be(share: float) -> None:
    count = 20_000
    changed = int(share * count)
    one, two = rows(keys(count, 1)), rows(keys(count, 1)[changed:], keys(changed, 2))
    change = row_change(recorded(one), recorded(two))
    assert change.how == "estimate"
    assert abs(change.added - changed) < 0.1 * count
    assert change.added == change.removed


def test_what_the_sample_does_not_show_is_bounded() -> None:
    common = keys(1_000_000, 1)
    one, two = rows(common, keys(100, 2)), rows(common, keys(100, 3))
    change = row_change(recorded(one), recorded(two))
    assert change.how == "fewer"
    assert 100 <= change.added < 0.013 * 1_000_000


def test_rows_that_repeat_count_once() -> None:
    once, thrice = rows(keys(50, 1)), rows(keys(50, 1), keys(50, 1), keys(50, 1))
    assert once.shared(thrice) == (50, True)
    assert thrice.repeated == pytest.approx(2 / 3)
    assert row_change(recorded(once), recorded(thrice)).how == "exact"
    assert once.total != thrice.total


def test_a_record_stays_small_whatever_the_number_of_rows() -> None:
    assert len(json.dumps(rows(keys(100_000, 1)).to_dict())) < 4000
    assert len(recorded(rows(keys(100_000, 1))).least) == LEAST


@given(st.dictionaries(st.sampled_from(["distinct", "least", "cells", "sum"]), JUNK), JUNK)
def test_a_forged_sketch_is_refused_or_compared_but_never_crashes(record: dict[str, object], count: object) -> None:
    found = read_sketch(record, count)
    if found is not None:
        row_change(found, recorded(rows(keys(1000, 1))))
        found.shared(recorded(rows(keys(1000, 1))))


@given(st.binary(min_size=1152, max_size=1152), st.binary(max_size=1536), st.integers(0, 2**40))
def test_forged_cells_and_hashes_end(cells: bytes, least: bytes, distinct: int) -> None:
    import base64

    record = {
        "distinct": distinct,
        "cells": base64.b64encode(cells).decode(),
        "least": base64.b64encode(least).decode(),
    }
    found = read_sketch(record, distinct)
    if found is not None:
        change = row_change(found, recorded(rows(keys(1000, 1))))
        assert change.added >= 0
        assert change.removed >= 0
