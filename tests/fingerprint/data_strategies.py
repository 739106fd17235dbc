"""Tables of many types, the same table in other storage, and tables in which one thing was changed."""

from __future__ import annotations

import datetime as dt
import io
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from gtrack.fingerprint.describe import describe
from gtrack.fingerprint.described import Described
from gtrack.fingerprint.stat_cache import StatCache

OTHER_STORAGE: dict[pa.DataType, list[pa.DataType | None]] = {
    pa.string(): [pa.large_string(), pa.string_view(), None],
    pa.binary(): [pa.large_binary(), None],
    pa.int64(): [None],
    pa.date32(): [pa.date64()],
    pa.timestamp("us"): [pa.timestamp("ns")],
    pa.timestamp("ms", "UTC"): [pa.timestamp("us", "UTC"), pa.timestamp("ms", "Etc/UTC")],
    pa.duration("ms"): [pa.duration("us"), pa.duration("ns")],
    pa.list_(pa.int32()): [pa.large_list(pa.int32())],
    pa.list_(pa.string()): [pa.large_list(pa.large_string()), pa.list_(pa.string_view())],
}
"""In what else a type can be stored; None for categories."""
TEXT = st.text(max_size=12)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): TEXT,
    pa.binary(): st.binary(max_size=12),
    pa.date32(): st.dates(dt.date(1800, 1, 1), dt.date(2200, 1, 1)),
    pa.timestamp("us"): st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2200, 1, 1)),
    pa.timestamp("ms", "UTC"): st.integers(-(10**12), 10**12),
    pa.duration("ms"): st.integers(-(10**12), 10**12),
    pa.decimal128(9, 2): st.integers(-(10**8), 10**8).map(lambda n: Decimal(n) / 100),
    pa.list_(pa.int32()): st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=3),
    pa.list_(pa.string()): st.lists(TEXT, max_size=3),
    pa.struct([("x", pa.int16()), ("y", pa.string())]): st.fixed_dictionaries(
        {"x": st.integers(0, 9), "y": st.one_of(st.none(), TEXT)}
    ),
}

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.binary(max_size=20).map(repr),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
"""Anything that JSON can hold."""


def digest(data: object, **options: Any) -> str:
    """Return the fingerprint of data."""
    found = described(data, **options).facts["digest"]
    assert isinstance(found, str)
    return found


def described(data: object, features: list[str] | None = None) -> Described:
    """Return all that is known of data in memory."""
    return describe(data, features, StatCache(None))


@st.composite
def tables(draw: st.DrawFn, *, rows: int = 0, types: dict[pa.DataType, st.SearchStrategy[Any]] = VALUES) -> pa.Table:
    """Draw tables of up to four columns, with missing values."""
    kinds = draw(st.lists(st.sampled_from(list(types)), min_size=1, max_size=4))
    count = draw(st.integers(rows, 8))
    names = draw(st.lists(st.text(min_size=1, max_size=5), min_size=len(kinds), max_size=len(kinds), unique=True))
    columns = [
        pa.array(draw(st.lists(st.one_of(st.none(), types[kind]), min_size=count, max_size=count)), kind)
        for kind in kinds
    ]
    return pa.table(columns, names=names)


def in_chunks(table: pa.Table, chance: random.Random) -> pa.Table:
    """Cut a table in pieces, empty ones among them."""
    cuts = sorted(chance.randint(0, len(table)) for _ in range(3))
    pieces = [table.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(table)], strict=True)]
    return pa.concat_tables(pieces)


def as_slice(table: pa.Table, chance: random.Random) -> pa.Table:
    """Make it a piece of a longer table."""
    before = table.slice(len(table) // 2)
    return pa.concat_tables([before, table, table]).combine_chunks().slice(len(before), len(table))


def in_other_storage(table: pa.Table, chance: random.Random) -> pa.Table:
    """Store each column in another way that holds the same values."""

    def other(column: pa.ChunkedArray) -> pa.ChunkedArray:
        wanted = chance.choice(OTHER_STORAGE.get(column.type, [column.type]))
        return column.dictionary_encode() if wanted is None else column.cast(wanted)

    return pa.table([other(column) for column in table.columns], names=table.column_names)


def through_parquet(table: pa.Table, chance: random.Random) -> pa.Table:
    """Write it as Parquet and read it again."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=3, use_dictionary=chance.random() < 0.5)
    return pq.read_table(io.BytesIO(buffer.getvalue()))


def through_ipc(table: pa.Table, chance: random.Random) -> pa.Table:
    """Write it as an Arrow stream and read it again."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def copied(table: pa.Table, chance: random.Random) -> pa.Table:
    """Build it anew, value by value."""
    return pa.table([pa.array(c.to_pylist(), c.type) for c in table.columns], names=table.column_names)


SAME: list[Callable[[pa.Table, random.Random], pa.Table]] = [
    in_chunks,
    as_slice,
    in_other_storage,
    through_parquet,
    through_ipc,
    copied,
]
