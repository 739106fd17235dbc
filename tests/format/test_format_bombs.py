"""Documents and files made to crash, fill or stall whoever reads them."""

from __future__ import annotations

import random
import struct
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from thrift_writer import with_footer, with_last_page

from gtrack.errors import DamageError, ParseError
from gtrack.format.parquet import decode_metrics, encode_metrics, metrics_metadata
from gtrack.format.table import describe_parquet
from gtrack.format.thrift import BINARY, I32, I64, LIST, STRUCT
from gtrack.format.yaml import dump, load

DEEP = 200_000
YAML_BOMBS = {
    "deep brackets": b"a: " + b"[" * DEEP,
    "deep closed brackets": b"a: " + b"[" * DEEP + b"]" * DEEP + b"\n",
    "deep maps": b"a: " + b'{"a": ' * 100_000,
    "just too deep": b"a: " + b"[" * 64 + b"]" * 64 + b"\n",
    "deep in a block": b'a:\n  "b": ' + b"[" * 63 + b"]" * 63 + b"\n",
    "deep lists": b"a:\n " + b"- " * 100_000,
    "deep indentation": b"".join(b" " * level + b"a:\n" for level in range(1000)),
    "complex keys": b"? " * 100_000,
    "a billion laughs": b"a: &a [lol, lol]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(50)),
    "an alias of itself": b"a: &a [*a]\n",
    "merged keys": b"a: &a {b: 1}\nc:\n  <<: *a\n",
    "an object": b"!!python/object/apply:os.system ['true']\n",
    "a huge integer": b"a: 1" + b"0" * 5000 + b"\n",
    "a huge integer in a map": b'a: {"b": -1' + b"0" * 5000 + b"}\n",
    "a huge integer of a megabyte": b"a: " + b"9" * 1_000_000 + b"\n",
    "over a megabyte": b'a: "' + b"x" * (1 << 20) + b'"\n',
    "a million keys": b"".join(b"k%d: 1\n" % n for n in range(1_000_000)),
    "duplicate keys": b'params:\n  "lr": 0.1\n  "lr": 0.2\n',
    "a long key": b'params:\n  "' + b"x" * 2000 + b'": 1\n',
    "NUL": b"a: \x00\n",
    "escape sequence": b"a: \x1b[2J\n",
    "invalid UTF-8": b"a: \xc0\xaf\n",
    "an encoded surrogate": b'a: "\xed\xa0\x80"\n',
    "UTF-16": "a: 1\n".encode("utf-16"),
    "an unclosed string": b'a: "' + b"\\" * 100_001,
    "colons": b":" * 100_000 + b"\n: {",
    "commas": b"a: [" + b"," * 100_000,
    "questions": b"a: {" + b"?" * 100_000,
}


@pytest.mark.parametrize("name", YAML_BOMBS)
def test_a_hostile_document_is_refused_quickly_and_in_one_short_line(name):
    started = time.perf_counter()
    with pytest.raises(ParseError) as caught:
        load(YAML_BOMBS[name], name="end.yaml")
    assert time.perf_counter() - started < 5
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_the_deepest_accepted_document_is_read_by_both_levels():
    data = b'a:\n  "b": ' + b"[" * 62 + b"]" * 62 + b"\n"
    assert dump(load(data)) == data


def test_as_many_keys_as_a_megabyte_holds_are_read_quickly():
    data = b"params:\n" + b"".join(b'  "k%d": 1\n' % n for n in range(70_000))
    started = time.perf_counter()
    assert len(load(data)["params"]) == 70_000
    assert len(load(data.replace(b'"', b""))["params"]) == 70_000
    assert time.perf_counter() - started < 5


def honest(rows=10, **more):
    at = np.arange(rows)
    return encode_metrics(at % 2, ["acc", "loss"], at, at, at.astype(float), **more)


def column(fields, at):
    return fields[4, LIST][0][1, LIST][at][3, STRUCT]


def claim_rows(fields, rows=4_000_000_000):
    fields[3, I64] = fields[4, LIST][0][3, I64] = rows
    for at in range(4):
        column(fields, at)[5, I64] = rows


def nest(fields):
    leaf = fields[2, LIST][1]
    group = {(3, I32): 0, (4, BINARY): b"g", (5, I32): 1}
    fields[2, LIST][1:2] = [*[dict(group) for _ in range(3000)], leaf]


