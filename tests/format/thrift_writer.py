"""Writes what ``gtrack.format.thrift`` reads, so that tests can forge the headers of a Parquet file."""

from __future__ import annotations

from collections.abc import Callable

from gtrack.format.thrift import BINARY, I32, I64, LIST, STRUCT, Compact, Struct


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def integer(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def value(kind: int, item: object) -> bytes:
    if kind in (4, I32, I64):
        return integer(item)
    if kind == BINARY:
        return varint(len(item)) + item
    if kind == STRUCT:
        return struct(item)
    if kind == LIST:
        inner = I32 if not item else {dict: STRUCT, bytes: BINARY, int: I32}[type(item[0])]
        return b"".join([bytes([0xF0 | inner]), varint(len(item)), *(value(inner, one) for one in item)])
    return b""  # a boolean is in its type


def struct(fields: Struct) -> bytes:
    out, last = b"", 0
    for (number, kind), item in sorted(fields.items()):
        wire = kind if kind not in (1, 2) else 1 if item else 2
        out += (bytes([(number - last) << 4 | wire])) + value(kind, item)
        last = number
    return out + b"\0"


def with_footer(data: bytes, change: Callable[[Struct], None]) -> bytes:
    """Return a Parquet file whose footer was changed."""
    body, fields = footer(data)
    change(fields)
    encoded = struct(fields)
    return body + encoded + len(encoded).to_bytes(4, "little") + b"PAR1"


def footer(data: bytes) -> tuple[bytes, Struct]:
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return data[:start], Compact(data[start:-8]).struct()


def with_last_page(data: bytes, change: Callable[[Struct], None]) -> bytes:
    """Return a Parquet file whose last column's page header was changed, the footer made to fit."""
    body, fields = footer(data)
    column = fields[4, LIST][0][1, LIST][-1][3, STRUCT]
    reader = Compact(body, column[9, I64])
    header = reader.struct()
    change(header)
    encoded = struct(header)
    grown = len(encoded) - (reader.at - column[9, I64])
    column[7, I64] += grown
    body = body[: column[9, I64]] + encoded + body[reader.at :]
    tail = struct(fields)
    return body + tail + len(tail).to_bytes(4, "little") + b"PAR1"
