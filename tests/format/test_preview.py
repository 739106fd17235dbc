"""Previews: every summary of a thinned series is that of the whole, and the size has a bound."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.errors import DamageError
from gtrack.format.parquet import decode_metrics, metrics_metadata
from gtrack.format.preview import MARK, Mark, encode_preview, kept, order_of, read_mark
from gtrack.spool.reading import Points, summarise

ROOM = 32 << 10
values = st.floats() | st.sampled_from((0.0, -0.0, 1.0, math.nan, math.inf, -math.inf))
names = st.sampled_from(("loss", "val/loss", "lr"))
points = st.lists(st.tuples(names, st.integers(-3, 40), st.integers(0, 3), values, st.integers(-1, 1)), max_size=120)
crowded = st.lists(
    st.tuples(st.sampled_from(("loss", "lr")), st.integers(0, 9), st.integers(0, 1), values, st.integers(-1, 0)),
    min_size=40,
    max_size=120,
)
"""Many points at few moments, so that most of them go."""


def as_points(rows):
    keys = list(dict.fromkeys(row[0] for row in rows))
    key = np.array([keys.index(row[0]) for row in rows], np.int64)
    columns = [np.array([row[at] for row in rows], kind) for at, kind in ((1, "i8"), (2, "i8"), (3, "f8"), (4, "i4"))]
    return Points(keys, key, *columns)


def preview(given, *, room=ROOM, leading=()):
    return encode_preview(
        given.key, given.keys, given.step, given.time, given.value, given.rank, room=room, leading=leading
    )


def rows_of(data):
    table = decode_metrics(data)
    rank = table["rank"].to_pylist() if "rank" in table.column_names else [-1] * len(table)
    columns = [table[name].to_pylist() for name in ("key", "step")]
    return list(zip(*columns, table["time"].cast("int64").to_pylist(), table["value"].to_pylist(), rank, strict=True))


def thinned(given, buckets):
    """Return what stays of points with so many buckets a series, and where in sorted order each series begins."""
    order = order_of(given.key, given.step, given.time, given.value, given.rank)
    code, rank, value = given.key[order], given.rank[order], given.value[order]
    starts = [at for at in range(len(order)) if not at or (code[at], rank[at]) != (code[at - 1], rank[at - 1])]
    chosen = kept(np.array(starts, np.int64), value, np.full(len(starts), buckets))
    mask = np.zeros(len(order), bool)
    mask[order[chosen]] = True
    return given.select(mask), value, starts, set(chosen.tolist())


def noisy(keys, length, *, seed=0):
    chance = np.random.default_rng(seed)
    step = np.tile(np.arange(length), keys)
    return Points(
        [f"metric/{number}" for number in range(keys)],
        np.repeat(np.arange(keys), length),
        step,
        1_795_000_000_000_000 + 100_000 * step + chance.integers(0, 5000, len(step)),
        chance.normal(size=len(step)),
        np.full(len(step), -1, np.int32),
    )


def counts_of(data):
    counts = {}
    for key, *_ in rows_of(data):
        counts[key] = counts.get(key, 0) + 1
    return counts


@settings(max_examples=100)
@given(crowded, st.integers(1, 4))
def test_every_summary_of_a_preview_is_that_of_the_whole_but_for_the_counts(rows, buckets):
    given = as_points(rows)
    stays, *_ = thinned(given, buckets)
    whole, short = summarise(given), summarise(stays)
    assert whole.keys() == short.keys()
    for key, summary in whole.items():
        seen = replace(short[key], count=summary.count, nan=summary.nan)
        assert repr(seen) == repr(summary)
        assert (short[key].nan > 0) == (summary.nan > 0)
        assert short[key].count <= summary.count


@settings(max_examples=100)
@given(st.lists(values, min_size=1, max_size=60), st.integers(1, 9))
def test_every_bucket_keeps_its_ends_its_extremes_and_a_nan(series, buckets):
    given = as_points([("loss", step, 0, value, -1) for step, value in enumerate(series)])
    _, value, _, stays = thinned(given, buckets)
    count = len(series)
    if count <= 4 * buckets:
        assert stays == set(range(count))
        return
    for number in range(buckets):
        bucket = [at for at in range(count) if at * buckets // count == number]
        assert {bucket[0], bucket[-1]} <= stays
        known = [at for at in bucket if not math.isnan(value[at])]
        if known:
            assert min(known, key=lambda at: (value[at], at)) in stays
            assert min(known, key=lambda at: (-value[at], at)) in stays
        if len(known) < len(bucket):
            assert any(math.isnan(value[at]) for at in bucket if at in stays)
        assert len(stays.intersection(bucket)) <= 5


@settings(max_examples=60)
@given(points)
def test_a_preview_of_short_series_is_the_series(rows):
    whole = sorted(map(repr, rows))
    assert sorted(map(repr, rows_of(preview(as_points(rows))))) == whole


@settings(max_examples=40)
@given(points, st.integers(1024, 3000))
def test_what_is_in_a_preview_is_in_the_series_and_it_fits(rows, room):
    data = preview(as_points(rows), room=room)
    assert len(data) <= room
    left = list(map(repr, rows))
    for row in map(repr, rows_of(data)):
        left.remove(row)
    mark = read_mark(metrics_metadata(data))
    assert (mark.points, mark.keys) == (len(rows), len({row[0] for row in rows}))


@settings(max_examples=40)
@given(points, st.randoms(use_true_random=False))
def test_the_bytes_are_a_function_of_the_set_of_points(rows, random):
    shuffled = as_points(random.sample(rows, len(rows)))
    assert preview(as_points(rows), room=1500) == preview(shuffled, room=1500)


@pytest.mark.parametrize(("keys", "length"), [(1, 200_000), (10, 1000), (300, 100), (5000, 8)])
@pytest.mark.parametrize("room", [ROOM, 4096])
def test_a_preview_fits_whatever_the_number_of_metrics(keys, length, room):
    given = noisy(keys, length)
    data = preview(given, room=room)
    assert room / 2 < len(data) <= room
    mark = read_mark(metrics_metadata(data))
    assert (mark.points, mark.keys) == (keys * length, keys)
    seen = counts_of(data)
    assert len(seen) == keys or mark.buckets == 1, "metrics are left out before others have one bucket"
    assert max(seen.values()) <= 5 * mark.buckets


def test_leading_metrics_stay_and_are_finer_where_not_all_have_a_place():
    given = noisy(5000, 50)
    given.keys[17], given.keys[4000] = "val_loss", "z"
    seen = counts_of(preview(given, leading=["metric/4999", "val_loss"]))
    others = {key: count for key, count in seen.items() if key not in ("metric/4999", "val_loss")}
    assert min(seen["metric/4999"], seen["val_loss"]) == 50
    assert max(others.values()) <= 5
    assert "z" in others, "a name of one part comes before those of two"
    assert len(seen) < 5000


def test_ranks_are_series_of_their_own():
    step = np.repeat(np.arange(4000), 2)
    rank = np.tile(np.array([0, 1], np.int32), 4000)
    noise = np.random.default_rng(0).uniform(size=8000)
    given = Points(["loss"], np.zeros(8000, np.int64), step, step, np.where(rank, 5.0, noise), rank)
    rows = rows_of(preview(given, room=2000))
    assert len(rows) < 200
    for number in (0, 1):
        mine = [(step, value) for _, step, _, value, of in rows if of == number]
        assert [mine[0][0], mine[-1][0]] == [0, 3999]
        whole = given.value[rank == number]
        assert [min(value for _, value in mine), max(value for _, value in mine)] == [whole.min(), whole.max()]


def test_a_mark_comes_back():
    mark = Mark(64, 100_000, 12)
    assert read_mark({MARK: mark.to_text(), "other": "x"}) == mark


@pytest.mark.parametrize(
    "text",
    [
        None, "", "[]", "7", "null", "{", "{}", '{"buckets": 1, "points": 2}',
        '{"buckets": 1, "points": -1, "keys": 1}',
        '{"buckets": 1, "points": 1.5, "keys": 1}', '{"buckets": true, "points": 1, "keys": 1}',
        '{"buckets": 1, "points": 1e400, "keys": 1}', json.dumps({"buckets": 1, "points": 10**30, "keys": 1}),
        '{"buckets": "1", "points": 1, "keys": 1}', "[" * 4000, "x" * 5000,
    ],
)  # fmt: skip
def test_a_mark_that_cannot_be_is_refused(text):
    with pytest.raises(DamageError, match="preview"):
        read_mark({} if text is None else {MARK: text})