FOOTERS = {
    "a file of four billion rows": claim_rows,
    "three million rows in ten": lambda fields: claim_rows(fields, 3_000_000),
    "a negative number of rows": lambda fields: claim_rows(fields, -1),
    "row groups that disagree": lambda fields: fields.update({(3, I64): 9}),
    "a thousand times the same row group": lambda fields: fields.update({(4, LIST): fields[4, LIST] * 1000}),
    "a deep schema": nest,
    "a schema of one column": lambda fields: fields.update({(2, LIST): fields[2, LIST][:2]}),
    "a column that may be null": lambda fields: fields[2, LIST][1].update({(3, I32): 1}),
    "a repeated column": lambda fields: fields[2, LIST][1].update({(3, I32): 2}),
    "a column of another name": lambda fields: fields[2, LIST][1].update({(4, BINARY): b"keys"}),
    "a column of another type": lambda fields: fields[2, LIST][2].update({(1, I32): 5}),
    "a step that is a time": lambda fields: fields[2, LIST][2].update({(6, I32): 10}),
    "an Arrow schema": lambda fields: fields.update(
        {(5, LIST): [{(1, BINARY): b"ARROW:schema", (2, BINARY): b"eA=="}]}
    ),
    "metadata that is not text": lambda fields: fields.update({(5, LIST): [{(1, BINARY): b"\xff", (2, BINARY): b""}]}),
    "no row groups": lambda fields: fields.pop((4, LIST)),
    "a histogram of two levels": lambda fields: column(fields, 0).update({(16, STRUCT): {(2, LIST): [1, 1]}}),
    "statistics": lambda fields: column(fields, 1).update({(12, STRUCT): {(1, BINARY): b"x"}}),
    "another codec": lambda fields: column(fields, 1).update({(4, I32): 4}),
    "a column before the file": lambda fields: column(fields, 1).update({(9, I64): -100}),
    "a column beyond the file": lambda fields: column(fields, 3).update({(7, I64): 1 << 40}),
    "a column in another file": lambda fields: fields[4, LIST][0][1, LIST][0].update({(1, BINARY): b"/etc/passwd"}),
    "a dictionary elsewhere": lambda fields: column(fields, 2).update({(11, I64): 4}),
    "a row group without columns": lambda fields: fields[4, LIST][0].update({(1, LIST): []}),
    "encryption": lambda fields: fields.update({(8, STRUCT): {(1, STRUCT): {}}}),
}
PAGES = {
    "a page of two gigabytes": {(2, I32): 2**31 - 1},
    "a page of negative size": {(2, I32): -1},
    "a page that claims to end before it begins": {(3, I32): -5},
    "a page beyond the file": {(3, I32): 1 << 30},
    "an index page": {(1, I32): 1},
    "a page of the second kind": {(1, I32): 3},
    "a second dictionary": {(1, I32): 2},
    "a page of more rows": {(5, STRUCT): {(1, I32): 11, (2, I32): 9, (3, I32): 3, (4, I32): 3}},
    "a page of byte arrays by common beginnings": {(5, STRUCT): {(1, I32): 10, (2, I32): 7, (3, I32): 3, (4, I32): 3}},
    "a page without a header of its own": {(5, STRUCT): {}},
}


@pytest.mark.parametrize("name", FOOTERS)
def test_a_forged_footer_is_refused(name):
    refuse(with_footer(honest(), FOOTERS[name]))


@pytest.mark.parametrize("name", PAGES)
def test_a_forged_page_is_refused(name):
    refuse(with_last_page(honest(), lambda header: header.update(PAGES[name])))


def refuse(data):
    started = time.perf_counter()
    with pytest.raises(DamageError) as caught:
        decode_metrics(data)
    assert time.perf_counter() - started < 2
    assert str(caught.value).isprintable()
    assert describe_parquet(data).count("\n") == 1


def test_the_forgers_tools_alone_change_nothing():
    for forged in (with_footer(honest(), lambda fields: None), with_last_page(honest(), lambda header: None)):
        assert decode_metrics(forged).equals(decode_metrics(honest()))


def test_times_that_no_calendar_holds_are_refused():
    at = np.array([2**62])
    fields = [("key", pa.string()), ("step", pa.int64()), ("time", pa.timestamp("us", "UTC")), ("value", pa.float64())]
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])
    columns = [pa.array(["a"]), pa.array(at), pa.array(at, schema.field("time").type), pa.array([1.0])]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=schema), sink, compression="zstd", store_schema=False,
                   write_statistics=False)  # fmt: skip
    refuse(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"PAR1PAR1",
        b"PAR1" + struct.pack("<I", 2**31) + b"PAR1",
        b"PAR1" + b"\x00" + struct.pack("<I", 1) + b"PAR1",
        b"PAR1" + b"\x1c" * 1000 + struct.pack("<I", 1000) + b"PAR1",
        b"PAR1" + b"\x19\xfc\xff\xff\xff\xff\x0f" + struct.pack("<I", 7) + b"PAR1",
        b"PAR1" + bytes(400_000) + struct.pack("<I", 400_000) + b"PAR1",
        b"PARE" + bytes(40) + b"PARE",
        b"PAR1" + bytes(9 << 20) + b"PAR1",
    ],
    ids=range(10),
)
def test_what_is_not_parquet_is_refused(data):
    refuse(data)
    with pytest.raises(DamageError):
        metrics_metadata(data)


def test_thousands_of_flipped_bytes_give_a_table_or_an_error():
    chance = random.Random(0)
    files = [honest(), honest(rank=np.arange(10) % 3, metadata={"a": "b"}), honest(1)]
    for _ in range(3000):
        data = bytearray(chance.choice(files))
        start = chance.choice((4, len(data) - 8 - int.from_bytes(data[-8:-4], "little")))
        for _ in range(chance.choice((1, 1, 3))):
            data[chance.randrange(start, len(data))] ^= 1 << chance.randrange(8)
        try:
            decode_metrics(bytes(data)).to_pylist()
        except DamageError as error:
            assert str(error).isprintable()
